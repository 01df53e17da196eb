"""The access log: who, when, from where, whose data, which task and purpose, what was decided. Append-only.

One file of its own. Line n is a canonical record that names the reference value of line n-1; its own reference value

    reference = SHA-256("tideprint/reference/1" ‖ AUDIT ‖ salt[64] ‖ canonical(line))

goes into the daily AUDIT batch. So one hash is chain link and commitment at once: whoever rewrites a line must rewrite
every later one, and those are anchored (`vault.log_anchors`).

A person stands in a line as a tag, HMAC-SHA256(key, "tideprint/access/1" ‖ what ‖ salt), under a key that lies with
that person's records. Each line has another salt, so tags of one person do not match. When the key is erased,
the event stays and nobody can map it, in this file or in any older copy of it.

A batch must hold lines about at least k persons, and whoever builds it must not learn who they are. So a line that
waits for a batch carries a crowd token: 16 random bytes on the first waiting line about a person who has a key, nothing
on further ones and on lines about strangers. Counting tokens counts persons, never too many; no two lines share a
token, so tokens tie no lines together. A token is deleted when its line is anchored.
"""

import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from protocol.canonical import canonical
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Reference, Salt, Seconds, SubjectId
from protocol.references import SALT_SIZE, Kind, reference_of
from vault.database import Database
from vault.log_anchors import SCHEMA as ANCHOR_SCHEMA
from vault.log_anchors import AnchorSource, LineAnchors, LineProof, LogAnchor, LogTampered
from vault.tags import TagKey

TAG_DOMAIN = b"tideprint/access/1"
TOKEN_SIZE = 16
GENESIS = Reference(bytes(32))
_SCHEMA = """
CREATE TABLE lines (number INTEGER PRIMARY KEY, salt BLOB NOT NULL, record BLOB NOT NULL, reference BLOB NOT NULL);
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL, reference BLOB NOT NULL);
CREATE INDEX lines_reference ON lines (reference);
CREATE TABLE crowd (number INTEGER PRIMARY KEY, token BLOB NOT NULL);
CREATE TRIGGER lines_stay BEFORE UPDATE ON lines BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER lines_last BEFORE DELETE ON lines BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""


@dataclass(frozen=True, slots=True)
class Access:
    """One access or attempt; the log's clock gives it its time."""

    actor: str
    """A staff name; empty where `person` asks."""
    person: SubjectId | None
    """A wearer, relative or agent who asks."""
    role: str
    institution: str
    origin: str
    """From where; empty for persons, whose addresses are not kept."""
    subject: SubjectId
    """Whose data."""
    task: str
    purpose: str
    data_class: str
    decision: str
    """`ALLOWED` or the refusal code with its detail."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is kept. `record` holds number, previous, at, actor, role, institution, origin, subject, task,
    purpose, data_class and decision; `actor` and `subject` are hex tags where they stand for persons."""

    number: int
    salt: Salt
    record: dict[str, Any]
    reference: Reference


@dataclass(frozen=True, slots=True)
class Head:
    """How far the log reaches: number of lines and the last line's reference value."""

    count: int
    reference: Reference


@dataclass(frozen=True, slots=True)
class PendingLine:
    """A line that no batch holds yet."""

    reference: Reference
    token: bytes
    """Crowd token: 16 random bytes if this line adds a person to those who wait, else empty and not to be counted."""


class AccessLog:
    """The log in one SQLite file. Opening it checks every line."""

    def __init__(
        self,
        path: Path,
        tag_key: TagKey,
        clock: Callable[[], Seconds],
        *,
        create: bool = False,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Open the log or, with `create`, begin a new one. Raises `LogTampered` or `StoreUnavailable`."""
        self._database = Database(path, _SCHEMA + ANCHOR_SCHEMA, create=create)
        self._anchors = LineAnchors(self._database)
        self._tag_key = tag_key
        self._clock = clock
        self._entropy = entropy
        if create:
            self._database.execute("INSERT INTO head VALUES (1, 0, ?)", (GENESIS,))
        self._last = Seconds(0)
        self._tampered: LogTampered | None = None
        try:
            self.verify()
        except LogTampered:
            self.close()
            raise

    @property
    def head(self) -> Head:
        """Number of lines and the reference value of the last one."""
        rows = self._database.rows("SELECT count, reference FROM head")
        if len(rows) != 1:
            raise LogTampered(0, "the head is missing")
        return Head(rows[0][0], Reference(rows[0][1]))

    def trusts_clock(self) -> bool:
        """Does the clock stand at or after the last line?"""
        with self._database.lock:
            return self._clock() >= self._last

    def append(self, access: Access) -> Reference:
        """Write one line durably and return its reference value.

        A clock that was set back is an incident: the line is kept at the time of the one before, says by how much,
        and `CLOCK_UNTRUSTED` is refused. Raises `LogTampered` if the end of the log is not where it was left.
        """
        with self._database.lock:
            if self._tampered:
                raise self._tampered
            now = self._clock()
            back = self._last - now
            decision = f"{RefusalCode.CLOCK_UNTRUSTED.value}({back} s back)" if back > 0 else access.decision
            reference = self._write(access, max(now, self._last), decision)
        if back > 0:
            hint = "set the clock right; the incident is logged"
            raise Refusal(RefusalCode.CLOCK_UNTRUSTED, "the clock stands before the last log line", hint, f"{back} s")
        return reference

    def verify(self, witness: Reference | None = None) -> Head:
        """Check every line against the one before and the head, and every anchored line against its root; with
        `witness`, an anchored reference value, that this line is still there. Returns the head. Raises `LogTampered`,
        and from then on refuses to append."""
        with self._incident():
            head = self._check_lines(witness)
            self._anchors.check()
            return head

    def anchors(self) -> tuple[LogAnchor, ...]:
        """Every anchor that holds lines: number, root, how many lines."""
        return self._anchors.all()

    def check_anchors(self, chain: AnchorSource, leaves: Mapping[bytes, int] | None = None) -> tuple[LogAnchor, ...]:
        """Verify the log and compare its anchors with the chain; see `LineAnchors.compare`. Raises `LogTampered`, and
        from then on refuses to append."""
        with self._incident():
            self._check_lines(None)
            self._anchors.check()
            return self._anchors.compare(chain, leaves)

    def proof_of(self, number: int) -> LineProof | None:
        """What shows one line to be under a root on the chain, for an inspector; None while it is not anchored."""
        return self._anchors.proof_of(number)

    def lines(self) -> Iterator[Line]:
        """All lines in order."""
        for number, salt, record, reference in self._database.rows("SELECT * FROM lines ORDER BY number"):
            yield Line(number, Salt(salt), orjson.loads(record), Reference(reference))

    def of_subject(self, subject: SubjectId) -> tuple[Line, ...]:
        """Every access to this person's data, for the person's own inspection; nothing once the person is erased."""
        key = self._tag_key(subject)
        if key is None:
            return ()
        return tuple(
            line
            for line in self.lines()
            if hmac.compare_digest(line.record["subject"], _tag(key, "subject", line.salt))
        )

    def incidents(self) -> tuple[Line, ...]:
        """Lines written while the clock stood back."""
        code = RefusalCode.CLOCK_UNTRUSTED.value
        return tuple(line for line in self.lines() if line.record["decision"].startswith(code))

    def pending(self) -> tuple[PendingLine, ...]:
        """Lines that no batch holds yet, after checking all lines."""
        with self._incident():
            self._check_lines(None)
        rows = self._database.rows(
            "SELECT reference, coalesce(token, x'') FROM lines LEFT JOIN crowd USING (number)"
            " WHERE number NOT IN (SELECT number FROM batched) ORDER BY number"
        )
        return tuple(PendingLine(Reference(reference), token) for reference, token in rows)

    def attach_proof(self, reference: Reference, anchor: int, root: bytes, proof: Sequence[bytes]) -> None:
        """Keep where a line was anchored and delete its crowd token. The same proof a second time changes nothing.
        Raises `LogTampered`, `PROOF_INVALID` or `PROOF_ATTACHED`."""
        with self._incident(), self._database.transaction():
            number = self._anchors.attach(reference, anchor, root, proof)
            self._database.execute("DELETE FROM crowd WHERE number = ?", (number,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _write(self, access: Access, at: Seconds, decision: str) -> Reference:
        salt = Salt(self._entropy(SALT_SIZE))
        with self._database.transaction():
            head = self._check_end()
            record = {
                "number": head.count + 1,
                "previous": head.reference.hex(),
                "at": at,
                "actor": self._tag_of(access.person, "actor", salt) if access.person is not None else access.actor,
                "role": access.role,
                "institution": access.institution,
                "origin": access.origin if access.person is None else "",
                "subject": self._tag_of(access.subject, "subject", salt),
                "task": access.task,
                "purpose": access.purpose,
                "data_class": access.data_class,
                "decision": decision,
            }
            written = canonical(record)
            reference = reference_of(Kind.AUDIT, salt, written)
            joins = self._joins_crowd(access.subject)
            self._database.execute("INSERT INTO lines VALUES (?, ?, ?, ?)", (head.count + 1, salt, written, reference))
            if joins:
                token = self._entropy(TOKEN_SIZE)
                self._database.execute("INSERT INTO crowd VALUES (?, ?)", (head.count + 1, token))
            self._database.execute("UPDATE head SET count = ?, reference = ?", (head.count + 1, reference))
        self._last = at
        return reference

    def _check_end(self) -> Head:
        head = self.head
        rows = self._database.rows("SELECT number, salt, record FROM lines ORDER BY number DESC LIMIT 1")
        end = Head(rows[0][0], reference_of(Kind.AUDIT, rows[0][1], rows[0][2])) if rows else Head(0, GENESIS)
        if end != head:
            self._tampered = LogTampered(head.count, "the log does not end where it was left")
            raise self._tampered
        return head

    def _joins_crowd(self, subject: SubjectId) -> bool:
        """Is this a person with a key, whom no waiting line counts yet? Tries the key on each line that counts."""
        key = self._tag_key(subject)
        if key is None:
            return False
        counted = self._database.rows("SELECT salt, record FROM lines JOIN crowd USING (number)")
        return not any(
            hmac.compare_digest(orjson.loads(record)["subject"], _tag(key, "subject", salt)) for salt, record in counted
        )

    @contextmanager
    def _incident(self) -> Iterator[None]:
        """From the first sign of tampering on nothing is appended."""
        with self._database.lock:
            try:
                yield
            except LogTampered as found:
                self._tampered = found
                raise

    def _check_lines(self, witness: Reference | None) -> Head:
        head, last, seen = Head(0, GENESIS), Seconds(0), witness is None
        for number, salt, written, reference in self._database.rows("SELECT * FROM lines ORDER BY number"):
            _check_line(head, last, number, salt, written, reference)
            head, last = Head(number, Reference(reference)), Seconds(orjson.loads(written)["at"])
            seen = seen or reference == witness
        if head != self.head:
            raise LogTampered(head.count, "the log does not end where it was left")
        if not seen:
            raise LogTampered(head.count, "an anchored line is gone")
        self._last = last
        return head

    def _tag_of(self, subject: SubjectId, what: str, salt: Salt) -> str:
        key = self._tag_key(subject)
        return _tag(key or self._entropy(32), what, salt)


def _tag(key: bytes, what: str, salt: bytes) -> str:
    return hmac.digest(key, TAG_DOMAIN + what.encode() + salt, "sha256").hex()


def _check_line(head: Head, last: int, number: int, salt: bytes, written: bytes, reference: bytes) -> None:
    if number != head.count + 1:
        raise LogTampered(head.count + 1, "a line is missing")
    if reference_of(Kind.AUDIT, salt, written) != reference:
        raise LogTampered(number, "the line was edited")
    record = orjson.loads(written)
    if record["previous"] != head.reference.hex() or record["number"] != number:
        raise LogTampered(number, "the line does not follow the one before")
    if record["at"] < last:
        raise LogTampered(number, "the line is older than the one before")
