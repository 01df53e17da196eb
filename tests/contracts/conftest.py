from collections.abc import Iterator

import boa
import pytest

from tests.contracts.support import House, build


@pytest.fixture(scope="session")
def deployed() -> House:
    return build()


@pytest.fixture
def house(deployed: House) -> Iterator[House]:
    """All contracts; what a test does to them is undone."""
    with boa.env.anchor():
        yield deployed
