"""The silo: what a law keeps after an erasure, in a vault of its own, which serves a hold officer and nobody else.

    DIRECTORY/vault/        a whole vault: own key tree, own root slot (NEVER COPY IT), own certificate key
    DIRECTORY/silo.db       per hold: basis, end, rows; the officer's public key
    DIRECTORY/access.db     who looked, when, why: hash-chained

A directory of its own rather than a tenant of the vault's key tree: the vault's root secret opens nothing here, it can
lie under another account, and a copy of one is no copy of the other. What is held is sealed twice: to the officer,
whose key lies elsewhere, and under the silo's keys, so that its end is an erasure like any other, with a certificate.
The vault's process puts things in and cannot read them again. Salts of reference values are not kept: the law keeps
the record, not its tie to the chain.

The silo is opened for the moment of use only, so that the vault's process and the officer do not lock each other out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from protocol.canonical import canonical
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day, Seconds, SubjectId
from protocol.records import RecordKind
from vault.access_log import Access, AccessLog
from vault.certificates import Certificate
from vault.database import Database
from vault.envelope import Draft, OpenedRecord
from vault.errors import StoreUnavailable, VaultError
from vault.holds.keeper import Held
from vault.holds.officer import public_key_of, seal_to, unseal_with
from vault.sagas import Cause
from vault.vault import Vault, VaultOptions

VAULT, INDEX, LOG = "vault", "silo.db", "access.db"
CONTROL = "control"
"""An entry about nobody that is never erased: what a proof of forgetting must find."""
_SCHEMA = """
CREATE TABLE officer(one INTEGER PRIMARY KEY CHECK (one = 1), public_key BLOB NOT NULL, refreshed INTEGER);
CREATE TABLE held(
    id TEXT PRIMARY KEY, basis TEXT NOT NULL, until INTEGER NOT NULL, rows INTEGER NOT NULL, moved_at INTEGER NOT NULL,
    certificate TEXT
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """One record as the officer sees it."""

    id: str
    person: str
    kind: RecordKind
    day: Day
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks into the silo, and why."""

    name: str
    key: bytes
    """The officer's private key."""
    reason: str
    origin: str = ""


class Silo:
    """One silo, opened by one process for the moment of use."""

    def __init__(self, directory: Path, options: VaultOptions) -> None:
        """Open the silo. Raises `SILO_MISSING`, `VAULT_IN_USE` or what `Vault.open` says."""
        if not (directory / INDEX).is_file():
            hint = "make it first: tideprint vault hold init"
            raise StoreUnavailable("SILO_MISSING", "there is no silo to move what a law keeps to", hint)
        self._clock = options.clock
        self._on_step = options.on_step
        self._vault = Vault.open(directory / VAULT, options)
        self._index = Database(directory / INDEX, "")
        try:
            self._log = AccessLog(directory / LOG, self._vault.tag_key_of, options.clock)
        except BaseException:
            self._index.close()
            self._vault.close()
            raise
        self.officer = bytes(self._index.value("SELECT public_key FROM officer"))

    @classmethod
    def create(cls, directory: Path, officer: bytes, options: VaultOptions) -> Self:
        """Make a silo for the officer with this X25519 public key (32 bytes). Raises `VAULT_EXISTS`."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with Vault.create(directory / VAULT, options) as vault:
            vault.identity.enroll(CONTROL, [])
        AccessLog(directory / LOG, lambda _: None, options.clock, create=True).close()
        index = Database(directory / INDEX, _SCHEMA, create=True)
        index.execute("INSERT INTO officer VALUES (1, ?, NULL)", (officer,))
        index.close()
        return cls(directory, options)

    def move_in(self, number: str, basis: str, until: Day, person: str, records: Sequence[OpenedRecord]) -> Held:
        """Keep records for a hold, durably; the same number again changes nothing."""
        known = self.find(number)
        if known is not None:
            return known
        subject = self._vault.identity.subject_of(number) or self._vault.identity.enroll(number, [])
        self._on_step("entry made")
        if not any(True for _ in self._vault.records.records_of(subject)):
            self._vault.records.seal_many([self._draft(subject, number, person, record) for record in records])
        self._on_step("records sealed")
        row = (number, basis, until, len(records), self._clock())
        self._index.execute("INSERT INTO held VALUES (?, ?, ?, ?, ?, NULL)", row)
        self._on_step("hold kept")
        return Held(number, basis, until, len(records), Seconds(row[-1]), None)

    def _draft(self, subject: SubjectId, number: str, person: str, record: OpenedRecord) -> Draft:
        plain = canonical({"kind": record.kind, "person": person, "record": record.record})
        sealed = seal_to(self.officer, plain, number.encode())
        return Draft(subject, record.kind, record.day, {"sealed": sealed.hex()})

    def find(self, number: str) -> Held | None:
        """What lies here under this number, or lay."""
        return next((held for held in self.all() if held.id == number), None)

    def all(self) -> list[Held]:
        """Every hold, also those that are over; the one that ends first in front."""
        query = "SELECT id, basis, until, rows, moved_at, certificate FROM held ORDER BY until, id"
        return [
            Held(number, basis, Day(until), rows, Seconds(moved), certificate)
            for number, basis, until, rows, moved, certificate in self._index.rows(query)
        ]

    def read(self, reader: Reader) -> list[HeldRecord]:
        """Everything that is held, opened for the officer and logged for each hold before it is opened.

        Refuses `REASON_MISSING`, and `ROLE_SEPARATION` for any key but the officer's; refusals are logged too.
        """
        decision, refusal = "ALLOWED", None
        if not reader.reason.strip():
            refusal = Refusal(RefusalCode.REASON_MISSING, "nobody looks into the silo without a reason", "say why")
        elif public_key_of(reader.key) != self.officer:
            refusal = Refusal(RefusalCode.ROLE_SEPARATION, "this key is not the hold officer's")
        if refusal is not None:
            decision = refusal.code
        living = [held for held in self.all() if held.certificate is None]
        for held in living:
            self._note(reader, held, decision)
        if refusal is not None:
            raise refusal
        return [found for held in living for found in self._open(held, reader.key)]

    def _note(self, reader: Reader, held: Held, decision: str) -> None:
        subject = self._subject(held)
        self._log.append(
            Access(
                reader.name,
                None,
                "HOLD_OFFICER",
                "",
                reader.origin,
                subject,
                reader.reason,
                held.basis,
                "HELD",
                decision,
            )
        )

    def _open(self, held: Held, key: bytes) -> list[HeldRecord]:
        found = []
        for sealed in self._vault.records.records_of(self._subject(held)):
            box = bytes.fromhex(sealed.record["sealed"])
            plain = json.loads(unseal_with(key, box, held.id.encode()))
            found.append(HeldRecord(held.id, plain["person"], RecordKind(plain["kind"]), sealed.day, plain["record"]))
        return found

    def _subject(self, held: Held) -> SubjectId:
        subject = self._vault.identity.subject_of(held.id)
        if subject is None:
            raise VaultError("SUBJECT_UNKNOWN", "nothing is held under this number", "its end has come")
        return subject

    def destroy(self, number: str) -> Certificate:
        """Destroy what one hold keeps; the certificate of it. The same number again gives the same certificate."""
        held = self.find(number)
        if held is None:
            raise VaultError("HOLD_UNKNOWN", "there is no such hold in the silo", "list them")
        if self._vault.erasures.find(number) is None:
            self._vault.request_erasure(self._subject(held), Cause.RETENTION_END, number)
        erasure = self._vault.erasures.find(number)
        assert erasure is not None
        certificate = self._vault.erasures.certificate_of(self._vault.erasures.run(erasure.id))
        self._index.execute("UPDATE held SET certificate = ? WHERE id = ?", (certificate.number, number))
        return certificate

    def certificates(self) -> list[Certificate]:
        """Certificates of what was destroyed, signed with the silo's own key."""
        return self._vault.certificates.all()

    @property
    def public_key(self) -> bytes:
        """The Ed25519 key that verifies the silo's certificates."""
        return self._vault.certificates.public_key

    def refresh_daily(self, today: Day) -> None:
        """The epoch of the silo's key tree for a day; a second one on that day does nothing."""
        if self._index.value("SELECT refreshed FROM officer") != today:
            self._vault.refresh()
            self._index.execute("UPDATE officer SET refreshed = ?", (today,))

    def log(self) -> AccessLog:
        """Who looked."""
        return self._log

    def close(self) -> None:
        """Close every file."""
        self._log.close()
        self._index.close()
        self._vault.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
