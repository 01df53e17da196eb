"""Simulation against history: each block of the public chain, simulated upon its parent, ends in the recorded state."""

from collections.abc import Iterator

import pytest

from node.blocks import Header
from node.errors import CallFailed
from node.evm import PyEvm
from node.execution import CallRequest
from node.imported import ImportedChain, import_chain, read_blocks, read_genesis
from node.overrides import AccountOverride, BlockOverride
from node.proposals import Block
from node.reader import Reader
from node.simulations import BlockPlan, SimulatedBlock, SimulatedCall, Simulation
from node.store import Store
from node.transactions import ACCESS_LIST, GAS_PER_BLOB, LEGACY
from tests.node.rpc_compat.cases import FOLDER
from tests.node.scenes import assembled

HEIGHT = 45


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    genesis = read_genesis(FOLDER / "genesis.json")
    store = Store(tmp_path_factory.mktemp("history"), 1 << 28)
    try:
        import_chain(genesis, list(read_blocks(FOLDER / "chain.rlp")), store)
        executor = PyEvm()
        yield Reader(ImportedChain(genesis.rules, store, executor), store, executor)
    finally:
        store.close()


def block_at(reader: Reader, number: int) -> Block:
    header = reader.header(number)
    assert header is not None
    return reader.block(header)


def simulated(reader: Reader, block: Block) -> SimulatedBlock:
    """The same calls around the same header; nobody mined uncles for it, and nothing is signed."""
    header, calls = block.header, []
    for tx in block.transactions:
        request = CallRequest(
            tx.sender, tx.to, tx.value, tx.data, tx.gas, tx.access_list, tx.max_fee, tx.max_priority_fee,
            tx.authorizations, tx.max_blob_fee, tx.blob_hashes,
        )  # fmt: skip
        calls.append(SimulatedCall(request, tx.nonce, legacy=tx.type in (LEGACY, ACCESS_LIST)))
    around = BlockOverride(
        header.number, header.time, header.gas_limit, header.proposer, header.mix_hash, header.difficulty,
        header.base_fee, beacon_root=header.beacon_root, withdrawals=block.withdrawals,
    )  # fmt: skip
    parent = block_at(reader, header.number - 1).header
    return reader.simulate(parent, Simulation((BlockPlan(around, {}, tuple(calls)),), validation=True))[0]


def facts(header: Header) -> tuple[object, ...]:
    return (
        header.gas_used, header.bloom, header.base_fee, header.withdrawals_root, header.blob_gas_used,
        header.excess_blob_gas, header.requests_hash,
    )  # fmt: skip


@pytest.mark.parametrize("number", range(1, HEIGHT + 1))
def test_a_block_of_the_past_ends_as_it_did(reader: Reader, number: int) -> None:
    block = block_at(reader, number)
    again = simulated(reader, block)
    assert facts(again.block.header) == facts(block.header)
    assert [receipt.logs for receipt in again.block.receipts] == [receipt.logs for receipt in block.receipts]
    if not block.uncles:
        assert again.block.header.state_root == block.header.state_root
    if all(tx.type != ACCESS_LIST for tx in block.transactions):
        assert again.block.header.receipts_root == block.header.receipts_root


def test_the_base_fee_of_the_past_follows_from_the_block_before(reader: Reader) -> None:
    for number in range(1, HEIGHT + 1):
        block = block_at(reader, number)
        parent = block_at(reader, number - 1).header
        around = BlockOverride(time=block.header.time)
        found = reader.simulate(parent, Simulation((BlockPlan(around),), validation=True))[0].block.header
        assert found.base_fee == block.header.base_fee


RICH, PLACE = b"\xaa" * 20, b"\xbb" * 20


@pytest.mark.parametrize(("version", "offer", "code"), [(1, 10, ""), (1, 1, "BLOBS_REFUSED"), (2, 10, "BLOBS_REFUSED")])
def test_blobs_are_paid_for_where_a_chain_takes_them(reader: Reader, version: int, offer: int, code: str) -> None:
    hashes = (bytes([version]) + bytes(31),)
    request = CallRequest(RICH, PLACE, 0, b"", max_blob_fee=offer, blob_hashes=hashes, max_fee=10**9)
    rich = {RICH: AccountOverride(balance=10**18)}
    plan = BlockPlan(BlockOverride(blob_base_fee=7, base_fee=5), rich, (SimulatedCall(request),))
    asks = SimulatedCall(CallRequest(None, PLACE, 0, b""))
    code_at = {PLACE: AccountOverride(code=assembled(f"0x{RICH.hex()} BALANCE 0 MSTORE 32 0 RETURN"))}
    plans = Simulation((plan, BlockPlan(BlockOverride(), code_at, (asks,))))
    if code:
        with pytest.raises(CallFailed) as refused:
            reader.simulate(reader.head, plans)
        assert refused.value.code == code
        return
    first, second = reader.simulate(reader.head, plans)
    assert first.block.header.blob_gas_used == GAS_PER_BLOB
    assert int.from_bytes(second.outcomes[0].output) == 10**18 - 21_000 * 5 - GAS_PER_BLOB * 7
