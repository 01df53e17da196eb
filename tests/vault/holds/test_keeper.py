from pathlib import Path

import pytest

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day, SubjectId
from protocol.records import RecordKind
from tests.vault.holds_support import Scene, scene
from tests.vault.support import TODAY, options, seal_days
from vault import Cause, State, Vault, VaultError
from vault.forgetting import scan
from vault.holds.bases import basis_of
from vault.holds.silo import Reader

DAYS = frozenset({RecordKind.DAY})
UNTIL = Day(TODAY + 100)


def enrolled(vault: Vault, name: str = "anna") -> SubjectId:
    subject = vault.identity.enroll(name, [])
    seal_days(vault, subject, 2)
    seal_days(vault, subject, 1, Day(TODAY - 40))
    return subject


def erased(now: Scene, subject: SubjectId) -> dict[str, object]:
    return now.vault.erase(subject, Cause.ERASURE_REQUEST, identity_verified=True).body


def test_what_a_law_keeps_is_moved_and_the_certificate_says_so(home: Path) -> None:
    with scene(home) as now:
        anna, ben = enrolled(now.vault), enrolled(now.vault, "ben")
        now.vault.holds.place(anna, "COURT_EVIDENCE", UNTIL, "clerk", DAYS)
        salts = {str(found.day): found.opening.salt for found in now.vault.records.records_of(anna)}
        body = erased(now, anna)
        assert body["state"] == State.PARTIAL_RETAINED
        assert body["retained"] == [{"basis": "COURT_EVIDENCE", "store": "silo", "until": UNTIL}]
        stores = body["stores"]
        assert isinstance(stores, list)
        assert [(store["name"], store["rows"]) for store in stores][:2] == [
            ("silo", 3),
            ("keys", body["keys_destroyed"]),
        ]
        assert now.vault.identity.subject_of("anna") is None
        assert now.vault.holds.placed() == []
        assert erased(now, ben)["state"] == State.CERTIFIED
        with now.silo() as silo:
            held = silo.read(Reader("Kim", now.officer, "the court's order"))
        assert [(each.person, each.record["steps"]) for each in held] == [
            ("anna", 1000),
            ("anna", 1000),
            ("anna", 1001),
        ]
        assert scan(home.parent, {"subject": anna, "person": b'"anna"', **salts}) == []


def test_without_a_silo_nothing_is_erased_before_it_is_there(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna = enrolled(vault)
        vault.holds.place(anna, "COURT_EVIDENCE", UNTIL, "clerk")
        with pytest.raises(Refusal) as refused:
            vault.erase(anna, Cause.CONTRACT_END)
        assert (refused.value.refusal, refused.value.detail) == (RefusalCode.STORE_UNREACHABLE, "silo")
        (erasure,) = vault.erasures.unfinished()
        assert erasure.state is State.HOLD_CHECK
        assert vault.status().records == 3


def test_a_period_erased_keeps_what_a_law_keeps_and_the_hold_goes_on(home: Path) -> None:
    with scene(home) as now:
        anna = enrolled(now.vault)
        now.vault.holds.place(anna, "COURT_EVIDENCE", UNTIL, "clerk", DAYS)
        certificate = now.vault.erase_period(now.vault.months.periods()[0])
        assert certificate.body["state"] == State.PARTIAL_RETAINED
        assert len(now.vault.holds.placed()) == 1
        assert erased(now, anna)["state"] == State.PARTIAL_RETAINED
        with now.silo() as silo:
            assert sorted(held.rows for held in silo.all()) == [1, 2]


def test_a_hold_that_is_over_or_covers_nothing_keeps_nothing(home: Path) -> None:
    with scene(home) as now:
        anna, ben = enrolled(now.vault), enrolled(now.vault, "ben")
        now.vault.holds.place(anna, "COURT_EVIDENCE", UNTIL, "clerk", DAYS)
        now.vault.holds.place(ben, "TAX_RECORD", UNTIL, "clerk")
        now.clock.at += 200 * 86_400
        assert erased(now, anna)["state"] == State.CERTIFIED
        assert erased(now, ben)["state"] == State.CERTIFIED


def test_a_hold_is_within_what_its_law_says(home: Path) -> None:
    with scene(home) as now:
        anna = enrolled(now.vault)
        place = now.vault.holds.place
        for basis, until, kinds, code in (
            ("as agreed by telephone", UNTIL, None, "BASIS_UNKNOWN"),
            ("TAX_RECORD", UNTIL, DAYS, "HOLD_TOO_WIDE"),
            ("COURT_EVIDENCE", UNTIL, frozenset[RecordKind](), "HOLD_TOO_WIDE"),
            ("COURT_EVIDENCE", Day(TODAY + 366 * 6), DAYS, "HOLD_TOO_LONG"),
            ("COURT_EVIDENCE", Day(TODAY - 10), DAYS, "HOLD_TOO_LONG"),
        ):
            with pytest.raises(VaultError, match=code):
                place(anna, basis, until, "clerk", kinds)
        with pytest.raises(VaultError, match="SUBJECT_UNKNOWN"):
            place(SubjectId(bytes(16)), "COURT_EVIDENCE", UNTIL, "clerk")
        assert now.vault.holds.placed() == []


def test_a_hold_taken_back_keeps_nothing(home: Path) -> None:
    with scene(home) as now:
        anna = enrolled(now.vault)
        hold = now.vault.holds.place(anna, "COURT_EVIDENCE", UNTIL, "clerk")
        assert hold.kinds == basis_of("COURT_EVIDENCE").keeps
        assert now.vault.holds.placed() == [hold]
        assert scan(home, {"basis": b"COURT_EVIDENCE", "subject": anna}) == []
        now.vault.holds.lift(hold.id)
        with pytest.raises(VaultError, match="ORDER_UNKNOWN"):
            now.vault.holds.lift(hold.id)
        assert erased(now, anna)["state"] == State.CERTIFIED
