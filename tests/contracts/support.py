"""A consortium in memory: every contract deployed, actors by role, signatures and blind-signed vouchers."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import boa
import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa
from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.abi import function_signature_to_4byte_selector

from protocol.quantities import Address, Serial
from protocol.typed_data import CONSENT_DOMAIN, TOKEN_DOMAIN, Domain, Message, signable
from protocol.vouchers import EXPONENT, Series

CONTRACTS = Path(__file__).parents[2] / "contracts"
MOCKS = Path(__file__).parent / "mocks"
ROLES = ("DEPLOYER", "ORACLE", "REGISTRAR", "CUSTODIAN", "INSPECTOR", "GUARDIAN", "MINTER")
RULES = keccak(b"rule set 1")
MEDICAL, CO_PAYMENT, CASH_OUT = 1, 100, 101


@lru_cache
def deployer(name: str) -> Any:
    """The compiled contract, compiled once."""
    folder = CONTRACTS if (CONTRACTS / f"{name}.vy").exists() else MOCKS
    return boa.load_partial(str(folder / f"{name}.vy"))


def role(name: str) -> bytes:
    """The id of a role."""
    return keccak(name.encode())


def account(name: str) -> Address:
    """An account that only sends."""
    return Address(key(name).address)


@lru_cache
def key(name: str) -> LocalAccount:
    """An account that signs; the same name gives the same key."""
    made: LocalAccount = Account.from_key(keccak(b"tests of contracts: " + name.encode()))
    return made


def now() -> int:
    """Time of the present block, seconds."""
    return int(boa.env.evm.patch.timestamp)


def chain_id() -> int:
    """The chain the contracts run on."""
    return int(boa.env.evm.patch.chain_id)


@dataclass(frozen=True, slots=True)
class House:
    """The five contracts; the board is three members, two of whom decide after an hour."""

    council: Any
    token: Any
    mint: Any
    references: Any
    consents: Any

    @property
    def consent_domain(self) -> Domain:
        return Domain(CONSENT_DOMAIN, chain_id(), Address(str(self.consents.address)))

    @property
    def token_domain(self) -> Domain:
        return Domain(TOKEN_DOMAIN, chain_id(), Address(str(self.token.address)))

    def decide(self, contract: Any, function: str, *arguments: Any) -> Any:
        """Call a function as the Council, as if the board had decided it."""
        return getattr(contract, function)(*arguments, sender=self.council.address)

    def give_role(self, name: str, holder: Any, held: bool = True) -> None:
        self.decide(self.council, "set_role", role(name), holder, held)


MEMBERS = [account(f"member {number}") for number in range(3)]
DELAY = 3600


def build() -> House:
    """Deploy everything; oracle, custodian, ... hold the role of their name; "clinic" is a medical redeemer."""
    council = deployer("Council").deploy(MEMBERS, 2, DELAY, account("deployer"))
    token = deployer("HealthToken").deploy(council.address)
    mint = deployer("VoucherMint").deploy(council.address, token.address)
    references = deployer("ReferenceRegistry").deploy(council.address)
    consents = deployer("ConsentRegistry").deploy(council.address)
    house = House(council, token, mint, references, consents)
    for name in ("ORACLE", "REGISTRAR", "CUSTODIAN", "INSPECTOR", "GUARDIAN"):
        house.give_role(name, account(name.lower()))
    house.give_role("MINTER", mint.address)
    house.decide(council, "set_redeemer", account("clinic"), MEDICAL)
    house.decide(council, "set_redeemer", account("co-payment desk"), CO_PAYMENT)
    house.decide(council, "set_redeemer", account("cash desk"), CASH_OUT)
    house.decide(council, "set_rules", RULES)
    return house


def payload(signature: str, *arguments: Any) -> bytes:
    """Selector and arguments of a call, from its signature such as `set_target(address,bool)`."""
    inner = signature[signature.index("(") + 1 : -1]
    types = inner.split(",") if inner else []
    return bytes(function_signature_to_4byte_selector(signature)) + encode(types, list(arguments))


def sign(signer: LocalAccount, domain: Domain, message: Message) -> bytes:
    """65 bytes r, s, v."""
    return bytes(signer.sign_message(signable(domain, message)).signature)


ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def malleable_twin(signature: bytes) -> bytes:
    """The other valid `s` of the same signature."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


class Issuer:
    """A voucher issuer: an RSA key, and the signature a wallet ends up with after unblinding."""

    def __init__(self, bits: int = 2048) -> None:
        self.key = rsa.generate_private_key(EXPONENT, bits).private_numbers()
        self.modulus = self.key.public_numbers.n.to_bytes(bits // 8, "big")

    def sign(self, message: int) -> bytes:
        n = self.key.public_numbers.n
        p, q = self.key.p, self.key.q
        a, b = gmpy2.powmod(message % p, self.key.dmp1, p), gmpy2.powmod(message % q, self.key.dmq1, q)
        signed = int(b + q * ((a - b) * self.key.iqmp % p))
        assert signed < n
        return signed.to_bytes(len(self.modulus), "big")


@lru_cache
def issuer(name: str, bits: int = 2048) -> Issuer:
    """One real key per name and session: generating keys is slow."""
    return Issuer(bits)


def series(house: House, number: int, signer: Issuer, denomination: int) -> Series:
    """The protocol's own idea of a series of this mint."""
    return Series(number, signer.modulus, chain_id(), Address(str(house.mint.address)), denomination)


def vouchers(known: Series, signer: Issuer, recipient: Address, serials: list[bytes]) -> tuple[Any, ...]:
    """The arguments of `redeem` for these serials."""
    signed = [signer.sign(known.message(Serial(serial), recipient)) for serial in serials]
    return known.number, recipient, serials, signed


def serials(count: int, label: str = "") -> list[bytes]:
    """Distinct serials, the same for the same label."""
    return [keccak(f"serial {label} {index}".encode()) for index in range(count)]


def events(contract: Any) -> list[tuple[str, dict[str, Any]]]:
    """Names and fields of the events of the last call."""
    return [(type(log).__name__, _fields(log)) for log in contract.get_logs()]


def _fields(log: Any) -> dict[str, Any]:
    return {name: getattr(log, name) for name in log._fields if name != "address"}
