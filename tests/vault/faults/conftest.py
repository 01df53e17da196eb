from pathlib import Path

import pytest

from tests.vault.faults.support import World, lived, put_aside


@pytest.fixture
def world(home: Path) -> World:
    """A vault with a history, closed."""
    return lived(home)


@pytest.fixture
def aside(world: World, tmp_path: Path) -> Path:
    """A copy of its files as they should be."""
    put_aside(world.home, tmp_path / "aside")
    return tmp_path / "aside"
