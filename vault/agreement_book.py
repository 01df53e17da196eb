"""Which contract stands at which stage, and who has signed.

Rows stand under the record id of the terms and go with it. The three parties stand in them as a tag, and signatures,
which would tie a row to a contract on the chain, are sealed (AES-256-GCM), both under a key that lies with the patient:
an older copy of this file tells nothing of somebody erased.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocol.quantities import SubjectId
from vault.database import Database
from vault.envelope import RecordId
from vault.errors import StoreDamaged, VaultError
from vault.path_rows import PathRows
from vault.tags import TagKey

_RELATION, _SEAL = b"tideprint/agreements/relation/1", b"tideprint/agreements/seal/1"
_NONCE_SIZE = 12
_SCHEMA = """
CREATE TABLE contracts (record TEXT PRIMARY KEY, relation BLOB NOT NULL, version INTEGER NOT NULL, stage TEXT NOT NULL,
  UNIQUE (relation, version)) WITHOUT ROWID;
CREATE TABLE signatures (record TEXT NOT NULL, party TEXT NOT NULL, sealed BLOB NOT NULL,
  PRIMARY KEY (record, party)) WITHOUT ROWID;
"""


class Stage(StrEnum):
    """A contract before it is on the chain."""

    DRAFT = "DRAFT"
    DISCUSSED = "DISCUSSED"
    SIGNED = "SIGNED"


class Party(StrEnum):
    """The three who sign, in the order the chain takes their signatures."""

    INSTITUTION = "INSTITUTION"
    PATIENT = "PATIENT"
    FAMILY = "FAMILY"


@dataclass(frozen=True, slots=True)
class Parties:
    """Between whom a contract is: a patient, an institution's name, a family member's pseudonym."""

    patient: SubjectId
    institution: str
    family: str


class AgreementBook:
    """Stages and signatures in one SQLite file. `erasable` belongs into the vault's store register."""

    def __init__(
        self,
        path: Path,
        tag_key: TagKey,
        *,
        create: bool = False,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = Database(path, _SCHEMA, create=create)
        self._tag_key = tag_key
        self._entropy = entropy
        self.erasable = PathRows("agreements", self._database, {"signatures": "record", "contracts": "record"})

    def add(self, record_id: RecordId, parties: Parties, version: int) -> None:
        """Enter a draft."""
        row = (record_id, self._relation(parties), version, Stage.DRAFT)
        self._database.execute("INSERT INTO contracts VALUES (?, ?, ?, ?)", row)

    def last_version(self, parties: Parties) -> int:
        """The highest version of these parties, drafts too; 0 if there is none."""
        query = "SELECT max(version) FROM contracts WHERE relation = ?"
        return int(self._database.value(query, (self._relation(parties),)) or 0)

    def current_version(self, parties: Parties) -> int:
        """The highest version that was put before the parties; 0 if none was."""
        query = "SELECT max(version) FROM contracts WHERE relation = ? AND stage != ?"
        return int(self._database.value(query, (self._relation(parties), Stage.DRAFT)) or 0)

    def stage_of(self, record_id: RecordId) -> Stage:
        """How far a contract is. Raises `CONTRACT_UNKNOWN`."""
        stage = self._database.value("SELECT stage FROM contracts WHERE record = ?", (record_id,))
        if stage is None:
            raise VaultError("CONTRACT_UNKNOWN", "there is no such contract", "draft it first")
        return Stage(stage)

    def advance(self, record_id: RecordId, before: Stage, after: Stage) -> None:
        """Take a contract one stage on. Raises `STAGE_INVALID`."""
        with self._database.transaction():
            self._expect(record_id, before)
            self._database.execute("UPDATE contracts SET stage = ? WHERE record = ?", (after, record_id))

    def sign(self, record_id: RecordId, patient: SubjectId, party: Party, signature: bytes) -> Stage:
        """Keep a signature (a party's later one replaces its earlier one); the third makes the contract SIGNED."""
        nonce = self._entropy(_NONCE_SIZE)
        sealed = nonce + self._cipher(patient).encrypt(nonce, signature, _place(record_id, party))
        with self._database.transaction():
            self._expect(record_id, Stage.DISCUSSED)
            self._database.execute("INSERT OR REPLACE INTO signatures VALUES (?, ?, ?)", (record_id, party, sealed))
            stage = Stage.SIGNED if len(self.signed(record_id)) == len(Party) else Stage.DISCUSSED
            self._database.execute("UPDATE contracts SET stage = ? WHERE record = ?", (stage, record_id))
        return stage

    def signed(self, record_id: RecordId) -> frozenset[Party]:
        """Who has signed."""
        rows = self._database.rows("SELECT party FROM signatures WHERE record = ?", (record_id,))
        return frozenset(Party(row[0]) for row in rows)

    def signatures(self, record_id: RecordId, patient: SubjectId) -> dict[Party, bytes]:
        """The signatures of a contract so far. Raises `SIGNATURE_DAMAGED`."""
        cipher = self._cipher(patient)
        rows = self._database.rows("SELECT party, sealed FROM signatures WHERE record = ?", (record_id,))
        return {Party(party): _unseal(cipher, sealed, _place(record_id, Party(party))) for party, sealed in rows}

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _expect(self, record_id: RecordId, stage: Stage) -> None:
        found = self.stage_of(record_id)
        if found is not stage:
            hint = "an amendment is a new version"
            raise VaultError("STAGE_INVALID", f"the contract is {found.value}, not {stage.value}", hint)

    def _key(self, subject: SubjectId) -> bytes:
        key = self._tag_key(subject)
        if key is None:
            raise VaultError("SUBJECT_UNKNOWN", "there is no such subject", "it never was or was erased")
        return key

    def _relation(self, parties: Parties) -> bytes:
        names = (name.encode() for name in (parties.institution, parties.family))
        parts = b"".join(len(name).to_bytes(4, "big") + name for name in names)
        return hmac.digest(self._key(parties.patient), _RELATION + parts, "sha256")

    def _cipher(self, patient: SubjectId) -> AESGCM:
        return AESGCM(hmac.digest(self._key(patient), _SEAL, "sha256"))


def _unseal(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], place)
    except InvalidTag:
        hint = "the row was changed or moved; let the party sign again"
        raise StoreDamaged("SIGNATURE_DAMAGED", "a sealed signature does not open at its place", hint) from None


def _place(record_id: RecordId, party: Party) -> bytes:
    return f"{record_id} {party.value}".encode()
