from pathlib import Path

import pytest

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day
from tests.vault.holds_support import Scene, scene
from tests.vault.support import TODAY, options, seal_days
from vault import Cause, VaultError
from vault.certificates import verify_certificate
from vault.errors import StoreUnavailable
from vault.forgetting import attack, scan, take_copy
from vault.holds.officer import write_officer_key
from vault.holds.silo import Reader, Silo

UNTIL = Day(TODAY + 100)


def filled(now: Scene) -> str:
    """Anna is erased and something of hers is held; its number in the silo."""
    anna = now.vault.identity.enroll("anna", [])
    seal_days(now.vault, anna, 2)
    now.vault.holds.place(anna, "COURT_EVIDENCE", UNTIL, "clerk")
    now.vault.erase(anna, Cause.CONTRACT_END)
    with now.silo() as silo:
        (held,) = silo.all()
    return held.id


def test_every_look_is_logged_before_it_is_answered(home: Path, tmp_path: Path) -> None:
    write_officer_key(tmp_path / "other")
    other = (tmp_path / "other").read_bytes()
    with scene(home) as now:
        filled(now)
        with now.silo() as silo:
            assert len(silo.read(Reader("Kim", now.officer, "order 7 of the court", "desk 3"))) == 2
            for reader, code in (
                (Reader("Kim", now.officer, "  "), RefusalCode.REASON_MISSING),
                (Reader("Lee", other, "curious"), RefusalCode.ROLE_SEPARATION),
            ):
                with pytest.raises(Refusal) as refused:
                    silo.read(reader)
                assert refused.value.refusal is code
            lines = [line.record for line in silo.log().lines()]
        assert [(line["actor"], line["decision"]) for line in lines] == [
            ("Kim", "ALLOWED"), ("Kim", "REASON_MISSING"), ("Lee", "ROLE_SEPARATION"),
        ]  # fmt: skip
        assert (lines[0]["task"], lines[0]["purpose"], lines[0]["origin"]) == (
            "order 7 of the court", "COURT_EVIDENCE", "desk 3",
        )  # fmt: skip


def test_its_end_is_an_erasure_with_a_certificate_of_its_own(home: Path, tmp_path: Path) -> None:
    with scene(home) as now:
        number = filled(now)
        take_copy(now.vault.silo_directory, tmp_path / "copy")
        with now.silo() as silo:
            certificate = silo.destroy(number)
            assert silo.destroy(number) == certificate
            assert verify_certificate(silo.public_key, certificate)
            assert [held.certificate for held in silo.all()] == [certificate.number]
            assert silo.read(Reader("Kim", now.officer, "still there?")) == []
            with pytest.raises(VaultError, match="HOLD_UNKNOWN"):
                silo.destroy("none")
        assert certificate.body["salts_destroyed"] == 2
        findings = attack(tmp_path / "copy" / "vault", now.vault.silo_directory / "vault")
        assert (findings.erased_opened, findings.living_closed) == (0, 0)
        assert findings.erased_closed == 4


def test_a_copy_of_a_silo_has_no_root_slot(home: Path, tmp_path: Path) -> None:
    with scene(home) as now:
        filled(now)
        take_copy(home.parent, tmp_path / "copy")
    names = [found.name for found in (tmp_path / "copy").rglob("*")]
    assert names.count("silo.db") == 1
    assert "root.slot" not in names


def test_neither_the_vaults_root_nor_the_silos_opens_what_the_officer_opens(home: Path) -> None:
    with scene(home) as now:
        filled(now)
        assert scan(home.parent, {"person": b"anna", "record": b'"steps":'}) == []
        with now.silo() as silo:
            subject = silo._vault.identity.subject_of(silo.all()[0].id)
            assert subject is not None
            inside = [found.record for found in silo._vault.records.records_of(subject)]
        assert all(set(record) == {"sealed"} for record in inside)


def test_moving_in_twice_or_half_changes_nothing(home: Path) -> None:
    with scene(home) as now:
        anna = now.vault.identity.enroll("anna", [])
        seal_days(now.vault, anna, 2)
        records = list(now.vault.records.records_of(anna))
        with now.silo() as silo:
            silo._vault.identity.enroll("n-1", [])
            first = silo.move_in("n-1", "COURT_EVIDENCE", UNTIL, "anna", records)
            assert silo.move_in("n-1", "COURT_EVIDENCE", UNTIL, "anna", records) == first
            silo._index.execute("DELETE FROM held")
            assert silo.move_in("n-1", "COURT_EVIDENCE", UNTIL, "anna", records).rows == 2
            assert len(silo.read(Reader("Kim", now.officer, "a look"))) == 2


def test_a_silo_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="SILO_MISSING"):
        Silo(tmp_path, options())
