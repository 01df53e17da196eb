"""docs/vault.md explains every code the vault's stores can say."""

import re
from pathlib import Path

import vault.errors
from vault.sagas import Cause, State

ROOT = Path(vault.errors.__file__).parent
DOCS = ROOT.parent / "docs"
PAGE = "".join((DOCS / name).read_text() for name in ("vault.md", "vault-keys.md", "vault-blocks.md", "gate.md"))


def test_every_code_is_explained() -> None:
    codes = {
        code
        for module in ROOT.rglob("*.py")
        for code in re.findall(
            r'(?:Error|Refused|Damaged|Unavailable|Refusal)\(\s*"([A-Z]+(?:_[A-Z]+)+)"', module.read_text()
        )
    }
    assert len(codes) > 40
    assert sorted(code for code in codes if f"`{code}`" not in PAGE) == []


def test_every_state_and_cause_is_explained() -> None:
    assert [word for word in (*State, *Cause) if f"`{word}`" not in PAGE] == []
