"""eth_config (EIP-7910) and eth_capabilities: the rules in force, and what this node can still answer."""

from typing import Any

from node.fees import BLOB_TERMS
from node.forks import Fork
from node.precompiles import CLOSED
from node.rpc import formats
from node.rpc.context import Beside, Context
from node.rpc.method import Method

PRECOMPILES = (
    "ECREC", "SHA256", "RIPEMD160", "ID", "MODEXP", "BN254_ADD", "BN254_MUL", "BN254_PAIRING", "BLAKE2F",
    "KZG_POINT_EVALUATION", "BLS12_G1ADD", "BLS12_G1MSM", "BLS12_G2ADD", "BLS12_G2MSM", "BLS12_PAIRING_CHECK",
    "BLS12_MAP_FP_TO_G1", "BLS12_MAP_FP2_TO_G2",
)  # fmt: skip
"""In the order of their addresses, from 1 on."""
FIRST_WITH = {Fork.FRONTIER: 4, Fork.BYZANTIUM: 8, Fork.ISTANBUL: 9, Fork.CANCUN: 10, Fork.PRAGUE: 17}
"""How many of them there are from a fork on."""
SYSTEM_CONTRACTS = {
    Fork.CANCUN: {"BEACON_ROOTS_ADDRESS": "0x000f3df6d732807ef1319fb7b8bb8522d0beac02"},
    Fork.PRAGUE: {
        "CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS": "0x0000bbddc7ce488642fb579f8b00f3a590007251",
        "HISTORY_STORAGE_ADDRESS": "0x0000f90827f1c53a10cb7a02335b175320002935",
        "WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS": "0x00000961ef480eb55e80d19ad83579a64c007002",
    },
}


def config(context: Context) -> dict[str, Any]:
    """Nothing comes after Prague here, so there is a `current` fork only."""
    reader = context.reader
    rules, head, first = reader.rules, reader.head, reader.header(0)
    fork = rules.schedule.fork(head.number, head.time)
    terms = None if rules.native else BLOB_TERMS.get(fork)
    blobs = terms and {"target": terms.target, "max": terms.most, "baseFeeUpdateFraction": terms.fraction}
    current = {
        "activationTime": next((since for since, turn in rules.schedule.by_time if turn is fork), 0),
        "blobSchedule": blobs,
        "chainId": formats.quantity(rules.chain_id),
        "forkId": formats.data(rules.fork_id(b"" if first is None else first.hash, head)),
        "precompiles": _precompiles(fork, rules.native),
        "systemContracts": {} if rules.native else _system_contracts(fork, rules.deposit_contract),
    }
    return {"current": current, "next": None, "last": None}


def _precompiles(fork: Fork, native: bool) -> dict[str, str]:
    count = max(many for first, many in FIRST_WITH.items() if fork >= first)
    found = {name: number.to_bytes(20, "big") for number, name in enumerate(PRECOMPILES[:count], 1)}
    return {name: formats.data(address) for name, address in found.items() if not native or address not in CLOSED}


def _system_contracts(fork: Fork, deposits: bytes) -> dict[str, str]:
    found = {
        name: address for first, some in SYSTEM_CONTRACTS.items() if fork >= first for name, address in some.items()
    }
    return found | ({"DEPOSIT_CONTRACT_ADDRESS": formats.data(deposits)} if fork >= Fork.PRAGUE else {})


def capabilities(context: Context) -> dict[str, Any]:
    """From which block on this node has what."""
    reader = context.reader
    state = {"disabled": False, "oldestBlock": formats.quantity(reader.states_from)}
    blocks = {"disabled": False, "oldestBlock": formats.quantity(reader.blocks_from)}
    head = {"number": formats.quantity(reader.head.number), "hash": formats.data(reader.head.hash)}
    whole = {name: dict(blocks) for name in ("tx", "logs", "receipts", "blocks")}
    return {"head": head, "state": state, **whole, "stateproofs": dict(state)}


METHODS = {
    "eth_config": Method(config, beside=Beside.READS),
    "eth_capabilities": Method(capabilities, beside=Beside.READS),
}
