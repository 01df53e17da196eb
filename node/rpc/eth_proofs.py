"""eth_: proofs, storage in bulk and access lists."""

from typing import Any

from node.execution import CallRequest
from node.proofs import SlotProof
from node.rpc import formats
from node.rpc import parameters as parse
from node.rpc.context import Beside, Context, need_header
from node.rpc.method import Method
from node.rpc.parameters import LATEST, BlockChoice, StorageKey


def get_proof(context: Context, address: bytes, keys: list[StorageKey], at: BlockChoice = LATEST) -> dict[str, Any]:
    proof = context.reader.proof(need_header(context.reader, at), address, [key.slot for key in keys])
    return {
        "address": formats.data(address),
        "accountProof": [formats.data(node) for node in proof.nodes],
        "balance": formats.quantity(proof.balance),
        "codeHash": formats.data(proof.code_hash),
        "nonce": formats.quantity(proof.nonce),
        "storageHash": formats.data(proof.storage_root),
        "storageProof": [_slot(key.shown, slot) for key, slot in zip(keys, proof.slots, strict=True)],
    }


def _slot(shown: str, proof: SlotProof) -> dict[str, Any]:
    return {
        "key": shown,
        "value": formats.quantity(proof.value),
        "proof": [formats.data(node) for node in proof.nodes],
    }


def get_storage_values(context: Context, wanted: dict[bytes, list[int]], at: BlockChoice = LATEST) -> dict[str, Any]:
    state = context.reader.state(need_header(context.reader, at))
    return {
        formats.data(address): [formats.word(state.storage(address, slot)) for slot in slots]
        for address, slots in wanted.items()
    }


def create_access_list(context: Context, request: CallRequest, at: BlockChoice = LATEST) -> dict[str, Any]:
    """Also of a call that fails: then with `error`."""
    found = context.reader.access_list(need_header(context.reader, at), request)
    shown = {"accessList": formats.access_list(found.entries), "gasUsed": formats.quantity(found.gas_used)}
    return shown | ({"error": found.failure} if found.failure else {})


METHODS = {
    "eth_getProof": Method(
        get_proof, (parse.address, parse.storage_keys, parse.block), optional=1, beside=Beside.CALLS
    ),
    "eth_getStorageValues": Method(
        get_storage_values, (parse.storage_requests, parse.block), optional=1, beside=Beside.READS
    ),
    "eth_createAccessList": Method(create_access_list, (parse.call, parse.block), optional=1, beside=Beside.CALLS),
}
