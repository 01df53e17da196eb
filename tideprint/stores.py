"""Small adapters between rooms that must not know each other."""

from collections.abc import Sequence
from typing import Protocol

from oracles.pending import PendingReference, RecordId
from protocol.quantities import Reference, SubjectId
from protocol.references import Kind
from vault import ErasureTarget, Hold
from vault import RecordId as SealedId
from vault.access_log import AccessLog
from vault.certificates import CertificateBook
from vault.records import RecordKeeper
from vault.releases import Release


class BySubject(Protocol):
    """A store of another room that forgets by pseudonym."""

    @property
    def name(self) -> str:
        """Its name in the store register."""
        ...

    def erase(self, subject: SubjectId) -> int:
        """Forget a subject; returns how many rows."""
        ...

    def holds(self, subject: SubjectId) -> bool:
        """Is anything of the subject here?"""
        ...


class SubjectStore:
    """Puts a store that forgets by pseudonym into the vault's store register."""

    method = "rows, sealed under the erased key, deleted and overwritten; write-ahead log emptied"
    proof = "no row of the subject is found when asked again, and nothing is left in the log"

    def __init__(self, store: BySubject) -> None:
        self.name = store.name
        self._store = store

    def count(self, target: ErasureTarget) -> int:
        """1 while something of the subject is here."""
        return int(target.subject is not None and self._store.holds(target.subject))

    def erase(self, target: ErasureTarget) -> Hold | None:
        """Forget the subject."""
        if target.subject is not None:
            self._store.erase(target.subject)
        return None

    def absent(self, target: ErasureTarget) -> bool:
        """Is nothing left?"""
        return target.subject is None or not self._store.holds(target.subject)


class SealedRecords:
    """Gives sealed records the proof of their anchor."""

    def __init__(self, records: RecordKeeper) -> None:
        self._records = records

    def attach_proof(self, record_id: RecordId, anchor_id: int, root: bytes, proof: Sequence[bytes]) -> None:
        """Seal the proof beside the record."""
        self._records.attach_proof(SealedId(str(record_id)), anchor_id, root, proof)


class AuditTrail:
    """What AUDIT batches hold, access lines (by reference) and receipts (by record), and the proofs they get back.

    Nothing in the queue names a person. A line counts towards k by the token the log gave it. A receipt counts for
    nobody: the line of the same release does, and a token common to both would tie the line to a record's path.
    """

    def __init__(self, log: AccessLog, records: RecordKeeper) -> None:
        self._log = log
        self._records = records

    def waiting(self, release: Release | None = None) -> list[PendingReference]:
        """Every line that no batch holds yet and the receipt of a release, to be queued in one commit."""
        found = [
            PendingReference(Kind.AUDIT, each.reference, each.token, each.reference) for each in self._log.pending()
        ]
        if release is not None:
            found.append(PendingReference(Kind.AUDIT, release.reference, b"", release.receipt))
        return found

    def attach_proof(self, record_id: RecordId, anchor_id: int, root: bytes, proof: Sequence[bytes]) -> None:
        """Keep where a line or a receipt was anchored."""
        if isinstance(record_id, bytes):
            self._log.attach_proof(Reference(record_id), anchor_id, root, proof)
        else:
            self._records.attach_proof(SealedId(str(record_id)), anchor_id, root, proof)


class Certificates:
    """Gives erasure certificates the proof of their anchor."""

    def __init__(self, book: CertificateBook) -> None:
        self._book = book

    def attach_proof(self, record_id: RecordId, anchor_id: int, root: bytes, proof: Sequence[bytes]) -> None:
        """Keep where the certificate was anchored."""
        self._book.attach_anchor(str(record_id), anchor_id, root, proof)
