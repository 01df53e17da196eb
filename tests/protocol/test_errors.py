from protocol.errors import Refusal, RefusalCode, TideprintError


def test_an_error_says_what_happened_and_what_to_do() -> None:
    error = TideprintError("STORE_FULL", "no space left", "free some")
    assert str(error) == "STORE_FULL: no space left (free some)"
    assert (error.code, error.message, error.hint) == ("STORE_FULL", "no space left", "free some")


def test_an_error_without_a_hint_ends_with_its_message() -> None:
    assert str(TideprintError("STORE_FULL", "no space left")) == "STORE_FULL: no space left"


def test_a_refusal_carries_its_code_twice() -> None:
    refusal = Refusal(RefusalCode.CLAUSE_MISSING, "a clause is missing", detail="L1")
    assert refusal.refusal is RefusalCode.CLAUSE_MISSING
    assert (refusal.code, refusal.detail) == ("CLAUSE_MISSING", "L1")
    assert isinstance(refusal, TideprintError)


def test_a_code_is_its_own_name() -> None:
    assert all(code.name == code.value for code in RefusalCode)
