"""Transactions from fields to their signed wire form, types 0, 1, 2 and 4; `node.transactions.decode` inverted."""

from collections.abc import Mapping
from typing import Any

import rlp
from coincurve import PrivateKey
from eth_hash.auto import keccak

from node.transactions import ACCESS_LIST, DYNAMIC_FEE, LEGACY, SET_CODE


def kind_of(fields: Mapping[str, Any]) -> int:
    """The type that the fields ask for; without any fee it is 2."""
    if "authorization_list" in fields:
        return SET_CODE
    if "gas_price" not in fields:
        return DYNAMIC_FEE
    return ACCESS_LIST if "access_list" in fields else LEGACY


def sign(fields: Mapping[str, Any], key: bytes, protect: bool) -> bytes:
    """Sign with a 32-byte private key; `protect` signs type 0 for its chain only (EIP-155).

    `fields` are those of eth-tester, complete but for the signature.
    """
    kind, body = kind_of(fields), _body(fields)
    unsigned = [*body, fields["chain_id"], b"", b""] if kind == LEGACY and protect else body
    digest = keccak(_prefix(kind) + rlp.encode(unsigned))
    signature = PrivateKey(key).sign_recoverable(digest, hasher=None)
    r, s, parity = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    above = 0 if kind != LEGACY else 35 + 2 * int(fields["chain_id"]) if protect else 27
    return join(fields, parity + above, r, s)


def join(fields: Mapping[str, Any], v: int, r: int, s: int) -> bytes:
    """The wire form with a signature; `v` as in type 0 (27, 28 or EIP-155), the parity in all others."""
    return _prefix(kind_of(fields)) + rlp.encode([*_body(fields), v, r, s])


def _prefix(kind: int) -> bytes:
    return b"" if kind == LEGACY else bytes([kind])


def _body(fields: Mapping[str, Any]) -> list[Any]:
    kind = kind_of(fields)
    nonce = fields["nonce"]
    common = [fields["gas"], fields["to"], fields["value"], fields["data"]]
    if kind == LEGACY:
        return [nonce, fields["gas_price"], *common]
    accesses = [[address, [key.to_bytes(32, "big") for key in keys]] for address, keys in fields["access_list"]]
    if kind == ACCESS_LIST:
        return [fields["chain_id"], nonce, fields["gas_price"], *common, accesses]
    body = [fields["chain_id"], nonce, fields["max_priority_fee_per_gas"], fields["max_fee_per_gas"], *common, accesses]
    if kind == DYNAMIC_FEE:
        return body
    return [*body, [[grant[name] for name in _GRANT] for grant in fields["authorization_list"]]]


_GRANT = ("chain_id", "address", "nonce", "y_parity", "r", "s")
