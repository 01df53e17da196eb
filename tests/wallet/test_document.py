import re
from pathlib import Path

from protocol.errors import RefusalCode
from protocol.rules import RuleSet
from wallet.purse import LOT
from wallet.wallet import KEYSTORE, PURSE

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "wallet.md").read_text()


def test_every_code_of_the_wallet_is_explained() -> None:
    code = "".join(path.read_text() for path in (ROOT / "wallet").glob("*.py"))
    raised = set(re.findall(r'WalletError\(\s*"([A-Z_]+)"', code))
    explained = set(re.findall(r"^\| `([A-Z_]+)` \|", TEXT, re.MULTILINE))
    assert len(raised) >= 6
    assert explained == raised | {RefusalCode.COPAY_FORBIDDEN, RefusalCode.CASH_OUT_FORBIDDEN}


def test_files_and_figures_are_the_real_ones() -> None:
    assert f"`{KEYSTORE}`" in TEXT
    assert f"`{PURSE}`" in TEXT
    assert (LOT, RuleSet().denomination) == (8, 5)
    assert "redeems** eight vouchers" in TEXT
    assert "five units are one voucher" in TEXT
