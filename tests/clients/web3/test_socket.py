"""web3.py's own tests of persistent connections, over WebSocket."""

from typing import Any

import pytest
from web3._utils.module_testing.persistent_connection_provider import PersistentConnectionProviderTest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("web3-socket")]


@pytest.fixture
def async_w3(async_socket: Any) -> Any:
    return async_socket


class TestSocket(PersistentConnectionProviderTest):
    pass
