from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault.roots.support import Place, file_place, make_token, shares_place, token_place


@pytest.fixture(scope="session")
def token_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pkcs11", reason="not run: python-pkcs11 is not installed")
    module = make_token(tmp_path_factory.mktemp("softhsm"))
    if module is None:
        pytest.skip("not run: SoftHSM is not installed (Debian package softhsm2)")
    return module


@pytest.fixture(params=["file", "shares", "pkcs11"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A root slot of each kind."""
    if request.param == "pkcs11":
        found = token_place(request.getfixturevalue("token_module"))
    else:
        found = file_place(tmp_path) if request.param == "file" else shares_place(tmp_path)
    yield found
    found.stop()
