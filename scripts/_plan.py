"""The plan of a founding, and the keys that carry it out. docs/contracts.md describes the file."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

PASSPHRASE = "TIDEPRINT_PASSPHRASE"  # noqa: S105  the variable's name
ROLES = ("DEPLOYER", "ORACLE", "REGISTRAR", "CUSTODIAN", "INSPECTOR", "GUARDIAN")


@dataclass(frozen=True, slots=True)
class Plan:
    """Who founds the consortium and what it decides first. Addresses are checksummed, paths absolute."""

    members: tuple[str, ...]
    threshold: int
    delay: int
    """Seconds between a decision's threshold and its execution, once founded."""
    deployer: str
    """The first founder of the genesis file; its first transaction creates the Council."""
    roles: dict[str, tuple[str, ...]]
    redeemers: dict[str, int]
    validators: dict[str, int]
    rules: bytes
    keystore: Path
    output: Path


def read_plan(path: Path) -> Plan:
    """Read a plan; relative paths in it start at its own folder."""
    try:
        raw = json.loads(path.read_text())
        return _plan(raw, path.resolve().parent)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise click.ClickException(f"{path}: not a plan: {error!r} (docs/contracts.md shows one)") from error


def _plan(raw: dict[str, Any], base: Path) -> Plan:
    members = tuple(map(_address, raw["members"]))
    roles = {role: tuple(map(_address, accounts)) for role, accounts in raw.get("roles", {}).items()}
    if unknown := set(roles) - set(ROLES):
        raise ValueError(f"unknown roles: {sorted(unknown)}")
    if not 0 < raw["threshold"] <= len(members):
        raise ValueError("threshold is not between 1 and the number of members")
    rules = bytes.fromhex(raw["rules"].removeprefix("0x"))
    if len(rules) != 32:
        raise ValueError("rules is not 32 bytes")
    return Plan(
        members=members,
        threshold=raw["threshold"],
        delay=raw.get("delay", 0),
        deployer=_address(raw.get("deployer", members[0])),
        roles=roles,
        redeemers={_address(a): category for a, category in raw.get("redeemers", {}).items()},
        validators=dict(raw.get("validators", {})),
        rules=rules,
        keystore=base / raw["keystore"],
        output=base / raw["output"],
    )


def _address(text: str) -> str:
    return str(to_checksum_address(text))


def role_id(name: str) -> bytes:
    """The Council's id of a role."""
    return keccak(name.encode())


class Keys:
    """A folder of keystore files (Web3 Secret Storage, version 3), opened one by one when needed."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, dict[str, Any]] = {}
        for path in sorted(folder.glob("*")):
            if path.is_file():
                self._add(path)
        self._opened: dict[str, LocalAccount] = {}

    def _add(self, path: Path) -> None:
        try:
            content = json.loads(path.read_text())
            self._files[to_checksum_address(content["address"])] = content
        except (ValueError, KeyError, TypeError) as error:
            raise click.ClickException(f"{path} is not a keystore file: keep other files elsewhere") from error

    def __contains__(self, address: str) -> bool:
        return address in self._files

    def addresses(self) -> tuple[str, ...]:
        """Whose keys are here."""
        return tuple(self._files)

    def open(self, address: str) -> LocalAccount:
        """The account of an address, decrypted with the passphrase of the environment."""
        if address not in self._opened:
            self._opened[address] = self._decrypt(address)
        return self._opened[address]

    def _decrypt(self, address: str) -> LocalAccount:
        if address not in self._files:
            raise click.ClickException(f"no keystore file for {address}: put it into the plan's keystore folder")
        if PASSPHRASE not in os.environ:
            raise click.ClickException(f"{PASSPHRASE} is not set: it opens the keystore files")
        try:
            account: LocalAccount = Account.from_key(Account.decrypt(self._files[address], os.environ[PASSPHRASE]))
        except ValueError as error:
            raise click.ClickException(f"{PASSPHRASE} does not open the keystore of {address}") from error
        return account
