"""Council against a model: nothing below the threshold or before the delay, nothing twice, nothing late or old."""

from dataclasses import dataclass, field
from typing import Any

import boa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from tests.contracts.support import account, deployer, now, payload

LIFE = 30 * 86_400
PEOPLE = [account(f"person {number}") for number in range(5)]
SOMEBODY = st.sampled_from(PEOPLE)
TARGETS = [account(f"target {number}") for number in range(4)]


@dataclass
class Proposal:
    """A proposal of the model."""

    call: tuple[Any, bytes, bytes]
    id: bytes
    epoch: int
    target: str | None
    made: int
    approvals: set[str] = field(default_factory=set)
    ready: int = 0
    done: bool = False


class CouncilMachine(RuleBasedStateMachine):
    """The model: board, proposals with the members who approve them, and the targets that were opened."""

    proposals: Bundle[Proposal] = Bundle("proposals")

    @initialize()
    def start(self) -> None:
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.board, self.threshold, self.delay, self.epoch = PEOPLE[:3], 2, 10, 1
        self.council = deployer("Council").deploy(self.board, 2, 10, account("deployer"))
        self.opened: set[str] = set()
        self.allowance = 10_000_000
        self.allowances: dict[bytes, int] = {}
        self.boards: dict[bytes, tuple[list[Any], int, int]] = {}
        self.salt = 0

    def teardown(self) -> None:
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    def refusal(self, proposal: Proposal) -> str | None:
        """Why nobody can act on a proposal any more."""
        if proposal.epoch != self.epoch:
            return "council: lapsed"
        if proposal.done:
            return "council: done"
        return None if now() < (proposal.ready or proposal.made) + LIFE else "council: expired"

    def count_in(self, proposal: Proposal) -> None:
        if len(proposal.approvals) < self.threshold:
            proposal.ready = 0
        elif not proposal.ready:
            proposal.ready = now() + self.delay

    @rule(target=proposals, member=st.integers(0, 9), opening=st.sampled_from(TARGETS))
    def propose(self, member: int, opening: str) -> Proposal:
        sender = self.board[member % len(self.board)]
        data = payload("set_target(address,bool)", opening, True)
        return self.put(sender, data, opening)

    @rule(
        target=proposals,
        member=st.integers(0, 9),
        size=st.integers(1, 5),
        threshold=st.integers(1, 5),
        delay=st.integers(0, 20),
    )
    def propose_board(self, member: int, size: int, threshold: int, delay: int) -> Proposal:
        sender = self.board[member % len(self.board)]
        board = PEOPLE[-size:]
        data = payload("set_board(address[],uint256,uint256)", board, min(threshold, size), delay)
        proposal = self.put(sender, data, None)
        self.boards[proposal.id] = board, min(threshold, size), delay
        return proposal

    @rule(target=proposals, member=st.integers(0, 9), gas=st.integers(0, 10**12))
    def propose_allowance(self, member: int, gas: int) -> Proposal:
        proposal = self.put(self.board[member % len(self.board)], payload("set_allowance(uint256)", gas), None)
        self.allowances[proposal.id] = gas
        return proposal

    def put(self, sender: str, data: bytes, target: str | None) -> Proposal:
        self.salt += 1
        call = (self.council.address, data, self.salt.to_bytes(32, "big"))
        proposal = Proposal(call, self.council.propose(*call, sender=sender), self.epoch, target, now(), {sender})
        self.count_in(proposal)
        return proposal

    @rule(proposal=proposals, sender=SOMEBODY, add=st.sampled_from([True, True, True, False]))
    def approve_or_withdraw(self, proposal: Proposal, sender: str, add: bool) -> None:
        call = self.council.approve if add else self.council.withdraw
        reason = self.refusal(proposal) or (None if sender in self.board else "council: not a member")
        if reason:
            with boa.reverts(reason):
                call(proposal.id, sender=sender)
            return
        call(proposal.id, sender=sender)
        proposal.approvals = proposal.approvals | {sender} if add else proposal.approvals - {sender}
        self.count_in(proposal)

    @rule(proposal=proposals)
    def execute(self, proposal: Proposal) -> None:
        if proposal.epoch != self.epoch:
            reason: str | None = "council: no proposal"
        else:
            ready = proposal.ready and now() >= proposal.ready
            reason = self.refusal(proposal) or (None if ready else "council: not ready")
        if reason:
            with boa.reverts(reason):
                self.council.execute(*proposal.call, sender=account("anyone"))
            return
        self.council.execute(*proposal.call, sender=account("anyone"))
        proposal.done = True
        if proposal.target:
            self.opened.add(proposal.target)
        elif proposal.id in self.allowances:
            self.allowance = self.allowances[proposal.id]
        else:
            self.board, self.threshold, self.delay = self.boards[proposal.id]
            self.epoch += 1

    @rule(seconds=st.one_of(st.integers(1, 20), st.integers(1, 20), st.sampled_from([LIFE // 2, LIFE - 10, LIFE])))
    def wait(self, seconds: int) -> None:
        boa.env.time_travel(seconds)

    @invariant()
    def only_decisions_change_anything(self) -> None:
        if not hasattr(self, "council"):
            return
        assert {target for target in TARGETS if self.council.is_open(target)} == self.opened
        assert self.council.open_allowance() == self.allowance
        assert (self.council.threshold(), self.council.delay(), self.council.board_epoch()) == (
            self.threshold, self.delay, self.epoch,
        )  # fmt: skip
        assert {person for person in PEOPLE if self.council.seat(person)} == set(self.board)


TestCouncilMachine = CouncilMachine.TestCase
TestCouncilMachine.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
