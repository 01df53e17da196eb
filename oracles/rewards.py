"""What a day earns: units by the rule set's curve from attested steps, paid once, as whole vouchers with a carry."""

from typing import Any

from oracles.ledger import Credit, Ledger
from protocol.calendar import month_of
from protocol.quantities import Day, SubjectId
from protocol.records import DayRecord, Origin
from protocol.rules import RuleSet
from protocol.vouchers import series_number


def units_of(record: DayRecord, rules: RuleSet) -> int:
    """Reward units of a day; an imported day earns nothing."""
    return rules.reward.units(record.paid_steps) if record.origin is Origin.ATTESTED else 0


def entitlement_record(day: Day, units: int, rules: RuleSet) -> dict[str, Any]:
    """The ENTITLEMENT record: what the day earned, and under which rules."""
    return {"day": day, "units": units, "rules": rules.hash().hex()}


class Rewards:
    """Pays days into the ledger."""

    def __init__(self, ledger: Ledger, rules: RuleSet) -> None:
        self._ledger = ledger
        self._rules = rules

    def series_of(self, day: Day) -> int:
        """The series whose vouchers a day earns."""
        return series_number(month_of(day), self._rules.denomination)

    def pay(self, subject: SubjectId, day: Day, units: int) -> Credit:
        """Credit a day's units; a second time for the same subject and day adds nothing."""
        return self._ledger.credit(subject, day, units, self.series_of(day), self._rules.denomination)
