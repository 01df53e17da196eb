"""The least work there is: the node's own py-evm executor in this process, in memory, with nothing around it.

Decodes (which recovers the sender), executes and computes the state root. No HTTP, no pool, no permission checks, no
block header or receipts, no disk.
"""

import time
from collections.abc import Sequence

from node.blocks import EMPTY_ROOT, ZERO_ADDRESS, ZERO_HASH
from node.evm import PyEvm
from node.execution import Environment
from node.genesis import CHAIN_ID, GAS_LIMIT
from node.overlay import Overlay
from node.transactions import decode

BLOCK = 500
"""Transactions; near the best size."""


class Mirror:
    """A chain state in memory."""

    def __init__(self) -> None:
        self._nodes = Overlay(lambda _: None)
        self._number = 0
        self.root = EMPTY_ROOT

    def apply(self, transactions: Sequence[bytes]) -> None:
        """Execute in blocks; every transaction must succeed."""
        for start in range(0, len(transactions), BLOCK):
            self._number += 1
            environment = Environment(CHAIN_ID, self._number, int(time.time()), ZERO_ADDRESS, GAS_LIMIT, ZERO_HASH, ())
            run = PyEvm().run(environment, self.root, self._nodes)
            for raw in transactions[start : start + BLOCK]:
                assert run.apply(decode(raw)).status == 1
            self.root = run.close()
