"""The consortium of the demonstration: accounts of members, role holders and redeemers, as keystore files."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from protocol.rules import CATEGORY_NUMBERS, Category, RuleSet
from tideprint.places import Places

CHAIN_ID = 20_210_310
MEMBERS = ("shoe maker", "city", "hospital")
THRESHOLD = 2
KEYSTORE_WORK = 4_096
"""Light on purpose: these keys live for one demonstration. Real keystores use the default of 2^18."""
REDEEMERS = {
    "swimming pool": Category.SPORT,
    "hospital desk": Category.CO_PAYMENT,
    "exchange office": Category.CASH_OUT,
}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who acts for the consortium."""

    members: dict[str, LocalAccount]
    oracle: LocalAccount
    custodian: LocalAccount
    redeemers: dict[str, LocalAccount]

    @property
    def board(self) -> list[LocalAccount]:
        """As many members as a decision needs."""
        return list(self.members.values())[:THRESHOLD]


def make_cast(random: Callable[[int], bytes]) -> Cast:
    """Fresh accounts."""
    return Cast(
        members={name: _account(random) for name in MEMBERS},
        oracle=_account(random),
        custodian=_account(random),
        redeemers={name: _account(random) for name in REDEEMERS},
    )


def write_plan(cast: Cast, places: Places, rules: RuleSet, passphrase: str) -> None:
    """Write the founding plan and the keystores of those who sign it; see docs/contracts.md."""
    places.keystore.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, account in [*cast.members.items(), ("oracle", cast.oracle), ("custodian", cast.custodian)]:
        _write_keystore(places.keystore / f"{name.replace(' ', '-')}.json", account, passphrase)
    members = [account.address for account in cast.members.values()]
    plan = {
        "members": members,
        "threshold": THRESHOLD,
        "delay": 0,
        "deployer": members[0],
        "roles": {
            "ORACLE": [cast.oracle.address],
            "CUSTODIAN": [cast.custodian.address],
            "REGISTRAR": [members[1]],
            "GUARDIAN": [members[2]],
            "INSPECTOR": [members[1]],
        },
        "redeemers": {cast.redeemers[name].address: CATEGORY_NUMBERS[kind] for name, kind in REDEEMERS.items()},
        "rules": "0x" + rules.hash().hex(),
        "keystore": places.keystore.name,
        "output": places.deployment.name,
    }
    places.plan.write_text(json.dumps(plan, indent=2))


def _account(random: Callable[[int], bytes]) -> LocalAccount:
    account: LocalAccount = Account.from_key(random(32))
    return account


def _write_keystore(path: Path, account: LocalAccount, passphrase: str) -> None:
    content = Account.encrypt(account.key, passphrase, iterations=KEYSTORE_WORK)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
