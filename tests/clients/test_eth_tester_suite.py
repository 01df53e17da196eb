"""eth-tester's own suite of backends on ours, whole: nothing of it is left out."""

import pytest
from eth_tester import EthereumTester
from eth_tester.utils.backend_testing import BaseTestBackendDirect

from node.development.eth_tester import TideprintBackend

CASES = 101
"""Of eth-tester 0.13.0b1."""
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def eth_tester() -> EthereumTester:
    return EthereumTester(backend=TideprintBackend())


class TestBackend(BaseTestBackendDirect):
    pass


def test_the_suite_is_whole(request: pytest.FixtureRequest) -> None:
    cases = [item for item in request.session.items if item.parent is not None and item.parent.name == "TestBackend"]
    chosen = request.config.getoption("keyword") or request.config.getoption("markexpr")
    assert len(cases) == CASES or chosen
