"""The truth table role x purpose x class of data, generated, without gaps; docs/gate.md shows the same."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from protocol.errors import RefusalCode
from protocol.rules import DataClass, Purpose
from tests.vault.gate_cases import Case, agent, clinician, code_of, family, medical, request, wearer, with_consent
from vault.gate import Role
from vault.gate.reasons import GATE_CODES
from vault.gate.table import REFUSED_PURPOSES, TABLE, Basis, cell

PAGE = Path(__file__).parents[2] / "docs" / "gate.md"
W, M = DataClass.WELLNESS_OBS, DataClass.MEDICAL_RECORD
ASKED = (*Purpose, *REFUSED_PURPOSES)

PERMITTED: dict[tuple[Role, str, DataClass], Case] = {
    (Role.WEARER, Purpose.PATRQT, W): wearer(),
    (Role.WEARER, Purpose.PATRQT, M): wearer(M),
    (Role.FAMILY, Purpose.FAMRQT, W): family(),
    (Role.FAMILY, Purpose.FAMRQT, M): medical(),
    (Role.AGENT, Purpose.PATRQT, M): agent(),
    (Role.AGENT, Purpose.PATRQT, W): (
        replace(request(), role=Role.AGENT, purpose=Purpose.PATRQT),
        with_consent(family()[1], purpose=Purpose.PATRQT),
    ),
    **{
        (Role.CLINICIAN, purpose, data_class): clinician(purpose, data_class)
        for purpose in (Purpose.TREAT, Purpose.CAREMGT)
        for data_class in DataClass
    },
}
"""Everything anybody may ever do, written out a second time, each with a request that has all it needs."""


@pytest.mark.parametrize(("role", "purpose", "data_class"), list(itertools.product(Role, ASKED, DataClass)))
def test_each_cell_of_the_truth_table(role: Role, purpose: str, data_class: DataClass) -> None:
    case = PERMITTED.get((role, purpose, data_class))
    if case:
        assert code_of(*case) == "ALLOWED"
        return
    expected = "PURPOSE_NOT_ALLOWED" if purpose in REFUSED_PURPOSES else "PURPOSE_ROLE_MISMATCH"
    if (role, purpose) == (Role.PUBLIC_HEALTH, Purpose.PUBHLTH):
        expected = "K_SUPPRESSED"
    for asked, found in PERMITTED.values():
        changed = replace(asked, role=role, purpose=purpose, data_class=data_class)
        assert code_of(changed, found) == expected


def test_the_table_permits_nothing_else() -> None:
    assert set(TABLE) == set(PERMITTED)


def test_the_stricter_class_asks_for_everything_the_other_does() -> None:
    for (role, purpose, data_class), basis in TABLE.items():
        if data_class is M:
            lighter = TABLE[role, purpose, W]
            assert all(getattr(basis, need) or not getattr(lighter, need) for need in Basis.__dataclass_fields__)


def table_text() -> str:
    """The truth table as docs/gate.md shows it."""
    lines = ["| role | purpose | `WELLNESS_OBS` | `MEDICAL_RECORD` |", "|---|---|---|---|"]
    for role, purpose in itertools.product(Role, Purpose):
        cells = [cell(role, purpose, data_class) for data_class in DataClass]
        shown = [f"`{each.value}`" if isinstance(each, RefusalCode) else each.text for each in cells]
        lines.append(f"| {role.value} | {purpose.value} | {' | '.join(shown)} |")
    return "\n".join(lines)


def test_the_page_shows_this_table() -> None:
    assert table_text() in PAGE.read_text(), f"put this into {PAGE.name}:\n{table_text()}"


def test_the_page_explains_every_code_of_the_gate() -> None:
    page = PAGE.read_text()
    assert [code for code in sorted(GATE_CODES) if f"`{code.value}" not in page] == []


def test_the_page_names_every_refused_purpose() -> None:
    page = PAGE.read_text()
    assert [purpose for purpose in REFUSED_PURPOSES if f"`{purpose}`" not in page] == []
