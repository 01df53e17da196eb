"""Fixtures of the node's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.server import Server
from tests.node.support import Chain, chain, council_creation, serving


@pytest.fixture
def young(tmp_path: Path) -> Iterator[Chain]:
    """A chain before its Council."""
    with chain(tmp_path / "chain") as made:
        yield made


@pytest.fixture
def governed(young: Chain) -> Chain:
    """A chain with the mini council, owned by the founder."""
    young.seal(council_creation())
    return young


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running node before its Council, with a block a second; shared by a module's tests."""
    with serving(tmp_path_factory.mktemp("node")) as running:
        yield running
