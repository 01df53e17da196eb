"""An access log in a directory, people with keys, a chain that remembers roots."""

import secrets
import sqlite3
from pathlib import Path

from protocol.merkle import Tree
from protocol.quantities import Reference, SubjectId
from protocol.references import Kind
from vault.access_log import Access, AccessLog

PATIENT, RELATIVE = SubjectId(bytes(15) + b"\1"), SubjectId(bytes(15) + b"\3")


class Keys(dict[SubjectId, bytes]):
    """Tag keys by person; take one out and the person is erased."""

    def __init__(self) -> None:
        super().__init__({PATIENT: b"p" * 32, RELATIVE: b"r" * 32})

    def __call__(self, subject: SubjectId) -> bytes | None:
        return self.get(subject)


def access(
    *, actor: str = "dr-han", person: SubjectId | None = None, decision: str = "ALLOWED", subject: SubjectId = PATIENT
) -> Access:
    """A clinician looks at the patient's days."""
    return Access(
        actor, person, "CLINICIAN", "Seaside Hospital", "ward 3", subject, "RELEASE", "TREAT", "WELLNESS_OBS", decision
    )


def forged(path: Path, *statements: str) -> None:
    """Change the file the way a thief would, past the triggers."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER lines_stay")
        connection.execute("DROP TRIGGER lines_last")
        for statement in statements:
            connection.execute(statement)
    connection.close()


class Chain(dict[bytes, int]):
    """Roots and the numbers of their anchors, as the chain tells."""

    def anchor_of(self, kind: Kind, root: bytes) -> int:
        return self.get(root, 0)


def anchored(log: AccessLog, chain: Chain, references: list[Reference], others: int = 0) -> bytes:
    """Batch these lines with some other leaves, anchor and attach; the root."""
    tree = Tree.of([*references, *(Reference(secrets.token_bytes(32)) for _ in range(others))])
    chain[tree.root] = len(chain) + 1
    for reference in references:
        log.attach_proof(reference, chain[tree.root], tree.root, tree.proof(reference))
    return tree.root


def waiting(log: AccessLog) -> list[Reference]:
    return [line.reference for line in log.pending()]


def people(log: AccessLog) -> int:
    return len({line.token for line in log.pending()} - {b""})
