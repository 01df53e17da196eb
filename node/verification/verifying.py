"""The whole verification, block after block, so that what it tells is the first bad one.

It may run beside a node that seals: it looks at the blocks up to the head at its start. Blocks are executed from the
oldest state that is kept, or from block 0 with the nodes of pruned states in a temporary directory.
"""

from collections.abc import Callable
from dataclasses import dataclass

from node.application import Application
from node.blocks import Header
from node.errors import ConfigError, NodeError, StoreError
from node.execution import Executor
from node.genesis import Genesis
from node.overlay import Overlay
from node.proposals import Proposal, Slot
from node.snapshots.manifest import HEADERS
from node.store import StoreReader
from node.verification.damage import Damage
from node.verification.replay import Rewound, Scratch
from node.verification.tables import check_all_nodes, check_block, check_counts, check_header, check_state


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, from where to where; `executed` counts blocks that were executed again."""

    first: int
    last: int
    blocks: int
    executed: int
    transactions: int
    nodes: int


def verify(
    reader: StoreReader,
    genesis: Genesis,
    executor: Executor,
    first: int | None = None,
    heard: Callable[[int], None] = lambda _: None,
) -> Report:
    """Verify from block `first` on (None: everything there is, executing from the oldest state that is kept).

    `heard` hears of every height that is done. Raises Damage for the first bad block, ConfigError GENESIS_MISMATCH,
    StoreError STATE_PRUNED when the states it needs are or become pruned, STORE_MISSING.
    """
    work = _Verification(reader, genesis, executor, first, heard)
    try:
        return work.run()
    except Damage as damage:
        if damage.height is not None and damage.table == "nodes" and damage.height - 1 < reader.states_from > work.kept:
            raise StoreError(
                "STATE_PRUNED", f"the state at {damage.height} was pruned meanwhile", "verify from a higher block"
            ) from damage
        raise
    finally:
        work.close()


class _Verification:
    def __init__(
        self,
        reader: StoreReader,
        genesis: Genesis,
        executor: Executor,
        first: int | None,
        heard: Callable[[int], None],
    ) -> None:
        if reader.height < 0:
            raise _headless(reader)
        self._reader, self._genesis, self._executor, self._heard = reader, genesis, executor, heard
        self._top, self._asked = reader.height, first
        self.kept = reader.states_from
        self._scratch: Scratch | None = None
        self._application: Application | None = None
        self._transactions = self._executed = self._nodes = self._with_logs = self._with_body = 0

    def close(self) -> None:
        if self._scratch is not None:
            self._scratch.close()

    def run(self) -> Report:
        first = self._first_block()
        replay_from = self._first_executed(first)
        parent = self._before(first)
        rewound: Rewound | None = None
        for number in range(first, self._top + 1):
            header = check_block(self._reader, number, parent)
            if number == replay_from:
                rewound = self._rewound(parent)
            self._count(header)
            if rewound is not None:
                self._replay(rewound, header)
            parent = header
            self._heard(number)
        self._check_rest(first, parent, rewound)
        return Report(first, self._top, self._top - first + 1, self._executed, self._transactions, self._nodes)

    def _first_block(self) -> int:
        lowest = self._reader.blocks_from
        if self._asked is None:
            return lowest
        if not 0 <= self._asked <= self._top:
            raise StoreError("BLOCK_UNKNOWN", f"there is no block {self._asked}", f"the head is {self._top}")
        if self._asked < lowest:
            raise StoreError("HISTORY_PRUNED", f"blocks begin at {lowest} here", f"verify from {lowest} on")
        return self._asked

    def _first_executed(self, first: int) -> int:
        """Block 0 and the blocks after it; or those after the oldest state, which is walked through instead."""
        if first == 0 and (self._asked == 0 or self.kept == 0):
            self._scratch = Scratch() if self.kept else None
            return 0
        if self._asked is not None and first - 1 < self.kept and self._asked != self.kept:
            raise StoreError(
                "STATE_PRUNED",
                f"the states before block {self.kept} are pruned",
                f"verify from {self.kept + 1} on, or from 0",
            )
        return max(first, self.kept + 1)

    def _before(self, first: int) -> Header | None:
        """The block before the first, and all headers that lead back further."""
        genesis = check_header(self._reader, 0, None)
        if self._reader.genesis() != genesis.hash:
            raise Damage(0, "meta", "does not name block 0")
        born = self._executor.genesis_state(self._genesis.alloc, Overlay(lambda _: None))
        if self._genesis.header(born).hash != genesis.hash:
            raise ConfigError(
                "GENESIS_MISMATCH", "the store belongs to another chain", "use the genesis.toml it was started with"
            )
        if first == 0:
            return None
        if first > self._reader.blocks_from:
            return check_header(self._reader, first - 1, None)
        parent: Header | None = None
        for number in range(max(1, first - HEADERS + 1), first):
            parent = check_header(self._reader, number, parent)
        return parent if parent is not None else genesis

    def _rewound(self, parent: Header | None) -> Rewound:
        if parent is not None:
            check_state(self._reader, parent, self._count_node)
        return Rewound(self._reader, parent, self._scratch)

    def _count_node(self) -> None:
        self._nodes += 1

    def _count(self, header: Header) -> None:
        transactions = len(self._reader.body(header.number))
        self._transactions += transactions
        self._with_body += bool(transactions)
        self._with_logs += bool(header.bloom)

    def _replay(self, rewound: Rewound, header: Header) -> None:
        """Execute a block by the rules of today, as a member judges a proposal. What goes wrong because a part of the
        state before it is gone is told as that."""
        before = rewound.head()
        try:
            self._execute(rewound, header)
        except NodeError as error:
            if isinstance(error, Damage) and error.table != "bodies":
                raise
            if before is not None:
                check_state(rewound, before, lambda: None)
            raise
        except Exception as error:
            if before is not None:
                check_state(rewound, before, lambda: None)
            raise Damage(header.number, "nodes", f"the block cannot be executed: {type(error).__name__}") from error

    def _execute(self, rewound: Rewound, header: Header) -> None:
        if self._application is None:
            self._application = Application(self._genesis, rewound, self._executor)
        self._executed += 1
        application = self._application
        if header.number == 0:
            application.init_chain()
        else:
            slot = Slot(header.number, header.time, header.proposer, header.mix_hash)
            proposal = Proposal(slot, self._reader.body(header.number))
            verdict = application.process_proposal(proposal)
            if not verdict.accepted:
                why = ", ".join(sorted({refusal.code for refusal in verdict.refusals})) or "misplaced"
                raise Damage(header.number, "bodies", f"the block breaks the rules: {why}")
            application.finalize_block(proposal)
        application.commit()

    def _check_rest(self, first: int, head: Header | None, rewound: Rewound | None) -> None:
        reader, last = self._reader, self._top
        if rewound is None and head is not None:
            check_state(reader, head, self._count_node)
        elif rewound is not None and rewound.extras != reader.extras_at(last):
            raise Damage(None, "extras", "not what the blocks give")
        if first != reader.blocks_from:
            return
        check_all_nodes(reader, self._count_node)
        if reader.height != last:
            return
        headers = 1 + last - max(1, first - HEADERS + 1) + 1
        check_counts(
            reader,
            {
                "headers": headers, "numbers": headers, "bodies": self._with_body, "receipts": self._with_body,
                "locations": self._transactions, "blooms": self._with_logs,
            },
        )  # fmt: skip


def _headless(reader: StoreReader) -> StoreError | Damage:
    if reader.genesis() is not None:
        return Damage(None, "meta", "the head is gone")
    return StoreError("STORE_MISSING", "the store has no block yet", "start the node once")
