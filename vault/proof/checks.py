"""What one attack found, and the report of all of them for people, scripts and inspectors."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How an attack ended."""

    HOLDS = "HOLDS"
    """Nothing of the erased was found, and the control was caught."""
    FAILED = "FAILED"
    """Something of the erased was found."""
    CONTROL_DID_NOT_FAIL = "CONTROL_DID_NOT_FAIL"
    """The control was not caught: the attack proves nothing."""
    NOT_RUN = "NOT_RUN"


@dataclass(frozen=True, slots=True)
class Check:
    """One attack: how much of the erased it found (must be 0), and how much of the control (must be `planted`)."""

    name: str
    attack: str
    """In a sentence: what is searched with what."""
    found: int = 0
    control: str = ""
    """In a sentence: what must be caught."""
    caught: int = 0
    planted: int = 1
    why: str = ""
    """Why it was not run, or what else is worth knowing."""
    run: bool = True

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        if not self.run:
            return Outcome.NOT_RUN
        if self.found:
            return Outcome.FAILED
        return Outcome.HOLDS if self.caught >= self.planted > 0 else Outcome.CONTROL_DID_NOT_FAIL


def not_run(name: str, attack: str, why: str) -> Check:
    """A check that could not be made here; it is counted, never passed over."""
    return Check(name, attack, why=why, run=False)


def holds(checks: Sequence[Check]) -> bool:
    """Was something shown, and nothing disproved?"""
    outcomes = {check.outcome for check in checks}
    return Outcome.HOLDS in outcomes and outcomes <= {Outcome.HOLDS, Outcome.NOT_RUN}


def as_facts(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """For scripts."""
    return [{**asdict(check), "outcome": check.outcome.value} for check in checks]


def as_page(checks: Sequence[Check], vault_id: str, epoch: int, at: str) -> str:
    """For an inspector: a page of Markdown that can be read without the program."""
    lines = [
        "# Proof of forgetting",
        "",
        f"Vault `{vault_id}`, epoch {epoch}, {at}. " + _verdict(checks),
        "",
        "Each attack looks for something that was erased and must find none of it. Each has a control, something that",
        "is there and must be found by the same attack: an attack that cannot find anything proves nothing.",
        "",
        "| check | outcome | of the erased | of the control |",
        "|---|---|---:|---:|",
    ]
    for check in checks:
        shown = ("", "") if not check.run else (str(check.found), f"{check.caught} of {check.planted}")
        lines.append(f"| {check.name} | `{check.outcome}` | {shown[0]} | {shown[1]} |")
    for check in checks:
        lines += ["", f"## {check.name}", "", check.attack]
        lines += [f"Control: {check.control}"] if check.control else []
        lines += [("Not run: " if not check.run else "Note: ") + check.why] if check.why else []
    return "\n".join(lines) + "\n\n```json\n" + json.dumps(as_facts(checks), indent=1, sort_keys=True) + "\n```\n"


def _verdict(checks: Sequence[Check]) -> str:
    left_out = sum(not check.run for check in checks)
    run = f"{len(checks) - left_out} checks run, {left_out} not run."
    return f"{run} Result: **{'it holds' if holds(checks) else 'IT DOES NOT HOLD'}**."
