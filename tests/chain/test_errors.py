import pytest

from chain.errors import ChainError, WriteReverted, refusal_of
from protocol.errors import Refusal, RefusalCode, TideprintError


@pytest.mark.parametrize("code", RefusalCode)
def test_a_reason_that_names_a_code_is_that_refusal(code: RefusalCode) -> None:
    refusal = refusal_of(f"token: {code}")
    assert isinstance(refusal, Refusal)
    assert refusal.refusal is code
    assert isinstance(refusal_of(code), Refusal)


@pytest.mark.parametrize("reason", ["voucher: spent", "", "COPAY_FORBIDDEN: token", "token: copay_forbidden"])
def test_any_other_reason_is_a_reverted_write(reason: str) -> None:
    error = refusal_of(reason)
    assert isinstance(error, WriteReverted)
    assert isinstance(error, ChainError)
    assert isinstance(error, TideprintError)
    assert (error.code, error.reason) == ("WRITE_REVERTED", reason)
