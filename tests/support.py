"""A real consortium for tests: one node process on a free port, the contracts, the founding decisions."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.types import Nonce
from web3.utils.address import get_create_address

from chain import Deployment, Ledger
from protocol.quantities import Address
from protocol.rules import CATEGORY_NUMBERS, Category, RuleSet
from protocol.vouchers import EXPONENT

ROOT = Path(__file__).parents[1]
CONTRACTS = ("Council", "HealthToken", "VoucherMint", "ReferenceRegistry", "ConsentRegistry")
OPEN = ("HealthToken", "VoucherMint", "ConsentRegistry")
ROLES = ("ORACLE", "REGISTRAR", "CUSTODIAN", "INSPECTOR", "GUARDIAN")
MEMBERS = 3
THRESHOLD = 2
GAS = 6_000_000
DECISION_GAS = 1_500_000
PATIENCE = 60.0
"""Seconds until a node that does not answer fails the test."""


@cache
def account(name: str) -> LocalAccount:
    """An account by the role it plays; the same name is the same key."""
    made: LocalAccount = Account.from_key(keccak(b"tests: " + name.encode()))
    return made


def address(name: str) -> Address:
    """The address of an account by the role it plays."""
    return Address(account(name).address)


def members() -> tuple[LocalAccount, ...]:
    """The board; two of three decide, without a delay."""
    return tuple(account(f"member {number}") for number in range(MEMBERS))


@dataclass(frozen=True, slots=True)
class Consortium:
    """A founded chain. `account("ORACLE")` and so on hold the roles; `account("SPORT")` and so on are redeemers of that
    category, `account("CO_PAYMENT")` and `account("CASH_OUT")` the marked ones."""

    url: str
    file: Path
    """The deployment file."""
    ledger: Ledger

    def open_series(self, moduli: Mapping[int, bytes], cap: int = 10_000) -> None:
        """Council decisions: voucher series by number (its last three digits are the denomination), each with a key."""
        deployed = self.ledger.deployment.contracts
        council, mint = (
            self.ledger.web3.eth.contract(Web3.to_checksum_address(deployed[name].address), abi=deployed[name].abi)
            for name in ("Council", "VoucherMint")
        )
        encoded = [
            mint.encode_abi("open_series", [number, modulus, cap, number % 1_000]) for number, modulus in moduli.items()
        ]
        decide_all(self.ledger.web3, council, mint.address, encoded)


@contextmanager
def consortium(folder: Path) -> Iterator[Consortium]:
    """Found a consortium in a folder; the node stops at the end."""
    with ThreadPoolExecutor(1) as meanwhile:
        compiling = meanwhile.submit(compiled)
        with running_node(folder / "node", account("deployer").address) as url:
            file = folder / "deployment.json"
            found(url, file, compiling.result())
            yield Consortium(url, file, Ledger(url, Deployment.load(file)))


@contextmanager
def running_node(folder: Path, founder: str) -> Iterator[str]:
    """A node process on a new chain; yields its JSON-RPC address. It must stop cleanly when told to."""
    command = [sys.executable, "-m", "node"]
    init = [*command, "init", "--data", str(folder), "--founder", founder, "--http", "127.0.0.1:0"]
    subprocess.run(init, cwd=ROOT, check=True, capture_output=True)
    start = [*command, "start", "--data", str(folder), "--log-level", "warning"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(start, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), (folder / "log").read_text()
        yield line.split()[1]
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def compiled() -> dict[str, dict[str, Any]]:
    """ABI and bytecode of every contract."""
    from vyper.cli.vyper_compile import compile_files

    files = [str(ROOT / "contracts" / f"{name}.vy") for name in CONTRACTS]
    outputs = compile_files(files, ["abi", "bytecode"], paths=[str(ROOT)])
    return {Path(path).stem: output for path, output in outputs.items()}


def found(url: str, file: Path, outputs: dict[str, dict[str, Any]]) -> None:
    """Deploy the contracts, carry out the founding decisions, write the deployment file."""
    web3 = Web3(HTTPProvider(url))
    deployer = account("deployer")
    places = [get_create_address(deployer.address, Nonce(nonce)) for nonce in range(len(CONTRACTS))]
    contracts = {
        name: web3.eth.contract(address=place, abi=outputs[name]["abi"], bytecode=outputs[name]["bytecode"])
        for name, place in zip(CONTRACTS, places, strict=True)
    }
    council, token = contracts["Council"].address, contracts["HealthToken"].address
    board = [member.address for member in members()]
    arguments: dict[str, tuple[Any, ...]] = {
        "Council": (board, THRESHOLD, 0, deployer.address),
        "VoucherMint": (council, token),
    }
    creations = [
        contracts[name].constructor(*arguments.get(name, (council,))).data_in_transaction for name in contracts
    ]
    receipts = send_all(web3, deployer, [(None, data) for data in creations], GAS)
    assert [receipt["contractAddress"] for receipt in receipts] == places
    decide_all(web3, contracts["Council"], council, founding(contracts))
    content = {
        "chain_id": web3.eth.chain_id,
        "block": receipts[0]["blockNumber"],
        "rules": "0x" + RuleSet().hash().hex(),
        "contracts": {name: {"address": c.address, "abi": outputs[name]["abi"]} for name, c in contracts.items()},
    }
    file.write_text(json.dumps(content))


def founding(contracts: dict[str, Contract]) -> list[str]:
    """The first decisions, encoded: roles, open contracts, redeemers, rules."""
    council, mint = contracts["Council"], contracts["VoucherMint"].address
    roles = [(name, account(name).address) for name in ROLES]
    return [
        *(council.encode_abi("set_role", [keccak(name.encode()), a, True]) for name, a in [*roles, ("MINTER", mint)]),
        *(council.encode_abi("set_target", [contracts[name].address, True]) for name in OPEN),
        *(council.encode_abi("set_redeemer", [address(kind), CATEGORY_NUMBERS[kind]]) for kind in Category),
        council.encode_abi("set_rules", [RuleSet().hash()]),
    ]


def decide_all(web3: Web3, council: Contract, target: str, payloads: Sequence[str]) -> None:
    """Carry calls of one contract through the board, many at once."""
    calls = [(target, bytes.fromhex(payload[2:]), keccak(payload.encode())) for payload in payloads]
    ids = [council.functions.id_of(*call).call() for call in calls]
    first, *others = members()[:THRESHOLD]
    to = council.address
    send_all(web3, first, [(to, council.encode_abi("propose", call)) for call in calls], DECISION_GAS)
    for member in others:
        send_all(web3, member, [(to, council.encode_abi("approve", [id])) for id in ids], DECISION_GAS)
    send_all(web3, first, [(to, council.encode_abi("execute", call)) for call in calls], DECISION_GAS)


def send_all(web3: Web3, sender: LocalAccount, calls: Sequence[tuple[Any, Any]], gas: int) -> list[Any]:
    """Send calls (target or None, data) without asking for gas or permission first; all must succeed."""
    sent = [send_raw(web3, sender, target, data, gas) for target, data in calls]
    receipts = [web3.eth.wait_for_transaction_receipt(one, PATIENCE, 0.05) for one in sent]
    assert all(receipt["status"] == 1 for receipt in receipts)
    return receipts


def send_raw(web3: Web3, sender: LocalAccount, target: Any, data: Any, gas: int) -> Any:
    """Sign and send one transaction as it is; returns its hash."""
    fields = {
        "chainId": web3.eth.chain_id, "nonce": web3.eth.get_transaction_count(sender.address, "pending"),
        "maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "gas": gas, "value": 0, "data": data,
    }  # fmt: skip
    signed = sender.sign_transaction(fields | ({} if target is None else {"to": target}))
    return web3.eth.send_raw_transaction(signed.raw_transaction)


class VoucherIssuer:
    """The issuer's side of vouchers in memory: a real RSA key, what each credential is due, answers kept by request."""

    def __init__(self, bits: int = 2048) -> None:
        self.key = rsa.generate_private_key(EXPONENT, bits).private_numbers()
        self.modulus = self.key.public_numbers.n.to_bytes(bits // 8, "big")
        self.entitled: dict[tuple[bytes, int], int] = {}
        self.asked: dict[bytes, list[int]] = {}
        self.answers: dict[bytes, list[int]] = {}

    def entitle(self, credential: bytes, series: int, count: int) -> None:
        """Owe a wearer some more vouchers of a series."""
        self.entitled[credential, series] = self.entitled.get((credential, series), 0) + count

    def due(self, credential: bytes, series: int) -> int:
        """How many vouchers this wearer may still collect."""
        return self.entitled.get((credential, series), 0)

    def sign(self, credential: bytes, series: int, request: bytes, blinded: Sequence[int]) -> list[int]:
        """Blind signatures; the same request gives the same answer without counting twice."""
        assert self.asked.setdefault(request, list(blinded)) == list(blinded), "a repeated request asks for the same"
        if request not in self.answers:
            assert len(blinded) <= self.due(credential, series)
            self.entitled[credential, series] -= len(blinded)
            self.answers[request] = [self.raw_sign(value) for value in blinded]
        return self.answers[request]

    def raw_sign(self, value: int) -> int:
        """value^d mod n."""
        return int(gmpy2.powmod(value, self.key.d, self.key.public_numbers.n))
