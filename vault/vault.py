"""The vault: three stores in three directories under one roof, and what composes them.

DIRECTORY/keys/       keys.db, root.slot (never copy it), lock
DIRECTORY/records/    records.db, blocks.db, certificate.key
DIRECTORY/identity/   identity.db
"""

import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Seconds, SubjectId
from vault import certificates, clocks, identity, keys, records, sagas, standing
from vault import paths as tree
from vault.blocks import SqliteBlockStore
from vault.certificates import Certificate, CertificateBook, load_signer
from vault.clocks import Deadlines, TrustedClock, Urgency
from vault.database import Database
from vault.directory import SubjectDirectory
from vault.erasure import Erasures
from vault.errors import StoreUnavailable, VaultError
from vault.holds.keeper import Holds, SiloDoor
from vault.identity import IdentityMap
from vault.keys import Epoch, KeyTree, nothing
from vault.locking import ProcessLock
from vault.records import RecordKeeper, RecordShelf
from vault.remnants import Finding
from vault.retention.months import Months
from vault.retention.policy import RetentionPolicy
from vault.retention.ticks import SCHEMA as TICK_SCHEMA
from vault.retention.ticks import Ticks
from vault.roots import VAULT_ID_SIZE, FileRootSlot
from vault.sagas import Cause, Erasure, ErasureTable
from vault.slots import Slots
from vault.standing import StandingOrders
from vault.stores import COUNTS, ErasureTarget, IdentityEntries, KeyStore, RecordRows, SealedBlocks, count_rows
from vault.tags import PersonTags

KEYS, RECORDS, IDENTITY = "keys", "records", "identity"
KEYS_FILE, ROOT_FILE, LOCK_FILE = f"{KEYS}/keys.db", f"{KEYS}/root.slot", f"{KEYS}/lock"
RECORDS_FILE, BLOCKS_FILE = f"{RECORDS}/records.db", f"{RECORDS}/blocks.db"
SIGNER_FILE, IDENTITY_FILE = f"{RECORDS}/certificate.key", f"{IDENTITY}/identity.db"


def system_clock() -> Seconds:
    """UTC seconds now."""
    return Seconds(int(time.time()))


@dataclass(frozen=True, slots=True)
class VaultOptions:
    """What a vault is opened with; the defaults are for production.

    `allow_remnants` accepts a root slot where overwritten secrets may stay readable: the finding is in `status()`.
    """

    tenant: int = 0
    allow_remnants: bool = False
    clock: Callable[[], Seconds] = system_clock
    entropy: Callable[[int], bytes] = os.urandom
    on_step: Callable[[str], None] = field(default=nothing)
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    silo: Path | None = None
    """Where the silo of legal holds is; beside the vault under its name with "-silo" if None."""


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """A vault at a glance; nothing in it identifies anybody."""

    vault_id: str
    epoch: int
    subjects: int
    records: int
    open_erasures: int
    overdue: int
    """Clocks of erasures, notices and appeals that ran out."""
    nearly_overdue: int
    missed: int
    """Clocks that were met too late, ever."""
    holds: int
    """Placed, and not moved to the silo yet."""
    certificates: int
    certificates_to_anchor: int
    locked: bool
    """Restored from before an erasure: serves nothing until `replay`."""
    root_slot: Finding


class Vault:
    """One vault, opened for writing by one process.

    `records` seals and opens, `identity` enrols, `erasures` forgets, `certificates` proves it; `holds` keeps what a law
    keeps, `orders` are ends that were agreed, `months` what retention looks at.
    """

    records: RecordKeeper
    identity: IdentityMap
    erasures: Erasures
    certificates: CertificateBook
    holds: Holds
    orders: StandingOrders
    months: Months

    def __init__(self, directory: Path, options: VaultOptions) -> None:
        """Use `Vault.create` or `Vault.open`."""
        self.directory = directory
        self._options = options
        self._closers: list[Callable[[], None]] = []
        self._locked = False
        try:
            self._open_parts()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, directory: Path, options: VaultOptions | None = None) -> Self:
        """Make a vault where there is none; complete or not there at all. Raises `VAULT_EXISTS`, `ROOT_REMNANTS`."""
        options = options or VaultOptions()
        if directory.exists() and any(directory.iterdir()):
            raise StoreUnavailable("VAULT_EXISTS", "something is in this directory already", "open it instead")
        directory.parent.mkdir(parents=True, exist_ok=True)
        fresh = directory.parent / f".{directory.name}.{options.entropy(8).hex()}.new"
        _make_files(fresh, options)
        fresh.rename(directory)
        return cls(directory, options)

    @classmethod
    def open(cls, directory: Path, options: VaultOptions | None = None) -> Self:
        """Open a vault. Raises `VAULT_MISSING`, `VAULT_IN_USE`, `VAULT_READ_ONLY`, or what `RootRefused` and the
        stores say. Erasures that were under way go on when `erasures.resume()` is called."""
        try:
            there = (directory / KEYS).is_dir()
        except PermissionError:
            hint = "run as the vault's owner"
            raise StoreUnavailable("VAULT_READ_ONLY", "this directory is not open to you", hint) from None
        if not there:
            raise StoreUnavailable("VAULT_MISSING", "there is no vault in this directory", "create it first")
        return cls(directory, options or VaultOptions())

    def _open_parts(self) -> None:
        options, tenant = self._options, self._options.tenant
        self._keep(ProcessLock(self.directory / LOCK_FILE).close)
        self._root = FileRootSlot(self.directory / ROOT_FILE, allow_remnants=options.allow_remnants)
        self._keep(self._root.close)
        key_rows = self._database(KEYS_FILE)
        vault_id = key_rows.meta("vault id")
        self._keys = KeyTree(key_rows, self._root, bytes(vault_id), options.entropy, options.on_step)
        self._slots = Slots(key_rows, tenant)
        self._rows = self._database(RECORDS_FILE)
        self._blocks = SqliteBlockStore(self.directory / BLOCKS_FILE)
        self._keep(self._blocks.close)
        self._directory = SubjectDirectory(self._rows, self._keys, options.entropy)
        shelf = RecordShelf(self._rows, self._blocks, self._keys, self._slots, self._directory, tenant, options.entropy)
        self.records = RecordKeeper(shelf, self._check_use)
        identity_rows = self._database(IDENTITY_FILE)
        self.identity = IdentityMap(identity_rows, self._keys, self._slots, tenant, options.entropy, self._check_lock)
        self._tags = PersonTags(self.identity, self._keys)
        self._open_erasures()
        self._open_retention(RecordKeeper(shelf, lambda _subject, _path: None))
        self._locked = bool(self._slots.behind or self._revived())
        self._keep(self._keep_heard)

    def _open_erasures(self) -> None:
        options = self._options
        signer = load_signer(self.directory / SIGNER_FILE)
        self.certificates = CertificateBook(self._rows, signer, options.entropy)
        table = ErasureTable(self._rows, self._keys, self._slots, options.tenant, options.entropy)
        self._own_stores = (
            KeyStore(self._keys, self._slots),
            SealedBlocks(self._blocks, self._rows),
            RecordRows(self._rows, self._directory),
            IdentityEntries(self.identity),
        )
        self.clock = TrustedClock(self._rows, options.clock)
        deadlines = Deadlines(self._rows, self.clock)
        self.erasures = Erasures(table, self.certificates, self._own_stores, deadlines, self.clock, options.on_step)

    def _open_retention(self, all_records: RecordKeeper) -> None:
        """`all_records` also opens what is being erased: what a law keeps of it is moved first."""
        entropy = self._options.entropy
        self.orders = StandingOrders(self._rows, self._keys, self._slots, self.identity, entropy)
        self.holds = Holds(self.orders, self.identity, all_records, self.open_silo, self.clock)
        self.erasures.retain = self.holds.retain
        self.months = Months(self._rows, all_records, self._options.tenant)
        self.ticks = Ticks(self._rows)

    @property
    def retention(self) -> RetentionPolicy:
        """How long what is kept."""
        return self._options.retention

    @property
    def silo_directory(self) -> Path:
        """Where the silo of legal holds is, or would be."""
        return self._options.silo or self.directory.with_name(f"{self.directory.name}-silo")

    def open_silo(self) -> SiloDoor:
        """The silo, for the moment of use: close it again. Raises `SILO_MISSING`, `VAULT_IN_USE`."""
        from vault.holds.silo import Silo  # the silo is a vault itself

        return Silo(self.silo_directory, replace(self._options, on_step=nothing, silo=None))

    def _database(self, name: str) -> Database:
        database = Database(self.directory / name, "")
        self._keep(database.close)
        return database

    def _keep(self, closer: Callable[[], None]) -> None:
        self._closers.append(closer)

    def _keep_heard(self) -> None:
        with suppress(VaultError):  # a full disk: only the notice of what the last commit rolled back is lost
            self._slots.keep_heard()

    def _check_lock(self) -> None:
        if self._locked:
            hint = "call replay: it forgets again what was erased since this backup"
            raise Refusal(RefusalCode.SERVICE_LOCKED_PENDING_REPLAY, "this vault was restored from a backup", hint)

    def _check_use(self, subject: SubjectId, path: tree.Path) -> None:
        self._check_lock()
        if self.erasures.is_stopped(subject, path):
            raise VaultError("ERASURE_UNDER_WAY", "this is being erased", "do not retry")
        if subject not in self.identity:
            raise VaultError("SUBJECT_UNKNOWN", "there is no such subject", "it never was or was erased")

    def tag_key_of(self, subject: SubjectId) -> bytes | None:
        """The key under which a person is tagged outside the sealed records; None once erased. See `vault.tags`."""
        return self._tags.key_of(subject)

    def target_of(self, subject: SubjectId) -> ErasureTarget:
        """Everything the vault holds of a subject. Raises `SUBJECT_UNKNOWN`."""
        slot = self.identity.slot_of(subject)
        if slot is None:
            raise VaultError("SUBJECT_UNKNOWN", "there is no such subject", "it never was or was erased")
        return ErasureTarget(subject, (*self._directory.slots_of(subject), slot))

    def request_erasure(
        self, subject: SubjectId, cause: Cause, request_key: str | None = None, cause_at: Seconds | None = None
    ) -> Erasure:
        """Begin to erase a subject: from here on nothing of it is read or written. `erasures.run` goes on.
        The clocks run from `cause_at`, now if None.

        A second request for the subject, or with the `request_key` of an earlier one, gives the erasure that is there.
        Raises `SUBJECT_UNKNOWN`.
        """
        with self._rows.lock:
            known = self.erasures.find(request_key)
            return known or self.erasures.request(cause, self.target_of(subject), request_key, cause_at)

    def erase(
        self, subject: SubjectId, cause: Cause, *, identity_verified: bool = False, request_key: str | None = None
    ) -> Certificate:
        """Erase a subject everywhere and certify it; see `vault.erasure` for the refusals that leave it open.

        With the `request_key` of an erasure that is over, its certificate comes back and nothing else happens.
        """
        erasure = self.request_erasure(subject, cause, request_key)
        return self.erasures.certificate_of(self.erasures.run(erasure.id, identity_verified=identity_verified))

    def erase_period(self, period: int, cause: Cause = Cause.RETENTION_END) -> Certificate:
        """Erase all records of a period (a month, see `vault.paths`) in one epoch; identities stay."""
        target = ErasureTarget(None, (self.period_prefix(period),))
        erasure = self.erasures.request(cause, target)
        return self.erasures.certificate_of(self.erasures.run(erasure.id))

    def period_prefix(self, period: int) -> tree.Path:
        """The prefix of all records of a period. Raises `PATH_INVALID` for the timeless one."""
        if period == tree.TIMELESS_PERIOD:
            raise VaultError("PATH_INVALID", "period 0 holds the identity entries, not records")
        return tree.period_path(self._options.tenant, period)

    def refresh(self, *, every: bool = False) -> Epoch:
        """An epoch that erases nothing: keys of slots not used yet stop deriving from today's root. Run it daily.

        `every` also covers the free slots of every subject of every period; it takes longer the more there are.
        """
        return self._keys.erase((), lambda: self._slots.frontiers(every=every))

    def replay(self) -> int:
        """Forget again what was erased after the moment this backup was made, then unlock. Returns the prefixes."""
        revived = tuple(self._revived())
        for store in self._own_stores[1:]:
            store.erase(ErasureTarget(None, revived))
        self._directory.load()
        self.identity.load()
        self._slots.accept()
        self._locked = bool(self._revived())
        return len(revived)

    def _revived(self) -> list[tree.Path]:
        """Erased prefixes of which rows are here again, except those an open erasure is about to take."""
        return [
            prefix
            for prefix, _ in self._keys.tombstones()
            if not self.erasures.covers(prefix)
            and sum(count_rows(self._rows, table, [prefix]) for table in COUNTS) + self.identity.count([prefix])
        ]

    def status(self) -> VaultStatus:
        """The vault at a glance. Refuses `CLOCK_UNTRUSTED`."""
        clocks_now = Counter(deadline.urgency for deadline in self.erasures.deadlines.running())
        return VaultStatus(
            vault_id=self._keys.vault_id.hex(),
            epoch=self._keys.epoch,
            subjects=len(self.identity),
            records=int(self._rows.value("SELECT count(*) FROM record")),
            open_erasures=len(self.erasures.unfinished()),
            overdue=clocks_now[Urgency.OVERDUE],
            nearly_overdue=clocks_now[Urgency.NEARLY_OVERDUE],
            missed=self.erasures.deadlines.missed(),
            holds=len(self.holds.placed()),
            certificates=len(self.certificates.all()),
            certificates_to_anchor=len(self.certificates.pending()),
            locked=self._locked,
            root_slot=self._root.finding,
        )

    def close(self) -> None:
        """Drop the keys in memory and close every file; a second call does nothing."""
        while self._closers:
            self._closers.pop()()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _make_files(directory: Path, options: VaultOptions) -> None:
    """A whole empty vault, at epoch 0."""
    for name in (KEYS, RECORDS, IDENTITY):
        (directory / name).mkdir(mode=0o700, parents=True)
    directory.chmod(0o700)
    root = FileRootSlot(directory / ROOT_FILE, create=True, allow_remnants=options.allow_remnants)
    rows = Database(directory / KEYS_FILE, keys.SCHEMA, create=True)
    vault_id = options.entropy(VAULT_ID_SIZE)
    rows.execute("INSERT INTO meta VALUES ('vault id', ?)", (vault_id,))
    KeyTree(rows, root, vault_id, options.entropy).close()
    schema = records.SCHEMA + sagas.SCHEMA + certificates.SCHEMA + standing.SCHEMA + clocks.SCHEMA + TICK_SCHEMA
    Database(directory / RECORDS_FILE, schema, create=True).close()
    SqliteBlockStore(directory / BLOCKS_FILE, create=True).close()
    Database(directory / IDENTITY_FILE, identity.SCHEMA, create=True).close()
    load_signer(directory / SIGNER_FILE, options.entropy)
