"""Take one rule at a time out of a copy of the contracts: the tests must notice.

python -m tests.contracts.mutants [PART_OF_A_NAME]       exit status 1 when a mutant survives or no longer applies
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MUTANTS = [  # source, what to look for (a regular expression), what to put there, the tests that must notice
    ("lib/board", r"assert not proposal\.done.*", "pass", "council"),
    ("lib/board", r"proposal\.ready != 0 and block\.timestamp >= proposal\.ready", "proposal.ready != 0", "council"),
    ("lib/board", r"assert block\.timestamp < self\._expiry.*", "pass", "council"),
    ("lib/board", r"        return ready \+ LIFE", "        pass", "council"),
    ("lib/board", r"if count >= self\.threshold", "if count >= self.threshold - 1", "council"),
    ("lib/board", r"abi_encode\(self\.board_epoch, target", "abi_encode(target", "council"),
    ("lib/board", r"assert proposal\.epoch == self\.board_epoch.*", "pass", "council"),
    ("lib/board", r"    if count < self\.threshold:\n        proposal\.ready = 0", "    pass", "council"),
    ("lib/board", r" and proposal\.ready == 0", "", "council"),
    ("lib/board", r"        self\.seat\[member\] = 0", "        pass", "council"),
    ("lib/board", r"assert target\.is_contract.*", "pass", "council"),
    ("lib/board", r"    self\._only_self\(\)", "    pass", "access"),
    ("Council", r"and rules != self\.rules", "", "council"),
    ("Council", r"    if self\.has_role\[role\]\[account\] != held:", "    if True:", "council"),
    ("Council", r"or category == CASH_OUT", "or category > CO_PAYMENT", "council"),
    ("Council", r"assert amount <= MAX_ALLOWANCE.*", "pass", "council"),
    ("Council", r"    self\._set_allowance\(FIRST_ALLOWANCE\)", "    pass", "council"),
    ("lib/governed", r"assert msg\.sender == council.*", "pass", "access"),
    ("lib/governed", r"assert staticcall Council\(council\)\.has_role.*", "pass", "access"),
    ("HealthToken", r"assert category != CO_PAYMENT.*", "pass", "health_token"),
    ("HealthToken", r"assert category != CASH_OUT.*", "pass", "health_token"),
    ("HealthToken", r"assert category != 0.*", "pass", "health_token"),
    ("HealthToken", r"assert governed\._category_of\(sender\) == 0.*", "pass", "health_token"),
    ("HealthToken", r"self\.nonces\[owner\] = nonce \+ 1", "pass", "health_token"),
    ("HealthToken", r"assert block\.timestamp <= deadline.*", "pass", "health_token"),
    ("HealthToken", r"    erc20\._spend\(owner, msg\.sender, amount\)", "    pass", "health_token"),
    ("HealthToken", r"owner != empty\(address\) and ", "", "health_token"),
    ("HealthToken", r"    self\._refuse_marked\(governed\._category_of\(to\)\)", "    pass", "health_token"),
    ("lib/signatures", r"if s > HALF_ORDER:", "if False:", "health_token"),
    ("lib/signatures", r"ok and len\(answer\) == 32 and .*", "ok", "consent_registry"),
    ("lib/typed_data", r"if chain\.id == CHAIN:", "if True:", "health_token"),
    ("lib/merkle", r"keccak256\(keccak256\(reference\)\)", "keccak256(reference)", "reference_registry"),
    ("ReferenceRegistry", r"    return FLOOR", "    return 4", "reference_registry"),
    ("ReferenceRegistry", r"and self\.anchor_of_kind\[kind\]\[root\] == 0", "", "reference_registry"),
    ("ReferenceRegistry", r"    if self\.anchor_of\[root\] == 0:", "    if True:", "reference_registry"),
    ("ReferenceRegistry", r"assert rules == governed\._rules\(\).*", "pass", "reference_registry"),
    ("lib/rsa", r"if len\(signature\) != size:", "if False:", "voucher_mint"),
    ("lib/rsa", r"slice\(self\._block\(seed, 0\), 1, 31\)", "slice(self._block(seed, 0), 0, 31)", "voucher_mint"),
    ("VoucherMint", r"chain\.id, self, series", "chain.id, series", "voucher_mint"),
    ("VoucherMint", r"series, serial, recipient\)\)", "series, serial))", "voucher_mint"),
    ("VoucherMint", r"assert not self\.used_moduli\[key\].*", "pass", "voucher_mint"),
    ("VoucherMint", r"assert not self\.spent\[mark\].*", "pass", "voucher_mint"),
    ("VoucherMint", r"assert s\.redeemed <= s\.issued.*", "pass", "voucher_mint"),
    ("VoucherMint", r"assert s\.redeemed <= s\.cap.*", "pass", "voucher_mint"),
    ("VoucherMint", r"max\(issued, s\.redeemed\)", "issued", "voucher_mint"),
    ("VoucherMint", r"assert issued <= s\.cap.*", "pass", "voucher_mint"),
    ("VoucherMint", r"count \* s\.denomination", "s.denomination", "voucher_mint"),
    ("lib/agreements", r"assert not self\.is_used\[signer\].*", "pass", "consent_registry"),
    ("lib/agreements", r"    self\._use\(by\)", "    pass", "consent_registry"),
    ("ConsentRegistry", r"assert agreements\._state\(id\) != agreements\.REVOKED.*", "pass", "consent_registry"),
    ("ConsentRegistry", r"assert signatures\._valid\(family, .*", "pass", "consent_registry"),
    ("ConsentRegistry", r"assert not self\.spent\[digest\].*", "pass", "consent_registry"),
    ("ConsentRegistry", r"assert by == patient or by == family.*", "pass", "consent_registry"),
    ("ConsentRegistry", r" and msg\.sender == by", "", "consent_registry"),
    ("ConsentRegistry", r"    if not institution\.is_contract:", "    if False:", "consent_registry"),
    ("ConsentRegistry", r"assert block\.timestamp <= convert\(deadline.*", "pass", "consent_registry"),
    ("lib/agreements", r"    assert state == PENDING or .*", "    pass", "consent_registry"),
    ("lib/agreements", r"block\.timestamp >= \(record >> 64\)", "block.timestamp > (record >> 64)", "consent_registry"),
    ("lib/agreements", r"and expires - starts <= MAX_TERM", "", "consent_registry"),
    ("lib/agreements", r"if mark == REVOKED or mark == BREACHED:", "if mark == REVOKED:", "consent_registry"),
]


def copy_to(folder: Path) -> Path:
    """A project of contracts and their tests alone."""
    root = folder / "project"
    for part in ("contracts", "tests/contracts", "protocol", "scripts"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("tests/__init__.py", "pyproject.toml"):
        shutil.copy(ROOT / part, root / part)
    return root


def survives(root: Path, source: str, pattern: str, replacement: str, test: str) -> bool:
    """Do the tests still pass with this rule taken out?"""
    path = root / f"contracts/{source}.vy"
    text = path.read_text()
    mutant, count = re.subn(pattern, lambda _: replacement, text)
    if not count:
        raise SystemExit(f"mutant does not apply: {source} {pattern}")
    path.write_text(mutant)
    try:
        tests = [str(file) for file in sorted(root.glob(f"tests/contracts/test_{test}*.py"))]
        command = [sys.executable, "-m", "pytest", "-q", "-x", *tests]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if "failed" not in done.stdout and done.returncode:
            raise SystemExit(f"mutant does not compile: {source} {pattern}\n{done.stdout[-2000:]}")
        return done.returncode == 0
    finally:
        path.write_text(text)


def main(wanted: str = "") -> int:
    """Run all mutants, or those whose source's name contains `wanted`; how many survived."""
    alive = 0
    with tempfile.TemporaryDirectory() as folder:
        root = copy_to(Path(folder))
        for mutant in MUTANTS:
            if wanted in mutant[0]:
                bad = survives(root, *mutant)
                alive += bad
                sys.stdout.write(f"{'SURVIVED' if bad else 'noticed '} {mutant[0]}: {mutant[1]}\n")
                sys.stdout.flush()
    return alive


if __name__ == "__main__":
    sys.exit(int(main(*sys.argv[1:2]) > 0))
