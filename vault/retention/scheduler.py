"""The daily run: erases what is due, ends holds, makes the day's epoch, looks at the clocks. Harmless to repeat.

Nothing is remembered but the day of the last run: what is due follows from the records, the orders and the clock, so a
run after days off catches up and a second run finds nothing to do. What fails is reported and tried in the next run.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from protocol.calendar import day_of, start_of
from protocol.errors import Refusal, RefusalCode, TideprintError
from protocol.quantities import Day, Seconds, SubjectId
from vault.clocks import Urgency
from vault.paths import TIMELESS_PERIOD, Path
from vault.retention.ticks import Done, Failed, TickReport, Work
from vault.sagas import Cause, Erasure
from vault.standing import OrderKind
from vault.stores import ErasureTarget
from vault.vault import Vault

LONGEST_PAUSE = 35
"""Days without a run after which the clock has to be confirmed: a clock set far ahead would erase everything."""
PREFIXES_AT_ONCE = 10_000


class Scheduler:
    """Retention, agreed ends, holds and clocks of one vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def tick(self, *, clock_checked: bool = False) -> TickReport:
        """Do what is due today. Refuses `CLOCK_UNTRUSTED` when the clock was set back, or stands more than 35 days
        after the last run and nobody confirmed it (`clock_checked`)."""
        now = self._vault.clock()
        today, last = day_of(now), self._vault.ticks.last()
        pause = 0 if last is None else max(0, today - last - 1)
        if pause > LONGEST_PAUSE and not clock_checked:
            hint = "compare the clock with another one, then run it again with --clock-checked"
            raise Refusal(RefusalCode.CLOCK_UNTRUSTED, "no run for a long time, by this clock", hint, f"{pause} days")
        work = Work()
        self._resume(work)
        self._end_subjects(work, today)
        self._end_project(work, today)
        self._end_months(work, today)
        self._end_holds(work, today)
        refreshed = last != today
        if refreshed:
            self._vault.refresh()
        report = self._report(work, today, pause, refreshed)
        self._vault.ticks.note(report, now)
        return report

    def _resume(self, work: Work) -> None:
        for erasure in self._vault.erasures.unfinished():
            if not (erasure.state.value == "REQUESTED" and erasure.cause.needs_identity):
                self._run(work, erasure)

    def _run(self, work: Work, erasure: Erasure) -> None:
        with _failures(work, f"erasure {erasure.id}"):
            done = self._vault.erasures.run(erasure.id)
            work.erased.append(_done(self._vault.erasures.certificate_of(done).body))

    def _begin(self, work: Work, what: str, request: Callable[[], Erasure]) -> None:
        """Request an erasure and run it; one that failed a moment ago is left for the next run."""
        with _failures(work, what):
            erasure = request()
            if not erasure.state.final and f"erasure {erasure.id}" not in {failed.what for failed in work.failed}:
                self._run(work, erasure)

    def _end_subjects(self, work: Work, today: Day) -> None:
        for order in self._vault.orders.all(OrderKind.END):
            day = Day(order.terms["day"])
            if day < today:
                self._end_subject(work, order.subject, Cause(order.terms["cause"]), day)

    def _end_subject(self, work: Work, subject: SubjectId, cause: Cause, last_day: Day) -> None:
        ended = start_of(Day(last_day + 1))
        self._begin(work, "an agreed end", lambda: self._vault.request_erasure(subject, cause, cause_at=ended))

    def _end_project(self, work: Work, today: Day) -> None:
        end = self._vault.retention.project_end
        if end is None or end >= today:
            return
        for subject in self._vault.identity:
            self._end_subject(work, subject, Cause.PROJECT_END, end)
        for period in self._vault.months.periods():
            if period != TIMELESS_PERIOD:
                whole = (self._vault.period_prefix(period),)
                self._erase(work, f"month {period}", Cause.PROJECT_END, whole, start_of(Day(end + 1)))

    def _end_months(self, work: Work, today: Day) -> None:
        policy = self._vault.retention
        for period in self._vault.months.periods():
            due = policy.due(period, today)
            if not due or period == TIMELESS_PERIOD:
                continue
            with _failures(work, f"month {period}"):
                since = min(end for kind in due if (end := policy.due_on(kind, period)) is not None)
                prefixes = self._vault.months.prefixes(period, due)
                for first in range(0, len(prefixes), PREFIXES_AT_ONCE):
                    part = prefixes[first : first + PREFIXES_AT_ONCE]
                    self._erase(work, f"month {period}", Cause.RETENTION_END, part, start_of(since))

    def _erase(self, work: Work, what: str, cause: Cause, prefixes: Sequence[Path], cause_at: Seconds) -> None:
        target = ErasureTarget(None, tuple(prefixes))
        self._begin(work, what, lambda: self._vault.erasures.request(cause, target, cause_at=cause_at))

    def _end_holds(self, work: Work, today: Day) -> None:
        if not self._vault.silo_directory.exists():
            return
        with _failures(work, "silo"), self._vault.open_silo() as silo:
            for held in silo.all():
                if held.certificate is None and held.until < today:
                    with _failures(work, f"hold {held.id}"):
                        work.holds_ended.append(_done(silo.destroy(held.id).body))
            for certificate in silo.certificates():
                self._vault.certificates.adopt(certificate)
            silo.refresh_daily(today)

    def _report(self, work: Work, today: Day, pause: int, refreshed: bool) -> TickReport:
        clocks = self._vault.erasures.deadlines.running()
        named = [(deadline.urgency, f"{deadline.kind} {deadline.erasure}") for deadline in clocks]
        return TickReport(
            today,
            pause,
            refreshed,
            tuple(work.erased),
            tuple(work.holds_ended),
            tuple(work.failed),
            tuple(name for urgency, name in named if urgency is Urgency.OVERDUE),
            tuple(name for urgency, name in named if urgency is Urgency.NEARLY_OVERDUE),
        )


@contextmanager
def _failures(work: Work, what: str) -> Iterator[None]:
    """Note an error and go on; a clock that cannot be trusted ends the run."""
    try:
        yield
    except TideprintError as error:
        if error.code == RefusalCode.CLOCK_UNTRUSTED:
            raise
        work.failed.append(Failed(what, error.code, error.detail if isinstance(error, Refusal) else ""))
    except OSError as error:
        work.failed.append(Failed(what, "STORE_UNREACHABLE", type(error).__name__))


def _done(body: dict[str, object]) -> Done:
    keys = body["keys_destroyed"]
    return Done(str(body["cause"]), str(body["number"]), keys if isinstance(keys, int) else 0)
