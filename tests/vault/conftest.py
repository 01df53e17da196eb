from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault.support import options
from vault import Vault


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def vault(home: Path) -> Iterator[Vault]:
    with Vault.create(home, options()) as opened:
        yield opened
