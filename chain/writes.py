"""The closed list of what may be written to the chain.

Each write is a frozen dataclass whose fields are numbers, 32-byte words, addresses and RSA values: no text, nothing
about a person. `check` refuses anything else before it leaves the process.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, get_type_hints

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Address
from protocol.typed_data import Consent, Contract

SIGNATURE_SIZE = 65
MAX_RSA_BYTES = 512
MAX_NUMBER = 2**64 - 1
"""No count, amount, series, day or second is larger; a wider field could hold a text."""


class Word(bytes):
    """32 bytes: a root, a digest, a hash, a serial."""


class Signature(bytes):
    """65 bytes: r ‖ s ‖ v of an account, or empty when the sender is the signer."""


class RsaValue(bytes):
    """A modulus or voucher signature, at most 512 bytes."""


@dataclass(frozen=True, slots=True)
class Write:
    """What may be written: `CONTRACT`, `FUNCTION` and its arguments in order."""

    CONTRACT: ClassVar[str]
    FUNCTION: ClassVar[str]

    def arguments(self) -> list[Any]:
        """The function's arguments."""
        return [getattr(self, field.name) for field in fields(self)]


@dataclass(frozen=True, slots=True)
class Decision(Write):
    """A write that only the council as a whole can make: members propose and approve it."""


@dataclass(frozen=True, slots=True)
class Anchor(Write):
    """A batch: one root under a kind and an epoch (day)."""

    CONTRACT: ClassVar[str] = "ReferenceRegistry"
    FUNCTION: ClassVar[str] = "anchor"
    kind: int
    epoch: int
    root: Word
    count: int
    rules: Word


@dataclass(frozen=True, slots=True)
class Redeem(Write):
    """A lot of vouchers for one recipient."""

    CONTRACT: ClassVar[str] = "VoucherMint"
    FUNCTION: ClassVar[str] = "redeem"
    series: int
    recipient: Address
    serials: tuple[Word, ...]
    signatures: tuple[RsaValue, ...]


@dataclass(frozen=True, slots=True)
class Transfer(Write):
    """A holder pays a redeemer."""

    CONTRACT: ClassVar[str] = "HealthToken"
    FUNCTION: ClassVar[str] = "transfer"
    to: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Burn(Write):
    """A redeemer settles."""

    CONTRACT: ClassVar[str] = "HealthToken"
    FUNCTION: ClassVar[str] = "burn"
    amount: int


@dataclass(frozen=True, slots=True)
class GiveConsent(Write):
    """A patient's consent with its signature."""

    CONTRACT: ClassVar[str] = "ConsentRegistry"
    FUNCTION: ClassVar[str] = "give"
    reference: Word
    signer: Address
    starts: int
    expires: int
    signature: Signature

    @classmethod
    def of(cls, consent: Consent, signature: bytes) -> "GiveConsent":
        """The write that carries a signed consent."""
        return cls(Word(consent.reference), consent.signer, consent.starts, consent.expires, Signature(signature))


@dataclass(frozen=True, slots=True)
class ConcludeContract(Write):
    """A three-party contract with its three signatures."""

    CONTRACT: ClassVar[str] = "ConsentRegistry"
    FUNCTION: ClassVar[str] = "conclude"
    reference: Word
    institution: Address
    patient: Address
    family: Address
    starts: int
    expires: int
    institution_signature: Signature
    patient_signature: Signature
    family_signature: Signature

    @classmethod
    def of(cls, contract: Contract, institution: bytes, patient: bytes, family: bytes) -> "ConcludeContract":
        """The write that carries a contract and its three signatures."""
        parties = (contract.institution, contract.patient, contract.family)
        signatures = (Signature(institution), Signature(patient), Signature(family))
        return cls(Word(contract.reference), *parties, contract.starts, contract.expires, *signatures)


@dataclass(frozen=True, slots=True)
class RevokeConsent(Write):
    """The patient withdraws."""

    CONTRACT: ClassVar[str] = "ConsentRegistry"
    FUNCTION: ClassVar[str] = "revoke_consent"
    reference: Word
    signer: Address
    starts: int
    expires: int
    deadline: int
    signature: Signature

    @classmethod
    def of(cls, consent: Consent, deadline: int, signature: bytes) -> "RevokeConsent":
        """The write that carries a signed withdrawal."""
        head = (Word(consent.reference), consent.signer, consent.starts, consent.expires)
        return cls(*head, deadline, Signature(signature))


@dataclass(frozen=True, slots=True)
class Propose(Write):
    """A member proposes a council decision, and approves it."""

    CONTRACT: ClassVar[str] = "Council"
    FUNCTION: ClassVar[str] = "propose"
    decision: Decision
    salt: Word


@dataclass(frozen=True, slots=True)
class Approve(Write):
    """A member approves a proposal."""

    CONTRACT: ClassVar[str] = "Council"
    FUNCTION: ClassVar[str] = "approve"
    id: Word


@dataclass(frozen=True, slots=True)
class Execute(Write):
    """Anyone runs an approved proposal."""

    CONTRACT: ClassVar[str] = "Council"
    FUNCTION: ClassVar[str] = "execute"
    decision: Decision
    salt: Word


@dataclass(frozen=True, slots=True)
class OpenSeries(Decision):
    """A new voucher series."""

    CONTRACT: ClassVar[str] = "VoucherMint"
    FUNCTION: ClassVar[str] = "open_series"
    series: int
    modulus: RsaValue
    cap: int
    denomination: int


@dataclass(frozen=True, slots=True)
class CloseSeries(Decision):
    """A series ends at the count really issued."""

    CONTRACT: ClassVar[str] = "VoucherMint"
    FUNCTION: ClassVar[str] = "close_series"
    series: int
    issued: int


@dataclass(frozen=True, slots=True)
class SetRole(Decision):
    """An account gets or loses a role."""

    CONTRACT: ClassVar[str] = "Council"
    FUNCTION: ClassVar[str] = "set_role"
    role: Word
    account: Address
    held: bool


@dataclass(frozen=True, slots=True)
class SetRedeemer(Decision):
    """An account becomes a redeemer of a category, or is marked as one that tokens never reach."""

    CONTRACT: ClassVar[str] = "Council"
    FUNCTION: ClassVar[str] = "set_redeemer"
    account: Address
    category: int


@dataclass(frozen=True, slots=True)
class SetRules(Decision):
    """Another rule set comes into force."""

    CONTRACT: ClassVar[str] = "Council"
    FUNCTION: ClassVar[str] = "set_rules"
    rules: Word


@dataclass(frozen=True, slots=True)
class SetAllowance(Decision):
    """Another bound on the gas that an account without a role may use in a window."""

    CONTRACT: ClassVar[str] = "Council"
    FUNCTION: ClassVar[str] = "set_allowance"
    gas: int


@dataclass(frozen=True, slots=True)
class DeclareBreach(Decision):
    """A contract of three parties was broken and ends."""

    CONTRACT: ClassVar[str] = "ConsentRegistry"
    FUNCTION: ClassVar[str] = "declare_breach"
    id: Word


KNOWN: frozenset[type[Write]] = frozenset(
    known for known in (*Write.__subclasses__(), *Decision.__subclasses__()) if hasattr(known, "CONTRACT")
)
_SIZES: dict[type, tuple[int, ...]] = {Word: (32,), Signature: (0, SIGNATURE_SIZE), RsaValue: (256, 384, MAX_RSA_BYTES)}


def check(write: Write) -> None:
    """Refuse `TYPE_UNKNOWN` for anything outside the closed list and `ONCHAIN_FIELD_FORBIDDEN` for a field that could
    carry more than its schema says."""
    if type(write) not in KNOWN:
        raise Refusal(RefusalCode.TYPE_UNKNOWN, f"{type(write).__name__} is not in the list of chain records")
    hints = get_type_hints(type(write))
    for field in fields(write):
        _check_value(f"{type(write).__name__}.{field.name}", hints[field.name], getattr(write, field.name))


def _check_value(where: str, expected: Any, value: Any) -> None:
    if expected is bool:
        allowed = isinstance(value, bool)
    elif expected is int:
        allowed = type(value) is int and 0 <= value <= MAX_NUMBER
    elif expected is Address:
        allowed = isinstance(value, str) and len(value) == 42 and _is_hex(value[2:]) and value[:2] == "0x"
    elif expected is Decision:
        allowed = isinstance(value, Decision)
        if allowed:
            check(value)
    elif expected in _SIZES:
        allowed = isinstance(value, expected) and len(value) in _SIZES[expected]
    else:
        item = expected.__args__[0]
        allowed = isinstance(value, tuple) and len(value) <= 32
        for part in value if allowed else ():
            _check_value(where, item, part)
    if not allowed:
        raise Refusal(
            RefusalCode.ONCHAIN_FIELD_FORBIDDEN,
            f"{where} holds something its schema does not allow",
            "only numbers, 32-byte words, addresses and RSA values go on the chain",
        )


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdefABCDEF" for letter in text)
