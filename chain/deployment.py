"""Where the contracts of a chain are: the file that `ape run deploy` writes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from chain.errors import ChainError
from protocol.quantities import Address

RULES_SIZE = 32
CONTRACTS = ("Council", "HealthToken", "VoucherMint", "ReferenceRegistry", "ConsentRegistry")


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deployed contract."""

    address: Address
    abi: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Deployment:
    """The contracts of one chain and the rule set they were founded with."""

    chain_id: int
    rules: bytes
    contracts: dict[str, Deployed]

    @classmethod
    def load(cls, path: Path) -> "Deployment":
        """Read the deployment file. Raises `DEPLOYMENT_INVALID` with what is missing."""
        try:
            raw = json.loads(path.read_text())
            contracts = {name: _deployed(raw["contracts"][name]) for name in CONTRACTS}
            rules = bytes.fromhex(str(raw["rules"]).removeprefix("0x"))
            if len(rules) != RULES_SIZE:
                raise ValueError("the rules' 32 bytes")
            return cls(int(raw["chain_id"]), rules, contracts)
        except FileNotFoundError:
            raise ChainError("DEPLOYMENT_INVALID", "no deployment file", "run `ape run deploy` first") from None
        except (ValueError, KeyError, TypeError) as error:
            raise ChainError("DEPLOYMENT_INVALID", f"the file lacks or misspells {error}", "deploy again") from None

    def address_of(self, name: str) -> Address:
        """The address of a contract by its name."""
        return self.contracts[name].address


def _deployed(raw: dict[str, Any]) -> Deployed:
    return Deployed(Address(to_checksum_address(raw["address"])), list(raw["abi"]))
