"""Erasure as a resumable saga: a table of states and of the step that leads out of each.

    REQUESTED          -- identity verified ------------> IDENTITY_VERIFIED
    IDENTITY_VERIFIED  -- no hold on the whole ---------> HOLD_CHECK
    HOLD_CHECK         -- what a law keeps is moved ----> EXECUTING
    EXECUTING          -- count all, then erase each ---> VERIFIED
    VERIFIED           -- ticket destroyed, signed -----> CERTIFIED, or PARTIAL_RETAINED with its legal basis

Every step is durable before the next begins and harmless to repeat, so a process killed anywhere resumes. Reads and
writes of the subject stop at REQUESTED. A store that is unknown or unreachable keeps the erasure open; the others still
forget at once, but for the record rows: they name the blocks and go after them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from protocol.errors import Refusal, RefusalCode, TideprintError
from protocol.quantities import Seconds, SubjectId
from vault.certificates import Certificate, CertificateBook
from vault.clocks import ClockKind, Deadlines, due
from vault.errors import VaultError
from vault.holds.bases import check_hold
from vault.keys import nothing
from vault.paths import Path
from vault.sagas import Cause, Erasure, ErasureTable, State, StoreReport
from vault.stores import ErasableStore, ErasureTarget, HasMembers, Hold

HoldCheck = Callable[[ErasureTarget], Hold | None]
Retain = Callable[[str, ErasureTarget], StoreReport | None]
"""Moves what a law keeps of a target out of the vault, for an erasure's number; the same again changes nothing."""


def no_hold(_target: ErasureTarget) -> None:
    """The default: no law keeps the whole target."""


def nothing_kept(_erasure: str, _target: ErasureTarget) -> None:
    """The default: no law keeps a part of the target."""


class Erasures:
    """All erasures of one vault."""

    def __init__(
        self,
        table: ErasureTable,
        certificates: CertificateBook,
        own_stores: Sequence[ErasableStore],
        deadlines: Deadlines,
        clock: Callable[[], Seconds],
        on_step: Callable[[str], None] = nothing,
    ) -> None:
        """`clock` refuses `CLOCK_UNTRUSTED` when it was set back."""
        self._table = table
        self._certificates = certificates
        self._stores = {store.name: store for store in own_stores}
        self.deadlines = deadlines
        self._clock = clock
        self._on_step = on_step
        self.hold_check: HoldCheck = no_hold
        self.retain: Retain = nothing_kept
        targets = {erasure.id: table.target(erasure.id) for erasure in table.unfinished()}
        self._open: dict[str, ErasureTarget] = {key: target for key, target in targets.items() if target is not None}

    def register(self, store: ErasableStore) -> None:
        """Add a store of somebody else's: from now on no erasure is certified without it, also after a restart."""
        self._table.add_store(store.name)
        self._stores[store.name] = store

    @property
    def register_names(self) -> list[str]:
        """The names of all stores that every certificate needs."""
        return sorted({*self._stores, *self._table.stores()})

    def is_stopped(self, subject: SubjectId | None, path: Path) -> bool:
        """Is the subject, or a prefix of this path, being erased?"""
        return any(
            (subject is not None and target.subject == subject) or path.startswith(target.prefixes)
            for target in tuple(self._open.values())
        )

    def covers(self, prefix: Path) -> bool:
        """Will an erasure that is under way take this prefix?"""
        return any(prefix in target.prefixes for target in self._open.values())

    def request(
        self, cause: Cause, target: ErasureTarget, request_key: str | None = None, cause_at: Seconds | None = None
    ) -> Erasure:
        """Begin an erasure; from here on nothing of the target is read or written. Its clocks run from `cause_at`.

        A second request for the same subject, or with the same `request_key`, gives the erasure that is there already.
        Refuses `CLOCK_UNTRUSTED`.
        """
        with self._table.database.lock:
            known = self.find(request_key) or self._same(target)
            if known is not None:
                return known
            now = self._clock()
            began = now if cause_at is None else min(cause_at, now)
            with self._table.database.transaction():
                self._begin_clocks(erasure := self._table.insert(cause, target, now, request_key, began))
            self._open[erasure.id] = target
        self._on_step(State.REQUESTED)
        return erasure

    def _begin_clocks(self, erasure: Erasure) -> None:
        self.deadlines.begin(erasure.id, ClockKind.ERASE, erasure.cause_at)
        if erasure.cause.needs_identity:
            self.deadlines.begin(erasure.id, ClockKind.NOTICE, erasure.cause_at)

    def _same(self, target: ErasureTarget) -> Erasure | None:
        for erasure_id, other in self._open.items():
            if target == other or (target.subject is not None and target.subject == other.subject):
                return self._table.get(erasure_id)
        return None

    def cancel(self, erasure_id: str) -> None:
        """Take back a request whose identity was never verified. Raises `ERASURE_BEGUN` for any other."""
        if self._table.get(erasure_id).state is not State.REQUESTED:
            raise VaultError("ERASURE_BEGUN", "this erasure cannot be taken back", "let it run to its certificate")
        with self._table.database.transaction():
            self._table.delete(erasure_id)
            self.deadlines.drop(erasure_id)
        self._open.pop(erasure_id, None)

    def run(self, erasure_id: str, *, identity_verified: bool = False) -> Erasure:
        """Go on until it is over. Refuses `IDENTITY_UNVERIFIED`, `LEGAL_HOLD`, `STORE_UNREACHABLE`: it stays open."""
        erasure = self._table.get(erasure_id)
        while not erasure.state.final:
            if erasure.state is State.REQUESTED and erasure.cause.needs_identity and not identity_verified:
                hint = "verify who asks, then run it again; or cancel it"
                raise Refusal(RefusalCode.IDENTITY_UNVERIFIED, "nobody verified who asks for this erasure", hint)
            erasure = STEPS[erasure.state](self, erasure)
        return erasure

    def resume(self) -> list[Erasure]:
        """Run every erasure that was under way (identity verified) when the process stopped; refusals leave it open."""
        resumed = []
        for erasure in self._table.unfinished():
            if erasure.state is State.REQUESTED and erasure.cause.needs_identity:
                continue
            try:
                resumed.append(self.run(erasure.id))
            except Refusal:
                resumed.append(self._table.get(erasure.id))
        return resumed

    def lost(self) -> list[Erasure]:
        """Open erasures whose ticket is destroyed: they were certified after the backup these rows come from."""
        before = (State.VERIFIED, State.CERTIFIED, State.PARTIAL_RETAINED)
        return [each for each in self._table.unfinished() if each.state not in before and each.id not in self._open]

    def drop_lost(self) -> None:
        """Forget them: what they were about is gone, and the tombstones say so."""
        for erasure in self.lost():
            self._table.delete(erasure.id)

    def unfinished(self) -> list[Erasure]:
        """Those that are not over."""
        return self._table.unfinished()

    def find(self, request_key: str | None) -> Erasure | None:
        """The erasure that came with this key of the requester, open or over."""
        return None if request_key is None else self._table.by_request_key(request_key)

    def get(self, erasure_id: str) -> Erasure:
        """How far an erasure is. Raises `ERASURE_UNKNOWN`."""
        return self._table.get(erasure_id)

    def certificate_of(self, erasure: Erasure) -> Certificate:
        """The certificate of an erasure that is over. Raises `CERTIFICATE_UNKNOWN`."""
        return self._certificates.get(erasure.certificate or "")

    def _verify_identity(self, erasure: Erasure) -> Erasure:
        return self._advance(replace(erasure, state=State.IDENTITY_VERIFIED))

    def _check_hold(self, erasure: Erasure) -> Erasure:
        hold = self.hold_check(self._open[erasure.id])
        if hold is not None:
            check_hold(hold)
            hint = f"reading stays stopped; run it again after day {hold.until}"
            raise Refusal(RefusalCode.LEGAL_HOLD, "a law keeps this data", hint, f"{hold.basis}, until {hold.until}")
        return self._advance(replace(erasure, state=State.HOLD_CHECK))

    def _begin(self, erasure: Erasure) -> Erasure:
        """What a law keeps is safe in the silo before anything is erased."""
        try:
            kept = self.retain(erasure.id, self._open[erasure.id])
        except (OSError, TideprintError) as error:
            if isinstance(error, Refusal) and error.refusal is RefusalCode.CLOCK_UNTRUSTED:
                raise
            raise _unreachable([(SILO, error)]) from error
        if kept is not None:
            erasure = self._advance(replace(erasure, reports=(kept,)), f"{SILO} verified")
        return self._advance(replace(erasure, state=State.EXECUTING))

    def _execute(self, erasure: Erasure) -> Erasure:
        """All stores are counted before the first forgets: without keys some could not count any more."""
        missing: list[tuple[str, Exception]] = []
        for act in (self._count_in, self._erase_in):
            for name in dict.fromkeys((*self._stores, *self._table.stores())):
                if name in dict(missing) or (name == RECORDS and BLOCKS in dict(missing)):
                    continue
                try:
                    erasure = act(erasure, name)
                except Refusal as refused:
                    if refused.refusal is not RefusalCode.STORE_UNREACHABLE:
                        raise
                    missing.append((name, refused))
                except (OSError, TideprintError) as error:
                    if name in OWN_STORES:
                        raise
                    missing.append((name, error))
        if missing:
            raise _unreachable(missing) from missing[0][1]
        return self._advance(replace(erasure, state=State.VERIFIED))

    def _count_in(self, erasure: Erasure, name: str) -> Erasure:
        if erasure.report_of(name) is not None:
            return erasure
        store, target = self._store(name), self._open[erasure.id]
        members = store.members(target) if isinstance(store, HasMembers) else {}
        report = StoreReport(name, store.count(target), members, method=store.method, proof=store.proof)
        return self._advance(replace(erasure, reports=(*erasure.reports, report)), f"{name} counted")

    def _erase_in(self, erasure: Erasure, name: str) -> Erasure:
        report = erasure.report_of(name)
        if report is None or report.done:
            return erasure
        store, target = self._store(name), self._open[erasure.id]
        hold = store.erase(target)
        if hold is not None:
            check_hold(hold)
        self._on_step(f"{name} erased")
        if not store.absent(target):
            raise VaultError("STILL_THERE", f"store {name} still holds something", "run the erasure again")
        done = replace(report, done=True, holds=() if hold is None else (hold,))
        reports = tuple(done if other.name == name else other for other in erasure.reports)
        return self._advance(replace(erasure, reports=reports), f"{name} verified")

    def _store(self, name: str) -> ErasableStore:
        store = self._stores.get(name)
        if store is None:
            raise VaultError("STORE_UNKNOWN", f"store {name} is registered but not here", "start it with this vault")
        return store

    def _certify(self, erasure: Erasure) -> Erasure:
        self._table.destroy_ticket(erasure.id)
        self._on_step("ticket destroyed")
        kept = any(report.holds for report in erasure.reports)
        state = State.PARTIAL_RETAINED if kept else State.CERTIFIED
        self._table.database.checkpoint()  # before the certificate says that no log keeps a deleted row
        with self._table.database.transaction():
            certificate = self._certificates.issue(self._facts(erasure, state))
            erasure = replace(erasure, state=state, certificate=certificate.number)
            self._table.save(erasure)
            self.deadlines.meet(erasure.id, ClockKind.ERASE)
        self._table.database.checkpoint()
        self._open.pop(erasure.id, None)
        self._on_step(state)
        return erasure

    def _facts(self, erasure: Erasure, state: State) -> dict[str, Any]:
        """What the certificate says."""
        rows = {report.name: report.rows for report in erasure.reports}
        retained = [(report.name, hold) for report in erasure.reports for hold in report.holds]
        return {
            "cause": erasure.cause.value,
            "cause_at": erasure.cause_at,
            "certified_at": self._clock(),
            "due_at": due(ClockKind.ERASE, erasure.cause_at),
            "keys_destroyed": rows["keys"],
            "requested_at": erasure.requested_at,
            "retained": [{"basis": hold.basis, "store": name, "until": hold.until} for name, hold in retained],
            "salts_destroyed": rows["records"],
            "state": state.value,
            "stores": [_store_facts(report) for report in erasure.reports],
        }

    def _advance(self, erasure: Erasure, step: str = "") -> Erasure:
        self._table.save(erasure)
        self._on_step(step or erasure.state)
        return erasure


def _store_facts(report: StoreReport) -> dict[str, Any]:
    facts = {"method": report.method, "name": report.name, "rows": report.rows, "verified": report.proof}
    return {**facts, "members": dict(report.members)} if len(report.members) > 1 else facts


def _unreachable(missing: Sequence[tuple[str, Exception]]) -> Refusal:
    names = ", ".join(
        f"{name} ({error.detail})" if isinstance(error, Refusal) and error.detail else name for name, error in missing
    )
    hint = "bring the store back and run the erasure again; it is not certified before"
    return Refusal(RefusalCode.STORE_UNREACHABLE, f"no answer from: {names}", hint, names)


BLOCKS, RECORDS, SILO = "blocks", "records", "silo"
OWN_STORES = frozenset({"keys", BLOCKS, RECORDS, "identity"})
STEPS: Mapping[State, Callable[[Erasures, Erasure], Erasure]] = {
    State.REQUESTED: Erasures._verify_identity,
    State.IDENTITY_VERIFIED: Erasures._check_hold,
    State.HOLD_CHECK: Erasures._begin,
    State.EXECUTING: Erasures._execute,
    State.VERIFIED: Erasures._certify,
}
"""The step out of each state that is not final."""
