"""Nodes that executed the same chain in different ways agree on everything: random transactions of several accounts,
with decisions that change roles, targets and the allowance in the middle of a block."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.addresses import checksummed
from node.proposals import Block, Proposal, Slot
from node.rules.allowance import TABLE
from tests.node.support import (
    FOUNDER,
    NOBODY,
    START,
    Chain,
    account,
    call_data,
    chain,
    council_creation,
    genesis,
    raw,
    sign,
)

PEOPLE = [FOUNDER, *(account(f"person {number}") for number in range(3))]
ELSEWHERE = "0x" + "33" * 20
DEFECT = bytes.fromhex("60fe5f5360015ff3")
COUNCIL = genesis().council
WINDOW = genesis().window

WHO, FLAG = st.integers(1, 3), st.booleans()
DECISION = st.one_of(
    st.tuples(st.just("set_sender(address,bool)"), WHO, FLAG),
    st.tuples(st.just("set_deployer(address,bool)"), WHO, FLAG),
    st.tuples(st.just("set_target(address,bool)"), st.sampled_from([NOBODY, ELSEWHERE]), FLAG),
    st.tuples(st.just("set_allowance(uint256)"), st.sampled_from([0, 50_000, 100_000, 10**9])),
)
ACTION = st.one_of(
    *[st.tuples(st.just("decide"), DECISION)] * 3,
    st.tuples(st.just("deploy"), st.integers(0, 3)),
    st.tuples(st.just("junk"), st.binary(max_size=40)),
    st.tuples(st.just("again"), st.integers(0, 20)),
    *[
        st.tuples(
            st.just("send"),
            st.integers(0, 3),
            st.sampled_from([NOBODY, ELSEWHERE, ELSEWHERE, checksummed(COUNCIL)]),
            st.sampled_from([21_000, 21_000, 21_000, 60_000, 4_000_000]),
            st.sampled_from([0, 0, 0, 1, -1]),
        )
    ]
    * 4,
)


class Agreement(RuleBasedStateMachine):
    """`live` judges what it then executes, `late` only hears of what was decided, and works on other things before."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.opened = ExitStack()
        self.live = self.opened.enter_context(chain(self.folder / "live"))
        self.late = self.stack.enter_context(chain(self.folder / "late"))
        self.blocks: list[Block] = []
        self.sent: list[bytes] = []
        self.decisions: set[bytes] = set()
        founding = [
            council_creation(),
            sign(FOUNDER, 1, COUNCIL, data=call_data("set_target(address,bool)", NOBODY, True), gas=100_000),
            sign(FOUNDER, 2, COUNCIL, data=call_data("set_allowance(uint256)", 100_000), gas=100_000),
        ]
        self.decided(Proposal(Slot(1, START + 1), tuple(founding)), ())

    def teardown(self) -> None:
        self.opened.close()
        self.stack.close()

    def transactions(self, actions: list[Any]) -> list[bytes]:
        nonces = [self.live.application.account(raw(person)).nonce for person in PEOPLE]
        made = []
        for kind, *rest in actions:
            if kind == "junk":
                made.append(rest[0])
            elif kind == "again":
                made += self.sent[rest[0] :][:1]
            elif kind == "decide":
                name, *arguments = rest[0]
                words = [PEOPLE[one].address if type(one) is int and name[4] in "sd" else one for one in arguments]
                made.append(sign(FOUNDER, nonces[0], COUNCIL, data=call_data(name, *words), gas=100_000))
                self.decisions.add(made[-1])
                nonces[0] += 1
            elif kind == "deploy":
                made.append(sign(PEOPLE[rest[0]], nonces[rest[0]], None, data=DEFECT, gas=100_000))
                nonces[rest[0]] += 1
            else:
                who, to, gas, offset = rest
                made.append(sign(PEOPLE[who], max(0, nonces[who] + offset), to, gas=gas))
                nonces[who] += offset == 0
        self.sent += made
        return made

    @rule(actions=st.lists(ACTION, max_size=10), seconds=st.sampled_from([1, 1, 5, 1_000, WINDOW]), prepared=FLAG)
    def block(self, actions: list[Any], seconds: int, prepared: bool) -> None:
        made = self.transactions(actions)
        head = self.live.application.head
        proposal = Proposal(Slot(head.number + 1, head.time + seconds), tuple(made))
        if prepared:
            proposal = self.live.application.prepare_proposal(proposal.slot, made).proposal
            assert self.late.application.process_proposal(proposal).accepted
        decisions_first = sorted(made, key=lambda wire: wire not in self.decisions)
        self.decided(proposal, decisions_first)

    @rule(who=WHO, given=FLAG, to=st.sampled_from([NOBODY, ELSEWHERE]))
    def turn(self, who: int, given: bool, to: str) -> None:
        """A role given or taken between two transactions of the same account, to be remembered by neither node."""
        send = ("send", who, to, 21_000, 0)
        self.block([send, ("decide", ("set_sender(address,bool)", who, given)), send], 1, False)

    def decided(self, proposal: Proposal, other: tuple[bytes, ...] | list[bytes]) -> None:
        """Both finalize and commit; `late` has judged another proposal for the same place."""
        accepted = self.live.application.process_proposal(proposal).accepted
        self.late.application.process_proposal(Proposal(proposal.slot, tuple(other)))
        results = [node.application.finalize_block(proposal).results for node in (self.live, self.late)]
        assert results[0] == results[1]
        assert accepted == all(result.code != 2 for result in results[0])
        block, twin = self.live.application.commit(), self.late.application.commit()
        assert block.header.hash == twin.header.hash
        included = [wire for wire, result in zip(proposal.transactions, results[0], strict=True) if result.code != 2]
        assert [tx.raw for tx in block.transactions] == included
        self.blocks.append(block)

    @rule()
    def restart(self) -> None:
        """The node stops and starts again on its store."""
        self.opened.close()
        self.opened = ExitStack()
        self.live = self.opened.enter_context(chain(self.folder / "live"))

    @precondition(lambda self: len(self.blocks) > 3)
    @rule()
    def replay(self) -> None:
        """A newcomer executes what was recorded, from genesis."""
        with tempfile.TemporaryDirectory() as folder, chain(Path(folder)) as newcomer:
            for block in self.blocks:
                slot = Slot(block.header.number, block.header.time)
                proposal = Proposal(slot, tuple(tx.raw for tx in block.transactions))
                assert newcomer.application.process_proposal(proposal).accepted
                assert newcomer.application.finalize_block(proposal).app_hash == block.header.hash
                newcomer.application.commit()
            assert rows(newcomer) == rows(self.live)

    @invariant()
    def same(self) -> None:
        heads = [node.application.head for node in (self.live, self.late)]
        assert heads[0] == heads[1] == self.blocks[-1].header
        assert rows(self.live) == rows(self.late)

    @invariant()
    def counts_follow_from_the_blocks_of_the_window(self) -> None:
        window = self.live.application.head.time // WINDOW
        used: dict[bytes, int] = {}
        for block in self.blocks:
            if block.header.time // WINDOW == window:
                for tx, receipt in zip(block.transactions, block.receipts, strict=True):
                    used[tx.sender] = used.get(tx.sender, 0) + receipt.gas_used
        kept = rows(self.live)
        assert {int.from_bytes(key[:8], "big") for key in kept} <= {window}
        assert {key[8:]: int.from_bytes(gas, "big") for key, gas in kept.items()} == used


def rows(node: Chain) -> dict[bytes, bytes]:
    """The table of allowances."""
    found = {key: node.store.extra(TABLE, key) for key in node.store.first_extras(TABLE, 1_000)}
    return {key: value for key, value in found.items() if value is not None}


TestAgreement = Agreement.TestCase
TestAgreement.settings = settings(
    max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
