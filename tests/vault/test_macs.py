import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.macs import mac


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_it_is_the_standard_library_s(key: bytes, message: bytes) -> None:
    assert mac(key, message) == mac(bytearray(key), message) == hmac.digest(key, message, "sha256")


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        mac(bytes(size), b"")
