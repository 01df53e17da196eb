# pragma version ==0.4.3
# pragma nonreentrancy on
"""
@title Board
@license Apache-2.0
@notice Members propose calls, a threshold approves, and after a delay anyone carries them out, once and within thirty
        days. Every new board begins a new epoch, which is part of a proposal's id: what an older board approved never
        runs.
"""

event Proposed:
    id: indexed(bytes32)
    target: indexed(address)


event Approved:
    id: indexed(bytes32)
    count: uint256


event Executed:
    id: indexed(bytes32)


event BoardSet:
    epoch: indexed(uint256)
    threshold: uint256
    delay: uint256


struct Proposal:
    epoch: uint256  # of the board it was made under; 0 for an unknown proposal
    approvals: uint256  # a bit per seat
    ready: uint256  # time from which it may run; 0 below the threshold
    done: bool


MAX_MEMBERS: constant(uint256) = 32
MAX_PAYLOAD: constant(uint256) = 4096
LIFE: constant(uint256) = 30 * 86_400  # seconds a proposal has to find its threshold, and a decision to be carried out
MAX_DELAY: constant(uint256) = 30 * 86_400  # a longer one could lock the Council out of its own decisions


members: public(DynArray[address, MAX_MEMBERS])
seat: public(HashMap[address, uint256])  # from 1; 0 for outsiders
threshold: public(uint256)
delay: public(uint256)
board_epoch: public(uint256)
proposals: public(HashMap[bytes32, Proposal])
proposed_at: HashMap[bytes32, uint256]


@deploy
def __init__(members: DynArray[address, MAX_MEMBERS], threshold: uint256, delay: uint256):
    self._set_board(members, threshold, delay)


@external
def propose(target: address, payload: Bytes[MAX_PAYLOAD], salt: bytes32) -> bytes32:
    """
    @notice Propose a call; the proposer approves it. For members.
    @param target The contract to call; may be the Council itself.
    @param payload Selector and arguments.
    @param salt Tells equal calls apart.
    @return The proposal's id.
    """
    id: bytes32 = self._id(target, payload, salt)
    assert self.proposals[id].epoch == 0, "council: known"
    self.proposals[id].epoch = self.board_epoch
    self.proposed_at[id] = block.timestamp
    log Proposed(id=id, target=target)
    self._approve(id)
    return id


@external
def approve(id: bytes32):
    """
    @notice Approve a proposal; the delay starts when the threshold is reached. For members. A proposal expires 30 days
            after it was made, a decision 30 days after it became ready; another salt proposes the call afresh.
    """
    self._approve(id)


@external
def withdraw(id: bytes32):
    """
    @notice Take back an approval; below the threshold the delay starts over, and the proposal's own 30 days count
            again. For members.
    """
    proposal: Proposal = self._open(id)
    proposal.approvals &= ~self._bit()
    count: uint256 = self._count(proposal.approvals)
    if count < self.threshold:
        proposal.ready = 0
    self.proposals[id] = proposal
    log Approved(id=id, count=count)


@external
def execute(target: address, payload: Bytes[MAX_PAYLOAD], salt: bytes32):
    """
    @notice Carry out an approved proposal after its delay. Anyone may send it; it reverts with the call's own reason.
    """
    id: bytes32 = self._id(target, payload, salt)
    proposal: Proposal = self._open(id)
    assert proposal.ready != 0 and block.timestamp >= proposal.ready, "council: not ready"
    assert target.is_contract, "council: no contract"
    self.proposals[id].done = True  # before the call: a proposal never runs twice
    raw_call(target, payload)
    log Executed(id=id)


@external
@reentrant
def set_board(members: DynArray[address, MAX_MEMBERS], threshold: uint256, delay: uint256):
    """
    @notice Replace members, threshold and delay (seconds); older proposals lapse. By decision only.
    """
    self._only_self()
    self._set_board(members, threshold, delay)


@external
@view
@reentrant
def id_of(target: address, payload: Bytes[MAX_PAYLOAD], salt: bytes32) -> bytes32:
    """
    @notice The id this call has as a proposal of the present board.
    """
    return self._id(target, payload, salt)


@external
@view
@reentrant
def expiry_of(id: bytes32) -> uint256:
    """
    @notice The time, seconds, from which a proposal can neither be approved nor carried out; 0 for an unknown proposal.
    """
    return self._expiry(id, self.proposals[id].ready)


@internal
@view
def _only_self():
    assert msg.sender == self, "council: not decided"


@internal
def _approve(id: bytes32):
    proposal: Proposal = self._open(id)
    proposal.approvals |= self._bit()
    count: uint256 = self._count(proposal.approvals)
    if count >= self.threshold and proposal.ready == 0:
        proposal.ready = block.timestamp + self.delay
    self.proposals[id] = proposal
    log Approved(id=id, count=count)


@internal
@view
def _open(id: bytes32) -> Proposal:
    proposal: Proposal = self.proposals[id]
    assert proposal.epoch != 0, "council: no proposal"
    assert proposal.epoch == self.board_epoch, "council: lapsed"
    assert not proposal.done, "council: done"
    assert block.timestamp < self._expiry(id, proposal.ready), "council: expired"
    return proposal


@internal
@view
def _expiry(id: bytes32, ready: uint256) -> uint256:
    if ready != 0:
        return ready + LIFE
    proposed: uint256 = self.proposed_at[id]
    if proposed == 0:
        return 0
    return proposed + LIFE


@internal
@view
def _bit() -> uint256:
    seat: uint256 = self.seat[msg.sender]
    assert seat != 0, "council: not a member"
    return 1 << (seat - 1)


@internal
@pure
def _count(bits: uint256) -> uint256:
    count: uint256 = 0
    for i: uint256 in range(MAX_MEMBERS):
        count += (bits >> i) & 1
    return count


@internal
@view
def _id(target: address, payload: Bytes[MAX_PAYLOAD], salt: bytes32) -> bytes32:
    return keccak256(abi_encode(self.board_epoch, target, keccak256(payload), salt))


@internal
def _set_board(members: DynArray[address, MAX_MEMBERS], threshold: uint256, delay: uint256):
    assert 0 < threshold and threshold <= len(members), "council: threshold"
    assert delay <= MAX_DELAY, "council: delay"
    for member: address in self.members:
        self.seat[member] = 0
    seat: uint256 = 0
    for member: address in members:
        seat += 1
        assert member != empty(address) and self.seat[member] == 0, "council: member"
        self.seat[member] = seat
    self.members = members
    self.threshold = threshold
    self.delay = delay
    self.board_epoch += 1
    log BoardSet(epoch=self.board_epoch, threshold=threshold, delay=delay)
