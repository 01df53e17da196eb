from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault.support import options, scratch
from vault import Vault


@pytest.fixture
def home() -> Iterator[Path]:
    """Where a vault may be made; in memory where possible, since nothing here pulls a plug."""
    with scratch() as directory:
        yield directory / "vault"


@pytest.fixture
def vault(home: Path) -> Iterator[Vault]:
    with Vault.create(home, options()) as opened:
        yield opened
