"""Traces through all forks of a foreign chain: replayed, every transaction does what its receipt says."""

import orjson
import pytest

from node.evm.system_calls import QUEUES
from node.forks import Fork
from node.traces import CallTree, Prestate, StructLogs, TraceKind, TraceLimits
from tests.node.imported.support import Imported

EMPTIED = {contract for _, contract in QUEUES}
"""Contracts that the block itself calls after its transactions."""
AMPLE = TraceLimits(answer_bytes=200_000_000, steps=50_000_000, seconds=120)


@pytest.mark.parametrize("kind", [CallTree(logs=True), StructLogs(stack=False)])
def test_every_transaction_of_every_block(foreign: Imported, kind: TraceKind) -> None:
    reader, forks, traced = foreign.reader, set[Fork](), 0
    for number in range(1, reader.head.number + 1):
        header = reader.header(number)
        assert header is not None
        forks.add(foreign.chain.rules.schedule.fork(header.number, header.time))
        results = orjson.loads(orjson.dumps(reader.trace(header, None, kind, AMPLE)))
        for result, receipt in zip(results, reader.block(header).receipts, strict=True):
            used, failed = result.get("gas"), result.get("failed")
            if isinstance(kind, CallTree):
                used, failed = int(result["gasUsed"], 16), "error" in result
            assert used == receipt.gas_used, (number, result)
            if receipt.status in (0, 1):
                assert failed == (not receipt.status)
            traced += 1
    assert len(forks) > 10
    assert traced > 100


def test_what_transactions_change_leads_from_one_state_to_the_next(foreign: Imported) -> None:
    """Nonces, code and slots; balances also change by rewards and withdrawals, which no transaction does."""
    reader, compared = foreign.reader, 0
    for number in range(1, reader.head.number + 1):
        header, parent = reader.header(number), reader.header(number - 1)
        assert header is not None
        assert parent is not None
        first: dict[str, int] = {}
        last: dict[tuple[str, str], int] = {}
        for changes in orjson.loads(orjson.dumps(reader.trace(header, None, Prestate(changes=True), AMPLE))):
            for name, account in changes["pre"].items():
                first.setdefault(name, account.get("nonce", 0))
            for name, account in changes["post"].items():
                last |= {(name, slot): int(value, 16) for slot, value in account.get("storage", {}).items()}
                if "nonce" in account:
                    last[name, ""] = account["nonce"]
        before, after = reader.state(parent), reader.state(header)
        for (name, slot), value in last.items():
            address = bytes.fromhex(name[2:])
            if address in EMPTIED:
                continue
            found = after.storage(address, int(slot, 16)) if slot else after.account(address).nonce
            assert found == value, (number, name, slot)
            compared += 1
        for name, nonce in first.items():
            if before.account(bytes.fromhex(name[2:])).nonce != nonce:
                assert (name, "") in last, "made earlier in the same block"
    assert compared > 100
