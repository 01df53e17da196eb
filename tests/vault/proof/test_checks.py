from vault.proof.checks import Check, Outcome, as_facts, as_page, holds, not_run

GOOD = Check("good", "looked.", 0, "a neighbour.", 3, 3)
BAD = Check("bad", "looked.", 1, "a neighbour.", 3, 3)
BLIND = Check("blind", "looked.", 0, "a neighbour.", 2, 3)
EMPTY = Check("empty", "looked.", 0, "a neighbour.", 0, 0)
SKIPPED = not_run("skipped", "looked.", "no loop device")


def test_a_check_holds_only_if_its_control_was_caught() -> None:
    outcomes = [check.outcome for check in (GOOD, BAD, BLIND, EMPTY, SKIPPED)]
    assert outcomes == [
        Outcome.HOLDS, Outcome.FAILED, Outcome.CONTROL_DID_NOT_FAIL, Outcome.CONTROL_DID_NOT_FAIL, Outcome.NOT_RUN,
    ]  # fmt: skip


def test_all_hold_or_it_does_not_hold() -> None:
    assert holds([GOOD, SKIPPED])
    for checks in ([GOOD, BAD], [GOOD, BLIND], [SKIPPED], []):
        assert not holds(checks)


def test_the_page_says_what_was_not_run_and_why() -> None:
    page = as_page([GOOD, SKIPPED], "00ff", 7, "2026-11-22 09:00 UTC")
    assert "1 checks run, 1 not run. Result: **it holds**" in page
    assert "Not run: no loop device" in page
    assert "IT DOES NOT HOLD" in as_page([BAD], "00ff", 7, "")
    assert [fact["outcome"] for fact in as_facts([GOOD, SKIPPED])] == ["HOLDS", "NOT_RUN"]
