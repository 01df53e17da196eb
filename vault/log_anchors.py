"""Where lines of the access log are anchored: the anchor's number on the chain, its root, and each line's way there.

A line's reference value is bound to the root by a Merkle proof (`protocol.merkle`), so whoever rewrites an anchored
line has to forget its proof or invent a root; `LineAnchors.compare` finds both beside the chain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from protocol import merkle
from protocol.quantities import Reference, Salt
from protocol.references import Kind, Opening
from vault.database import Database
from vault.errors import VaultError

HASH_SIZE = 32
SCHEMA = """
CREATE TABLE batched (number INTEGER PRIMARY KEY, anchor INTEGER NOT NULL, root BLOB NOT NULL, proof BLOB NOT NULL);
"""
_ANCHORS = """
SELECT anchor, root, count(*),
  sum(json_extract(CAST(record AS TEXT), '$.task') = 'RELEASE' AND
      json_extract(CAST(record AS TEXT), '$.decision') = 'ALLOWED')
FROM batched JOIN lines USING (number) GROUP BY anchor, root ORDER BY anchor
"""
_TORN = """
SELECT min(number) FROM batched GROUP BY anchor HAVING count(DISTINCT root) > 1
UNION SELECT min(number) FROM batched GROUP BY root HAVING count(DISTINCT anchor) > 1
"""


class LogTampered(VaultError):
    """A line of the access log was edited, removed or moved. Nothing is appended until somebody has looked into it."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(
            "LOG_TAMPERED", f"access log, line {number}: {what}", "open an incident; keep the file as it is"
        )
        self.number = number


class AnchorSource(Protocol):
    """The chain as the inspector sees it; `chain.Ledger` is one."""

    def anchor_of(self, kind: Kind, root: bytes) -> int:
        """The number of the anchor that holds this root; 0 if none."""
        ...


@dataclass(frozen=True, slots=True)
class LogAnchor:
    """An anchor that holds lines of the log."""

    number: int
    """On the chain."""
    root: bytes
    """32 bytes."""
    lines: int
    releases: int
    """Of these lines, those that allowed a release: each has one receipt, which is a further leaf."""


@dataclass(frozen=True, slots=True)
class LineProof:
    """All that shows one line to be under a root on the chain: `opening.record` is the line, `opening.reference` the
    leaf. It opens no other line."""

    number: int
    """Of the line."""
    opening: Opening
    anchor: int
    root: bytes
    proof: tuple[bytes, ...]

    @property
    def holds(self) -> bool:
        """Does the line lead to the root?"""
        return merkle.verify(self.root, self.opening.reference, self.proof)


class LineAnchors:
    """The anchors of a log, in the log's own file beside its table `lines`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def attach(self, reference: Reference, anchor: int, root: bytes, proof: Sequence[bytes]) -> int:
        """Keep where a line was anchored, inside the caller's transaction; returns its number. The same proof a second
        time changes nothing. Raises `LOG_TAMPERED` if the line is gone, `PROOF_INVALID`, or `PROOF_ATTACHED` if the
        line has another proof."""
        number = self._database.value("SELECT number FROM lines WHERE reference = ?", (reference,))
        if number is None:
            raise LogTampered(0, "a line that was given to a batch is gone")
        if not merkle.verify(root, reference, proof):
            hint = "nothing was kept; ask the oracle for the batch again"
            raise VaultError("PROOF_INVALID", "the proof does not lead from the line to the root", hint)
        kept = (anchor, root, b"".join(proof))
        known = self._database.rows("SELECT anchor, root, proof FROM batched WHERE number = ?", (number,))
        if known and known[0] != kept:
            raise VaultError("PROOF_ATTACHED", "this line has another proof", "one anchor per line")
        if not known:
            self._database.execute("INSERT INTO batched VALUES (?, ?, ?, ?)", (number, *kept))
        return int(number)

    def check(self) -> None:
        """Does every anchored line lead to its root, and has every anchor one root? Raises `LOG_TAMPERED`."""
        query = "SELECT number, reference, root, proof FROM batched LEFT JOIN lines USING (number) ORDER BY number"
        for number, reference, root, proof in self._database.rows(query):
            if reference is None:
                raise LogTampered(number, "an anchored line is gone")
            if not merkle.verify(root, Reference(reference), _split(proof)):
                raise LogTampered(number, "the line does not lead to the root it was anchored under")
        for (number,) in self._database.rows(_TORN):
            raise LogTampered(number, "an anchor and its root do not belong together")

    def all(self) -> tuple[LogAnchor, ...]:
        """Every anchor that holds lines, by its number."""
        return tuple(LogAnchor(*row) for row in self._database.rows(_ANCHORS))

    def compare(self, chain: AnchorSource, leaves: Mapping[bytes, int] | None = None) -> tuple[LogAnchor, ...]:
        """Compare the anchors with the chain; returns them. Raises `LOG_TAMPERED`.

        Every root of the log must be on the chain under its number. `leaves`: root and count of real leaves of every
        AUDIT anchor this institution's custodian made, as the chain tells. With it, an anchor the log no longer knows
        is found, and lines cut from one: up to any anchor there are no more leaves than lines and receipts together.
        """
        anchors = self.all()
        for anchor in anchors:
            if chain.anchor_of(Kind.AUDIT, anchor.root) != anchor.number:
                raise LogTampered(0, f"the chain does not hold anchor {anchor.number} with the log's root")
        if leaves is not None:
            self._compare_leaves(anchors, leaves)
        return anchors

    def proof_of(self, number: int) -> LineProof | None:
        """What shows one line to be anchored, for an inspector; None while it is not."""
        query = "SELECT salt, record, anchor, root, proof FROM lines JOIN batched USING (number) WHERE number = ?"
        for salt, record, anchor, root, proof in self._database.rows(query, (number,)):
            return LineProof(number, Opening(Kind.AUDIT, Salt(salt), record), anchor, root, _split(proof))
        return None

    @staticmethod
    def _compare_leaves(anchors: Sequence[LogAnchor], leaves: Mapping[bytes, int]) -> None:
        if leaves.keys() - {anchor.root for anchor in anchors}:
            raise LogTampered(0, "the chain holds an anchor of which the log has no line")
        room = 0
        for anchor in anchors:
            room += anchor.lines + anchor.releases - leaves.get(anchor.root, 0)
            if room < 0:
                raise LogTampered(
                    0, f"anchor {anchor.number} holds more than the lines that are left and their receipts"
                )


def _split(proof: bytes) -> tuple[bytes, ...]:
    return tuple(proof[at : at + HASH_SIZE] for at in range(0, len(proof), HASH_SIZE))
