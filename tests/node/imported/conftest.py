"""One imported chain for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.node.imported.support import Imported, imported


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imported]:
    """Read-only."""
    made = imported(tmp_path_factory.mktemp("foreign"))
    yield made
    made.store.close()
