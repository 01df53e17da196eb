from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support import Consortium


@pytest.fixture(scope="session")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Consortium"]:
    """A founded consortium on a real node, shared by all tests of a run: use names, series and roots of your own."""
    from tests import support

    with support.consortium(tmp_path_factory.mktemp("consortium")) as founded:
        yield founded
