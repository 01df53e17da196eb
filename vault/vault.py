"""The vault: three stores in three directories under one roof, and what composes them.

Where its files lie: `vault.files`. What it is opened with: `vault.options`, `vault.config`.
"""

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Seconds, SubjectId
from vault import paths as tree
from vault.backup import BackupLedger, ship
from vault.backup.restoring import check_complete
from vault.blocks import Reconciled, open_blocks
from vault.certificates import Certificate, CertificateBook
from vault.clocks import Deadlines, TrustedClock, Urgency
from vault.config import VaultSettings, effective, load_settings
from vault.credentials import load_credentials
from vault.database import Database
from vault.directory import SubjectDirectory
from vault.erasure import Erasures
from vault.errors import StoreUnavailable, VaultError
from vault.files import (
    BLOCKS_FILE,
    CONTROL_FILE,
    CREDENTIALS,
    IDENTITY_FILE,
    KEY_LOG_FILE,
    KEYS,
    KEYS_FILE,
    LOCK_FILE,
    RECORDS,
    RECORDS_FILE,
    ROOT_FILE,
    SIGNER_FILE,
)
from vault.holds.keeper import Holds, SiloDoor
from vault.identity import IdentityMap
from vault.key_log import KeyLog
from vault.key_register import KeyRegister, ServiceKey
from vault.keys import Epoch, KeyTree
from vault.locking import ProcessLock
from vault.making import make_vault
from vault.options import VaultOptions, VaultStatus, system_clock
from vault.records import RecordKeeper, RecordShelf
from vault.remnants import Finding
from vault.retention.months import Months
from vault.retention.policy import RetentionPolicy
from vault.retention.ticks import Ticks
from vault.roots import FileRootSlot, RootSlot, open_root
from vault.sagas import Cause, Erasure, ErasureTable
from vault.segments import referenced
from vault.service_keys import CertificateKey
from vault.slots import Slots
from vault.standing import StandingOrders
from vault.store_keys import StoreKeys
from vault.stores import COUNTS, ErasureTarget, IdentityEntries, KeyStore, RecordRows, SealedBlocks, count_rows
from vault.tags import PersonTags

__all__ = [
    "BLOCKS_FILE",
    "IDENTITY_FILE",
    "KEYS_FILE",
    "LOCK_FILE",
    "RECORDS_FILE",
    "ROOT_FILE",
    "Vault",
    "VaultOptions",
    "VaultStatus",
    "system_clock",
]


_log = logging.getLogger(__name__)


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
        self.settings = effective(
            options.settings or load_settings(directory), tenant=options.tenant, allow_remnants=options.allow_remnants
        )
        self._options = replace(options, tenant=self.settings.tenant, settings=None)
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
        make_vault(
            directory,
            options,
            effective(
                options.settings or VaultSettings(), tenant=options.tenant, allow_remnants=options.allow_remnants
            ),
        )
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
        check_complete(self.directory)
        credentials = load_credentials(self.directory / CREDENTIALS)
        self._open_control()
        credentials.check(self.control)
        self._root = open_root(self.settings.root, self.directory / KEYS)
        self._keep(self._root.close)
        key_rows = self._database(KEYS_FILE)
        vault_id = key_rows.meta("vault id")
        self._keys = KeyTree(key_rows, self._root, bytes(vault_id), options.entropy, self._on_step)
        self._slots = Slots(key_rows, tenant)
        self._rows = self._database(RECORDS_FILE)
        self._blocks = open_blocks(self.settings.blocks, self.directory / RECORDS)
        self._keep(self._blocks.close)
        record_keys = StoreKeys(self._keys, credentials.records)
        self._directory = SubjectDirectory(self._rows, record_keys, options.entropy)
        shelf = RecordShelf(
            self._rows, self._blocks, record_keys, self._slots, self._directory, tenant, options.entropy
        )
        self.records = RecordKeeper(shelf, self._check_use)
        identity_rows = self._database(IDENTITY_FILE)
        identity_keys = StoreKeys(self._keys, credentials.identity)
        self.identity = IdentityMap(
            identity_rows, identity_keys, self._slots, tenant, options.entropy, self._check_lock
        )
        self._tags = PersonTags(self.identity, self._keys)
        self._open_erasures()
        self._open_retention(RecordKeeper(shelf, lambda _subject, _path: None))
        self._locked = self._needs_replay()
        self._keep(self._keep_heard)

    def _open_control(self) -> None:
        """What is not about any subject: key register, backups, the log of the key store."""
        options = self._options
        self.key_log = KeyLog(self.directory / KEY_LOG_FILE, options.clock)
        self._keep(self.key_log.close)
        self.key_log.note("open")
        self.control = self._database(CONTROL_FILE)
        self.key_register, self._backups = KeyRegister(self.control), BackupLedger(self.control)

    def _on_step(self, step: str) -> None:
        """Between the commit of an epoch and the end of its old root secret: ship it to the replica. Without an answer
        the erasure goes on, a legal deadline outranks it; the status shows the debt."""
        self._options.on_step(step)
        replica = self.settings.backup.replica
        if step == "committed" and replica is not None:
            try:
                ship(self.directory, self.directory / replica, self._options.clock)
            except (VaultError, OSError) as error:
                _log.warning("epoch not shipped: %s", error)

    def _open_erasures(self) -> None:
        options = self._options
        signer_file = self.directory / SIGNER_FILE
        register = self.key_register
        self._certificate_key = CertificateKey(signer_file, register, options.clock, options.entropy, options.on_step)
        self.certificates = CertificateBook(self._rows, self._certificate_key.signer, options.entropy)
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

        own = replace(self._options, settings=None, tenant=0, silo=None, on_step=self._silo_step)
        return Silo(self.silo_directory, own)

    def _silo_step(self, step: str) -> None:
        self._options.on_step(f"silo: {step}")

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
        self.erasures.drop_lost()
        self.control.execute("DELETE FROM meta WHERE name = 'replay pending'")
        self._locked = self._needs_replay()
        return len(revived)

    def _needs_replay(self) -> bool:
        """Was it restored, or are rows or requests here again that were erased?"""
        pending = self.control.value("SELECT value FROM meta WHERE name = 'replay pending'")
        return bool(pending or self._slots.behind or self._revived() or self.erasures.lost())

    def reconcile_blocks(self) -> list[Reconciled]:
        """Make every member of the block store hold exactly what the records need: what a member restored from an old
        disk brought back goes, what one missed comes. Refuses `STORE_UNREACHABLE`; it may be repeated."""
        self._check_lock()
        with self._rows.lock:
            return self._blocks.reconcile(referenced(self._rows))

    def rotate_certificate_key(self) -> ServiceKey:
        """A fresh key signs certificates from now on; the old secret is overwritten, its public key stays known."""
        fresh = self._certificate_key.rotate()
        self.certificates.sign_with(self._certificate_key.signer)
        self.key_log.note("rotate certificate key")
        return fresh

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
            recovery_debt=self._backups.debt(self._keys.epoch),
            locked=self._locked,
            root_slot=_finding(self._root),
            root=self._keys.report(),
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


def _finding(root: RootSlot) -> Finding:
    """What lies under the root slot, where it is a file."""
    if isinstance(root, FileRootSlot):
        return root.finding
    return Finding("none", "", False, "the root secret is in no file")
