"""The gate's heart: `decide` is pure, denies by default and gives exactly one code, the first in this order.

1  service     SERVICE_LOCKED_PENDING_REPLAY, CLOCK_UNTRUSTED, STORE_UNREACHABLE
2  purpose     PURPOSE_NOT_ALLOWED, PURPOSE_ROLE_MISMATCH, K_SUPPRESSED
3  subject     NOT_DATA_SUBJECT
4  fields      SCOPE_EXCEEDED (no such fields; days out of order, too many, or before the service can have any)
5  consent     see `consents`
6  contract    see `contracts`
7  papers      see `papers`; last of them CLINICIAN_HOLD
8  uses        USES_EXHAUSTED
"""

from collections.abc import Callable

from protocol.errors import RefusalCode
from protocol.rules import Purpose, RuleSet
from vault.gate.consents import check_consent, check_uses
from vault.gate.contracts import check_contract
from vault.gate.papers import check_guardian, check_hold, check_papers
from vault.gate.request import Decision, Facts, Request
from vault.gate.table import DAYS, FIELDS, MOST_DAYS, Basis, cell

Check = Callable[[Request, Facts, RuleSet], Decision | None]


def decide(request: Request, facts: Facts, rules: RuleSet) -> Decision:
    """Allow the request, or refuse it with the first code that applies."""
    refused = _first((_check_service, _check_purpose), request, facts, rules)
    if refused:
        return refused
    basis = cell(request.role, Purpose(request.purpose), request.data_class)
    if not isinstance(basis, Basis):
        return Decision(basis)
    return _first(_checks_of(basis), request, facts, rules) or Decision()


def _first(checks: tuple[Check, ...], request: Request, facts: Facts, rules: RuleSet) -> Decision | None:
    return next((refused for check in checks if (refused := check(request, facts, rules))), None)


def _checks_of(basis: Basis) -> tuple[Check, ...]:
    checks: list[Check] = [_check_subject] if basis.own else []
    checks.append(_check_fields)
    if basis.consent:
        checks.append(check_consent)
    if basis.contract:
        checks.append(check_contract)
    checks.append(check_guardian)
    if basis.papers:
        checks.append(check_papers)
    if basis.consent:
        checks += [check_hold, check_uses]
    return tuple(checks)


def _check_service(_: Request, facts: Facts, __: RuleSet) -> Decision | None:
    if facts.locked:
        return Decision(RefusalCode.SERVICE_LOCKED_PENDING_REPLAY)
    if not facts.clock_trusted:
        return Decision(RefusalCode.CLOCK_UNTRUSTED)
    return None if facts.stores_answer else Decision(RefusalCode.STORE_UNREACHABLE)


def _check_purpose(request: Request, _: Facts, rules: RuleSet) -> Decision | None:
    return None if request.purpose in rules.purposes else Decision(RefusalCode.PURPOSE_NOT_ALLOWED)


def _check_subject(request: Request, _: Facts, __: RuleSet) -> Decision | None:
    return None if request.actor == request.subject.hex() else Decision(RefusalCode.NOT_DATA_SUBJECT)


def _check_fields(request: Request, _: Facts, __: RuleSet) -> Decision | None:
    known = request.fields and set(request.fields) <= FIELDS[request.data_class]
    if not known:
        return Decision(RefusalCode.SCOPE_EXCEEDED, "fields")
    possible = request.first_day in DAYS and request.last_day in DAYS
    if possible and 0 <= request.last_day - request.first_day < MOST_DAYS:
        return None
    return Decision(RefusalCode.SCOPE_EXCEEDED, "days")
