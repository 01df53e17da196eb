"""Traces through all forks of a foreign chain: replayed, every transaction does what its receipt says."""

import orjson
import pytest

from node.forks import Fork
from node.traces import CallTree, Prestate, StructLogs, TraceKind, TraceLimits
from tests.node.imported.support import Imported

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


def test_what_a_transaction_changes_is_between_the_states_of_its_block(foreign: Imported) -> None:
    reader, compared = foreign.reader, 0
    for number in range(1, reader.head.number + 1):
        header, parent = reader.header(number), reader.header(number - 1)
        assert header is not None
        assert parent is not None
        if len(reader.block(header).transactions) != 1:
            continue
        changes = orjson.loads(orjson.dumps(reader.trace(header, None, Prestate(changes=True), AMPLE)[0]))
        before, after = reader.state(parent), reader.state(header)
        for name, account in changes["post"].items():
            address = bytes.fromhex(name[2:])
            for slot, value in account.get("storage", {}).items():
                assert after.storage(address, int(slot, 16)) == int(value, 16)
            if "nonce" in account:
                assert after.account(address).nonce == account["nonce"]
                compared += 1
        for name, account in changes["pre"].items():
            address = bytes.fromhex(name[2:])
            assert before.account(address).balance == int(account["balance"], 16)
            assert before.code(address).hex() == account.get("code", "0x")[2:]
    assert compared > 3
