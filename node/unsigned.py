"""Transactions that nobody signed, in the encoding they would have: simulated blocks consist of them."""

import rlp
from eth_hash.auto import keccak

from node.execution import CallRequest
from node.transactions import BLOB, DYNAMIC_FEE, LEGACY, SET_CODE, Transaction


def unsigned(request: CallRequest, chain_id: int, sender: bytes, nonce: int, gas: int, legacy: bool) -> Transaction:
    """The transaction that a call would be; its signature is zero, so it can never be sent."""
    kind = LEGACY if legacy else SET_CODE if request.authorizations else BLOB if request.blob_hashes else DYNAMIC_FEE
    raw = _encode(kind, request, chain_id, nonce, gas)
    return Transaction(
        hash=keccak(raw),
        raw=raw,
        type=kind,
        chain_id=chain_id,
        nonce=nonce,
        max_priority_fee=request.max_priority_fee,
        max_fee=request.max_fee,
        gas=gas,
        to=request.to,
        value=request.value,
        data=request.data,
        access_list=request.access_list,
        authorizations=request.authorizations,
        y_parity=0,
        r=0,
        s=0,
        sender=sender,
        max_blob_fee=request.max_blob_fee,
        blob_hashes=request.blob_hashes,
        protected=kind != LEGACY,
    )


def _encode(kind: int, request: CallRequest, chain_id: int, nonce: int, gas: int) -> bytes:
    if kind == LEGACY:
        return rlp.encode([nonce, request.max_fee, gas, request.to, request.value, request.data, 0, 0, 0])
    fields: list[object] = [
        chain_id, nonce, request.max_priority_fee, request.max_fee, gas, request.to, request.value, request.data,
        [[address, [slot.to_bytes(32, "big") for slot in slots]] for address, slots in request.access_list],
    ]  # fmt: skip
    if kind == BLOB:
        fields += [request.max_blob_fee, list(request.blob_hashes)]
    if kind == SET_CODE:
        fields.append([[a.chain_id, a.address, a.nonce, a.y_parity, a.r, a.s] for a in request.authorizations])
    return bytes([kind]) + rlp.encode([*fields, 0, 0, 0])
