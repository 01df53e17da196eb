"""Joining stores takes two: one officer asks with a reason and an end, another one agrees, every use is logged.

The identity map says who a pseudonym is; together with the records it says everything. A court order needs both. So:

    request   an officer who holds one of the two stores, about one subject, with a reason, until a moment
    approve   an officer who holds the other one, who names the same subject on their own
    use       the officer who asked, until the end; each use is a line of the access log

Both sign with Ed25519 keys of their own, so the vault cannot make an approval and everybody can check one later. The
subject stands in the table as an HMAC under its tag key (`vault.tags`) only: once erased, nobody can tell whom a
request was about, not even who kept the pseudonym.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from protocol.canonical import canonical
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Seconds, SubjectId
from vault.access_log import Access, AccessLog
from vault.credentials import HOLDS, Store, StoreRole
from vault.database import Database
from vault.envelope import OpenedRecord
from vault.errors import VaultError
from vault.identity import IdentityEntry, IdentityMap
from vault.officers import OfficerKey, Officers
from vault.records import RecordKeeper

JOINED = frozenset({Store.RECORDS, Store.IDENTITY})
LONGEST = Seconds(30 * 86_400)
SHORTEST_REASON = 10
ID_SIZE = 8
SCHEMA = """
CREATE TABLE join_request(
    id TEXT PRIMARY KEY, body BLOB NOT NULL, signature BLOB NOT NULL, approver TEXT, approved INTEGER, consent BLOB,
    uses INTEGER NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Join:
    """A request to join the stores, as it stands."""

    id: str
    requester: str
    role: StoreRole
    reason: str
    asked: Seconds
    until: Seconds
    about: bytes
    body: bytes
    signature: bytes
    approver: str | None
    approved: Seconds | None
    consent: bytes | None
    uses: int


@dataclass(frozen=True, slots=True)
class Joined:
    """What a join opens: who a subject is, with its records."""

    entry: IdentityEntry
    records: tuple[OpenedRecord, ...]


class Joins:
    """Dual control over the joining of records and identity map."""

    def __init__(
        self,
        database: Database,
        stores: tuple[IdentityMap, RecordKeeper],
        log: AccessLog,
        clock: Callable[[], Seconds],
        entropy: Callable[[int], bytes],
        tag_key_of: Callable[[SubjectId], bytes | None],
    ) -> None:
        self.officers = Officers(database)
        self._database = database
        self._identity, self._records = stores
        self._log = log
        self._clock = clock
        self._entropy = entropy
        self._tag_key_of = tag_key_of

    def request(self, key: OfficerKey, subject: SubjectId, reason: str, until: Seconds) -> Join:
        """Ask. Refuses `ROLE_SEPARATION`, `REASON_MISSING`, `DUAL_CONTROL_REQUIRED`; each attempt is logged."""
        with self._logged(key, subject, "join request"):
            self._check_officer(key)
            if len(reason.strip()) < SHORTEST_REASON:
                hint = f"say on what ground, in {SHORTEST_REASON} characters or more"
                raise Refusal(RefusalCode.REASON_MISSING, "nobody joins stores without a reason", hint)
            now = self._clock()
            if not now < until <= now + LONGEST:
                hint = "give an end that lies ahead, 30 days at most"
                raise Refusal(RefusalCode.DUAL_CONTROL_REQUIRED, "a join has an end", hint, "end")
            join_id = self._entropy(ID_SIZE).hex()
            body = canonical({
                "about": self._about(subject).hex(), "asked": now, "id": join_id, "reason": reason.strip(),
                "requester": key.officer.name, "role": key.officer.role, "until": until, "version": 1,
            })  # fmt: skip
            row = (join_id, body, key.sign(_asked(body)))
            self._database.execute("INSERT INTO join_request VALUES (?, ?, ?, NULL, NULL, NULL, 0)", row)
        return self.get(join_id)

    def approve(self, key: OfficerKey, join_id: str, subject: SubjectId) -> Join:
        """Agree, as the second officer, naming the same subject. Refuses `SELF_APPROVAL`, `ROLE_SEPARATION`, and
        `DUAL_CONTROL_REQUIRED` for another subject, an end that is past, or a request that was changed."""
        with self._logged(key, subject, "join approval"):
            join = self.get(join_id)
            requester = self.officers.get(join.requester)
            if key.officer.name == join.requester or key.officer.public == requester.public:
                raise Refusal(RefusalCode.SELF_APPROVAL, "who asks does not agree", "ask another officer")
            self._check_officer(key)
            if key.officer.role == join.role:
                hint = "the officer who holds the other store has to agree"
                raise Refusal(RefusalCode.ROLE_SEPARATION, "both officers hold the same store", hint, join.role)
            self._check_request(join, subject)
            row = (key.officer.name, self._clock(), key.sign(_agreed(join)), join_id)
            self._database.execute(
                "UPDATE join_request SET approver = ?, approved = ?, consent = ? WHERE id = ? AND approver IS NULL", row
            )
        return self.get(join_id)

    def use(self, key: OfficerKey, join_id: str, subject: SubjectId) -> Joined:
        """Open identity and records of the subject. Refuses `DUAL_CONTROL_REQUIRED` unless both officers signed and
        the end is ahead, `ROLE_SEPARATION` for anybody but the requester."""
        with self._logged(key, subject, "join use"):
            join = self.get(join_id)
            self._check_officer(key)
            if key.officer.name != join.requester:
                raise Refusal(RefusalCode.ROLE_SEPARATION, "another officer asked", "make a request of your own")
            self._check_request(join, subject)
            if join.approver is None or join.consent is None:
                hint = "an officer who holds the other store has to agree first"
                raise Refusal(RefusalCode.DUAL_CONTROL_REQUIRED, "nobody agreed to this join", hint, "approval")
            approver = self.officers.get(join.approver)
            if HOLDS[approver.role] not in JOINED or approver.role == join.role:
                raise Refusal(RefusalCode.ROLE_SEPARATION, "the second officer held no other store", "ask again")
            if not approver.signed(_agreed(join), join.consent):
                raise _changed()
            entry = self._identity.entry_of(subject)
        # the line is durable before anything is shown
        self._database.execute("UPDATE join_request SET uses = uses + 1 WHERE id = ?", (join_id,))
        return Joined(entry, tuple(self._records.records_of(subject)))

    def get(self, join_id: str) -> Join:
        """Refuses `DUAL_CONTROL_REQUIRED` where there is no such request."""
        for join in self._select("WHERE id = ?", (join_id,)):
            return join
        raise Refusal(RefusalCode.DUAL_CONTROL_REQUIRED, "there is no such request", "ask first")

    def all(self) -> list[Join]:
        """Every request, oldest first."""
        return sorted(self._select("", ()), key=lambda join: (join.asked, join.id))

    def _select(self, condition: str, values: Sequence[Any]) -> list[Join]:
        query = "SELECT id, body, signature, approver, approved, consent, uses FROM join_request "
        return [_join(row) for row in self._database.rows(query + condition, values)]

    def _check_officer(self, key: OfficerKey) -> None:
        known = self.officers.get(key.officer.name)
        if known != key.officer:
            hint = "use the key and role that were entered"
            raise Refusal(RefusalCode.ROLE_SEPARATION, f"{known.name} has another key or role here", hint)
        if HOLDS[known.role] not in JOINED:
            hint = "a record keeper and a registrar join their stores"
            raise Refusal(RefusalCode.ROLE_SEPARATION, f"{known.role} holds neither store", hint, known.role)

    def _about(self, subject: SubjectId) -> bytes:
        """The mark of a subject, 32 bytes. Raises `SUBJECT_UNKNOWN`."""
        key = self._tag_key_of(subject)
        if key is None:
            raise VaultError("SUBJECT_UNKNOWN", "there is no such subject", "it never was or was erased")
        return hmac.digest(key, b"tideprint/join subject/2", "sha256")

    def _check_request(self, join: Join, subject: SubjectId) -> None:
        if not self.officers.get(join.requester).signed(_asked(join.body), join.signature):
            raise _changed()
        if not hmac.compare_digest(join.about, self._about(subject)):
            hint = "name the subject the request is about"
            raise Refusal(RefusalCode.DUAL_CONTROL_REQUIRED, "the request is about another subject", hint, "subject")
        if self._clock() >= join.until:
            raise Refusal(RefusalCode.DUAL_CONTROL_REQUIRED, "this request has ended", "make a new one", "expired")

    def _logged(self, key: OfficerKey, subject: SubjectId, task: str) -> "_Logged":
        return _Logged(self._log, key, subject, task)


class _Logged:
    """Writes one line when the block ends: what was decided."""

    def __init__(self, log: AccessLog, key: OfficerKey, subject: SubjectId, task: str) -> None:
        self._log = log
        self._facts = (key.officer.name, None, key.officer.role.value, "", "vault", subject, task)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, Refusal):
            decision = "ALLOWED" if error is None else error.code
            self._log.append(Access(*self._facts, "DUAL_CONTROL", "IDENTITY", decision))


def _asked(body: bytes) -> bytes:
    return b"tideprint/join request/1" + body


def _agreed(join: Join) -> bytes:
    return b"tideprint/join approval/1" + hashlib.sha256(join.body + join.signature).digest()


def _changed() -> Refusal:
    hint = "make a new request; somebody wrote into the control database"
    return Refusal(RefusalCode.DUAL_CONTROL_REQUIRED, "a signature of this request is not genuine", hint, "signature")


def _join(row: Sequence[Any]) -> Join:
    join_id, body, signature, approver, approved, consent, uses = row
    facts = json.loads(body)
    return Join(
        join_id, facts["requester"], StoreRole(facts["role"]), facts["reason"], Seconds(facts["asked"]),
        Seconds(facts["until"]), bytes.fromhex(facts["about"]), body, signature, approver, approved, consent, uses,
    )  # fmt: skip
