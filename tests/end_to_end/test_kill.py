"""A node killed at random moments loses no committed block."""

import random
import time

import pytest

from chain import Deployment, Ledger, writes
from chain.errors import ChainError
from tests.end_to_end.conftest import KeptDemo
from tideprint.node_process import NodeProcess
from tideprint.opening import account
from tideprint.places import Places

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("demo")]

KILLS = 3


def test_every_confirmed_write_is_there_after_kills(demo: KeptDemo, node: NodeProcess) -> None:
    places = Places(demo.home)
    deployment = Deployment.load(places.deployment)
    member = account(places, "shoe-maker")
    chance = random.Random(7)
    confirmed: list[tuple[int, bytes, bytes]] = []
    for _ in range(KILLS):
        ledger = Ledger(places.url(), deployment)
        until = time.monotonic() + chance.uniform(1.0, 4.0)
        while time.monotonic() < until:
            receipt = ledger.write(writes.Burn(0), member)
            confirmed.append((receipt["blockNumber"], bytes(receipt["blockHash"]), bytes(receipt["transactionHash"])))
        ledger.submit(writes.Burn(0), member)
        node.kill()
        with pytest.raises(ChainError, match="NODE_UNREACHABLE"):
            ledger.height()
        node.start()
    after = Ledger(places.url(), deployment)
    assert len(confirmed) >= KILLS
    for number, block, transaction in confirmed:
        assert bytes(after.web3.eth.get_block(number)["hash"]) == block
        assert after.web3.eth.get_transaction_receipt(transaction)["status"] == 1  # type: ignore[arg-type]
