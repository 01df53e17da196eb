import pytest

from tests.support import Consortium, VoucherIssuer
from tests.wallet.support import Opened, open_series

SERIES = 28


@pytest.fixture(scope="session")
def issuer_key() -> VoucherIssuer:
    """One key for all tests that need no chain: generating keys is slow."""
    return VoucherIssuer()


@pytest.fixture(scope="session")
def opened(consortium: Consortium) -> Opened:
    """Take the next one."""
    return open_series(consortium, SERIES)
