"""docs/vault.md explains every code the vault's stores can say."""

import re
from pathlib import Path

import vault.errors
from vault.sagas import Cause, State

ROOT = Path(vault.errors.__file__).parent
PAGE = (ROOT.parent / "docs" / "vault.md").read_text()
MODULES = (
    "blocks", "certificates", "cids", "database", "directory", "erasure", "errors", "forgetting", "identity", "keys",
    "locking", "paths", "payloads", "records", "roots", "sagas", "slots", "vault",
)  # fmt: skip


def test_every_code_is_explained() -> None:
    codes = {
        code for name in MODULES for code in re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', (ROOT / f"{name}.py").read_text())
    }
    assert len(codes) > 40
    assert sorted(code for code in codes if f"`{code}`" not in PAGE) == []


def test_every_state_and_cause_is_explained() -> None:
    assert [word for word in (*State, *Cause) if f"`{word}`" not in PAGE] == []
