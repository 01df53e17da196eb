from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault.log_support import Keys
from tests.vault.support import Clock, options, scratch
from vault import Vault
from vault.access_log import AccessLog


@pytest.fixture
def home() -> Iterator[Path]:
    """Where a vault may be made; in memory where possible, since nothing here pulls a plug."""
    with scratch() as directory:
        yield directory / "vault"


@pytest.fixture
def vault(home: Path) -> Iterator[Vault]:
    with Vault.create(home, options()) as opened:
        yield opened


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path, keys: Keys, clock: Clock) -> Iterator[AccessLog]:
    opened = AccessLog(tmp_path / "access.db", keys, clock, create=True)
    yield opened
    opened.close()
