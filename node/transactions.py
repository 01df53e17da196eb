"""Transactions: decoding, the recovered sender, intrinsic gas.

Types understood: 0, 1 (EIP-2930), 2 (EIP-1559), 3 (EIP-4844, without its blobs), 4 (EIP-7702). Our own chain refuses
blob transactions, because nobody here keeps blobs, and those of type 0 without replay protection (EIP-155). Fees are
expressed in the two caps of EIP-1559 for every type.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import rlp
from coincurve import PublicKey
from eth_hash.auto import keccak

from node.errors import Refused, TransactionRefused
from node.forks import Fork

LEGACY, ACCESS_LIST, DYNAMIC_FEE, BLOB, SET_CODE = range(5)
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MAX_NONCE = 2**64 - 2
"""EIP-2681: the last nonce a transaction may carry."""
MAX_TRANSACTION_BYTES = 128 * 1024
GAS_PER_BLOB = 131_072
DEEPEST = 4
"""Lists within lists in the fields of a transaction: the keys of an access list's entry are the innermost."""
T = TypeVar("T")
AccessList = tuple[tuple[bytes, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Authorization:
    """EIP-7702: an account lets the code at `address` act for it."""

    chain_id: int
    address: bytes
    nonce: int
    y_parity: int
    r: int
    s: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed transaction; addresses are 20 bytes, `to` is empty for a creation, amounts are wei."""

    hash: bytes
    raw: bytes
    type: int
    chain_id: int
    nonce: int
    max_priority_fee: int
    max_fee: int
    gas: int
    to: bytes
    value: int
    data: bytes
    access_list: AccessList
    authorizations: tuple[Authorization, ...]
    y_parity: int
    r: int
    s: int
    sender: bytes
    max_blob_fee: int = 0
    blob_hashes: tuple[bytes, ...] = ()
    protected: bool = True

    @property
    def is_creation(self) -> bool:
        return not self.to

    @property
    def v(self) -> int:
        """The signature's v as wallets show it: EIP-155 for type 0 (27 or 28 if unprotected), the parity otherwise."""
        if self.type != LEGACY:
            return self.y_parity
        return self.y_parity + (35 + 2 * self.chain_id if self.protected else 27)

    def price(self, base_fee: int = 0) -> int:
        """What a unit of gas costs the sender, in wei."""
        return min(self.max_fee, base_fee + self.max_priority_fee)

    @property
    def blob_gas(self) -> int:
        """Gas for its blobs (EIP-4844)."""
        return GAS_PER_BLOB * len(self.blob_hashes)

    @property
    def upfront_cost(self) -> int:
        """Wei the sender must hold before execution."""
        return self.value + self.gas * self.max_fee + self.blob_gas * self.max_blob_fee


def created_address(sender: bytes, nonce: int) -> bytes:
    """The address of the contract that `sender` creates with `nonce` (CREATE)."""
    return keccak(rlp.encode([sender, nonce]))[12:]


def intrinsic_gas(
    data: bytes, creation: bool, access_list: AccessList, authorizations: int, fork: Fork = Fork.PRAGUE
) -> int:
    """Gas paid before the first instruction, initcode words not included (EIP-2, 2028, 2930, 7702)."""
    zeros = data.count(0)
    slots = sum(len(keys) for _, keys in access_list)
    return (
        21_000
        + (32_000 if creation and fork >= Fork.HOMESTEAD else 0)
        + 4 * zeros
        + (16 if fork >= Fork.ISTANBUL else 68) * (len(data) - zeros)
        + 2_400 * len(access_list)
        + 1_900 * slots
        + 25_000 * authorizations
    )


def least_gas(
    data: bytes, creation: bool, access_list: AccessList, authorizations: int, fork: Fork = Fork.PRAGUE
) -> int:
    """The least gas a transaction may carry: intrinsic with initcode (EIP-3860), or the data floor (EIP-7623)."""
    initcode = 2 * ((len(data) + 31) // 32) if creation and fork >= Fork.SHANGHAI else 0
    least = intrinsic_gas(data, creation, access_list, authorizations, fork) + initcode
    return max(least, data_floor(data)) if fork >= Fork.PRAGUE else least


def data_floor(data: bytes) -> int:
    """The least gas that a transaction with this data is charged (EIP-7623)."""
    zeros = data.count(0)
    return 21_000 + 10 * (zeros + 4 * (len(data) - zeros))


def recover(digest: bytes, y_parity: int, r: int, s: int) -> bytes:
    """The 20-byte address that signed `digest`. Raises TransactionRefused for a bad or high-s signature."""
    if y_parity not in (0, 1) or not 0 < r < CURVE_ORDER or not 0 < s <= CURVE_ORDER // 2:
        raise TransactionRefused(Refused.TX_UNDECODABLE, "invalid transaction v, r, s values")
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([y_parity])
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError as error:
        raise TransactionRefused(Refused.TX_UNDECODABLE, "invalid signature") from error
    return keccak(key.format(compressed=False)[1:])[12:]


def decode(raw: bytes, sender: bytes | None = None, foreign: bool = False) -> Transaction:
    """The transaction in its wire form. `sender`, where already known, spares the recovery.

    `foreign` admits what only other chains record: blob transactions and those without replay protection.

    Raises TransactionRefused (TX_TOO_LARGE, TX_UNDECODABLE, TX_TYPE_UNSUPPORTED, CHAIN_ID_WRONG for one without replay
    protection).
    """
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise TransactionRefused(Refused.TX_TOO_LARGE, f"oversized data: {len(raw)} > {MAX_TRANSACTION_BYTES}")
    if not raw:
        raise TransactionRefused(Refused.TX_UNDECODABLE, "empty transaction")
    if raw[0] >= 0xC0:
        tx = _decode_fields(raw, LEGACY, raw, sender)
        if not tx.protected and not foreign:
            raise TransactionRefused(Refused.CHAIN_ID_WRONG, "only replay-protected (EIP-155) transactions allowed")
        return tx
    if raw[0] in (ACCESS_LIST, DYNAMIC_FEE, SET_CODE) or (raw[0] == BLOB and foreign):
        return _decode_fields(raw, raw[0], raw[1:], sender)
    raise TransactionRefused(Refused.TX_TYPE_UNSUPPORTED, f"transaction type {raw[0]} not supported")


def _decode_fields(raw: bytes, kind: int, payload: bytes, sender: bytes | None) -> Transaction:
    try:
        _check_nesting(payload)
        fields = rlp.decode(payload)
        return _READERS[kind](raw, fields, sender)
    except (rlp.exceptions.RLPException, ValueError, TypeError, IndexError) as error:
        raise TransactionRefused(Refused.TX_UNDECODABLE, f"transaction cannot be decoded: {error}") from error


def _check_nesting(payload: bytes) -> None:
    """No list lies deeper than `DEEPEST`: the decoder recurses. Only headers are read; bad ones are the decoder's."""
    at, ends = 0, [len(payload)]
    while at < len(payload):
        while at >= ends[-1] and len(ends) > 1:
            ends.pop()
        first = payload[at]
        at += 1
        long = first - (0xF7 if first > 0xF7 else 0xB7) if first > 0xF7 or 0xB7 < first < 0xC0 else 0
        size = (
            int.from_bytes(payload[at : at + long], "big") if long else max(0, first - (0xC0 if first > 0xBF else 0x80))
        )
        at += long
        if first < 0xC0:
            at += size
        elif len(ends) > DEEPEST:
            raise ValueError("lists are nested too deep")
        else:
            ends.append(at + size)


def _int(field: bytes, bits: int = 256) -> int:
    if not isinstance(field, bytes) or field[:1] == b"\0" or len(field) > bits // 8:
        raise ValueError("an integer is not in its shortest form or too large")
    return int.from_bytes(field, "big")


def _address(field: bytes, empty: bool = False) -> bytes:
    if not isinstance(field, bytes) or not (len(field) == 20 or (empty and not field)):
        raise ValueError("an address has not 20 bytes")
    return field


def _bytes(field: bytes) -> bytes:
    if not isinstance(field, bytes):
        raise ValueError("data is a list")
    return field


def _list(field: Sequence[T]) -> Sequence[T]:
    if not isinstance(field, list):
        raise ValueError("a list is expected")
    return field


def _access_list(field: Sequence[tuple[bytes, Sequence[bytes]]]) -> AccessList:
    entries = []
    for address, keys in _list(field):
        if any(len(key) != 32 for key in _list(keys)):
            raise ValueError("a storage key has not 32 bytes")
        entries.append((_address(address), tuple(int.from_bytes(key, "big") for key in keys)))
    return tuple(entries)


def _authorizations(field: Sequence[Sequence[bytes]]) -> tuple[Authorization, ...]:
    if not _list(field):
        raise ValueError("the authorization list is empty")
    return tuple(
        Authorization(_int(chain), _address(address), _int(nonce, 64), _int(parity, 8), _int(r), _int(s))
        for chain, address, nonce, parity, r, s in field
    )


def _read_legacy(raw: bytes, fields: list[bytes], sender: bytes | None) -> Transaction:
    nonce, price, gas, to, value, data, v_field, r, s = fields
    v = _int(v_field)
    protected = v >= 35
    if not protected and v not in (27, 28):
        raise ValueError(f"v is {v}")
    chain_id, parity = divmod(v - 35, 2) if protected else (0, v - 27)
    if sender is None:
        signed = rlp.encode([*fields[:6], chain_id, b"", b""] if protected else fields[:6])
        sender = recover(keccak(signed), parity, _int(r), _int(s))
    return Transaction(
        keccak(raw), raw, LEGACY, chain_id, _int(nonce, 64), _int(price), _int(price), _int(gas, 64),
        _address(to, empty=True), _int(value), _bytes(data), (), (), parity, _int(r), _int(s), sender,
        protected=protected,
    )  # fmt: skip


def _typed(raw: bytes, fields: list[bytes], sender: bytes | None) -> bytes:
    if sender is not None:
        return sender
    parity, r, s = fields[-3:]
    return recover(keccak(raw[:1] + rlp.encode(fields[:-3])), _int(parity, 8), _int(r), _int(s))


def _read_access_list(raw: bytes, fields: list[bytes], sender: bytes | None) -> Transaction:
    chain_id, nonce, price, gas, to, value, data, accesses, parity, r, s = fields
    return Transaction(
        keccak(raw), raw, ACCESS_LIST, _int(chain_id), _int(nonce, 64), _int(price), _int(price), _int(gas, 64),
        _address(to, empty=True), _int(value), _bytes(data), _access_list(accesses), (),  # type: ignore[arg-type]
        _int(parity, 8), _int(r), _int(s), _typed(raw, fields, sender),
    )  # fmt: skip


def _read_dynamic_fee(raw: bytes, fields: list[bytes], sender: bytes | None) -> Transaction:
    chain_id, nonce, tip, cap, gas, to, value, data, accesses, parity, r, s = fields
    return Transaction(
        keccak(raw), raw, DYNAMIC_FEE, _int(chain_id), _int(nonce, 64), _int(tip), _int(cap), _int(gas, 64),
        _address(to, empty=True), _int(value), _bytes(data), _access_list(accesses), (),  # type: ignore[arg-type]
        _int(parity, 8), _int(r), _int(s), _typed(raw, fields, sender),
    )  # fmt: skip


def _read_blob(raw: bytes, fields: list[bytes], sender: bytes | None) -> Transaction:
    chain_id, nonce, tip, cap, gas, to, value, data, accesses, blob_cap, hashes, parity, r, s = fields
    if any(len(item) != 32 for item in _list(hashes)):  # type: ignore[arg-type]
        raise ValueError("a blob hash has not 32 bytes")
    return Transaction(
        keccak(raw), raw, BLOB, _int(chain_id), _int(nonce, 64), _int(tip), _int(cap), _int(gas, 64),
        _address(to), _int(value), _bytes(data), _access_list(accesses), (),  # type: ignore[arg-type]
        _int(parity, 8), _int(r), _int(s), _typed(raw, fields, sender), _int(blob_cap), tuple(hashes),  # type: ignore[arg-type]
    )  # fmt: skip


def _read_set_code(raw: bytes, fields: list[bytes], sender: bytes | None) -> Transaction:
    chain_id, nonce, tip, cap, gas, to, value, data, accesses, grants, parity, r, s = fields
    return Transaction(
        keccak(raw), raw, SET_CODE, _int(chain_id), _int(nonce, 64), _int(tip), _int(cap), _int(gas, 64),
        _address(to), _int(value), _bytes(data), _access_list(accesses),  # type: ignore[arg-type]
        _authorizations(grants), _int(parity, 8), _int(r), _int(s), _typed(raw, fields, sender),  # type: ignore[arg-type]
    )  # fmt: skip


_READERS: dict[int, Callable[[bytes, list[bytes], bytes | None], Transaction]] = {
    LEGACY: _read_legacy,
    ACCESS_LIST: _read_access_list,
    DYNAMIC_FEE: _read_dynamic_fee,
    BLOB: _read_blob,
    SET_CODE: _read_set_code,
}
