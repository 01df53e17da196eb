"""The demonstration as a stranger runs it."""

import re
import stat

import pytest

from tests.end_to_end.conftest import DAYS, PEOPLE, KeptDemo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("demo")]

REFUSED = {
    "BATCH_BELOW_K",
    "CASH_OUT_FORBIDDEN",
    "CONSENT_EXPIRED",
    "CONSENT_MISSING",
    "CONSENT_OTHER_PATIENT",
    "CONSENT_REVOKED",
    "CONTRACT_MISSING",
    "COPAY_FORBIDDEN",
    "IDENTITY_UNVERIFIED",
    "NOT_DATA_SUBJECT",
    "PURPOSE_NOT_ALLOWED",
    "PURPOSE_ROLE_MISMATCH",
    "SCOPE_EXCEEDED",
}


def test_every_claim_holds_and_the_exit_code_says_so(demo: KeptDemo) -> None:
    failed = [claim for claim in demo.report["claims"] if not claim["held"]]
    assert not failed, demo.output
    assert demo.report["held"] is True
    assert demo.exit_code == 0
    assert len(demo.report["claims"]) >= 60


def test_the_figures_belong_together(demo: KeptDemo) -> None:
    figures = demo.report["figures"]
    assert figures["vouchers_issued"] >= figures["vouchers_redeemed"] > 0
    assert figures["tokens_minted"] == 5 * figures["vouchers_redeemed"]
    assert figures["health_tokens_earned"] >= 5 * figures["vouchers_issued"]
    assert figures["batches_anchored"] >= DAYS + 1
    assert figures["wearers"] == PEOPLE + 5
    assert figures["erasures"] == 1
    assert figures["rows_of_the_erased_that_open"] == figures["canaries_found"] == 0
    assert figures["rows_of_the_others_that_open"] > 0


def test_refusals_are_counted_by_code(demo: KeptDemo) -> None:
    assert demo.report["refusals"].keys() >= REFUSED
    assert demo.report["refused_minutes"].keys() >= {"REPLAY", "SIGNATURE_INVALID", "SHOE_MISSING", "DAY_IMPLAUSIBLE"}


def test_every_stage_is_timed(demo: KeptDemo) -> None:
    assert {claim["stage"] for claim in demo.report["claims"]} <= demo.report["seconds"].keys()
    assert 0 < sum(demo.report["seconds"].values()) < 400


def test_the_table_is_told_to_people(demo: KeptDemo) -> None:
    assert "What happened" in demo.output
    assert re.search(r"all \d+ claims held", demo.output)
    assert "Traceback" not in demo.output


def test_no_secret_is_told(demo: KeptDemo) -> None:
    assert (demo.home / "passphrase").read_text() not in demo.output
    assert not re.search(r"\b[0-9a-f]{64}\b", demo.output)


def test_what_is_private_is_private(demo: KeptDemo) -> None:
    private = [
        path for name in ("vault", "oracle", "accounts") for path in (demo.home / name).rglob("*") if path.is_file()
    ]
    assert len(private) > 15
    loose = [path for path in [*private, demo.home / "passphrase"] if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert not loose


def test_the_chain_holds_no_text_about_people(demo: KeptDemo) -> None:
    """Identity numbers, field names of records, names of the institution: not in the node's files."""
    raw = b"".join(path.read_bytes() for path in (demo.home / "node").rglob("*") if path.is_file())
    assert raw
    assert not [word for word in (b"KR-", b"paid_steps", b"Busan", b"FAMRQT") if word in raw]
