# pragma version ==0.4.3
# pragma evm-version prague
# pragma nonreentrancy on
"""
@title Council
@license Apache-2.0
@notice What the consortium agrees on: who sits on the board, who holds which role, who redeems tokens, which rule set
        is in force, which contracts anybody may call, who validates. Everything changes by a decision of the board
        (propose, approve by a threshold, wait, execute within thirty days) and by nothing else. The nodes' permission
        checks read `may_deploy` and `may_send`. Trust: a threshold of members acting together can do everything the
        Council can; fewer, nothing.
@custom:stop Members withdraw their approvals: below the threshold nothing runs.
"""

from .lib import board

initializes: board

exports: (
    board.propose,
    board.approve,
    board.withdraw,
    board.execute,
    board.set_board,
    board.id_of,
    board.expiry_of,
    board.members,
    board.seat,
    board.threshold,
    board.delay,
    board.board_epoch,
    board.proposals,
)


event RoleSet:
    role: indexed(bytes32)
    account: indexed(address)
    held: bool


event RedeemerSet:
    account: indexed(address)
    category: uint256


event RulesSet:
    rules: bytes32
    version: uint256


event TargetSet:
    target: indexed(address)
    open: bool


event AllowanceSet:
    amount: uint256


event ValidatorSet:
    key: indexed(bytes32)
    power: uint256


DEPLOYER: constant(bytes32) = keccak256("DEPLOYER")
LAST_CATEGORY: constant(uint256) = 15
CO_PAYMENT: constant(uint256) = 100
CASH_OUT: constant(uint256) = 101
FIRST_ALLOWANCE: constant(uint256) = 10_000_000  # an hour of four lots of 32 at 4096 bits, or 160 payments
MAX_ALLOWANCE: constant(uint256) = 10**12  # more than full blocks of 30 million hold in nine hours


# @dev role -> account -> held
has_role: public(reentrant(HashMap[bytes32, HashMap[address, bool]]))
category_of: public(reentrant(HashMap[address, uint256]))
rules: public(reentrant(bytes32))
rules_version: public(reentrant(uint256))
is_open: public(reentrant(HashMap[address, bool]))
# @dev gas that an account without a role may use within one window of the nodes
open_allowance: public(reentrant(uint256))
power_of: public(reentrant(HashMap[bytes32, uint256]))
roles_held: HashMap[address, uint256]


@deploy
def __init__(members: DynArray[address, 32], threshold: uint256, delay: uint256, deployer: address):
    board.__init__(members, threshold, delay)
    self._set_role(DEPLOYER, deployer, True)
    self._set_allowance(FIRST_ALLOWANCE)


@external
@reentrant
def set_role(role: bytes32, account: address, held: bool):
    """
    @notice Give or take a role. By decision only.
    @param role keccak256 of the role's name, such as "ORACLE".
    """
    board._only_self()
    self._set_role(role, account, held)


@external
@reentrant
def set_redeemer(account: address, category: uint256):
    """
    @notice Put an account on the list of redeemers, or take it off. By decision only.
    @param category 1 to 15: a public service that takes tokens; 0: none. 100 (co-payment) and 101 (cash) approve
           nothing: they mark an account so that the token refuses it by name.
    """
    board._only_self()
    assert category <= LAST_CATEGORY or category == CO_PAYMENT or category == CASH_OUT, "council: category"
    self.category_of[account] = category
    log RedeemerSet(account=account, category=category)


@external
@reentrant
def set_rules(rules: bytes32):
    """
    @notice Put a rule set in force by its hash; the version counts up. By decision only.
    """
    board._only_self()
    assert rules != empty(bytes32) and rules != self.rules, "council: rules"
    version: uint256 = self.rules_version + 1
    self.rules = rules
    self.rules_version = version
    log RulesSet(rules=rules, version=version)


@external
@reentrant
def set_target(target: address, open: bool):
    """
    @notice Let any account call a contract, or members and role holders only. By decision only.
    """
    board._only_self()
    self.is_open[target] = open
    log TargetSet(target=target, open=open)


@external
@reentrant
def set_allowance(amount: uint256):
    """
    @notice Bound what an account that is neither member nor role holder may use on open targets within one window, an
            hour unless the chain was begun with another. By decision only.
    @param amount Gas; 0 closes the open targets to all but members and role holders.
    """
    board._only_self()
    self._set_allowance(amount)


@external
@reentrant
def set_validator(key: bytes32, power: uint256):
    """
    @notice Give a validator voting power; 0 takes it off the set. By decision only.
    @param key Its Ed25519 public key.
    """
    board._only_self()
    assert key != empty(bytes32) and power < 2**32, "council: validator"
    self.power_of[key] = power
    log ValidatorSet(key=key, power=power)


@external
@view
@reentrant
def may_deploy(account: address) -> bool:
    """
    @notice Do the nodes take a contract creation from this account?
    """
    return self.has_role[DEPLOYER][account]


@external
@view
@reentrant
def may_send(account: address, target: address) -> bool:
    """
    @notice Do the nodes take a call from this account to this target?
    """
    return self.is_open[target] or board.seat[account] != 0 or self.roles_held[account] != 0


@internal
def _set_role(role: bytes32, account: address, held: bool):
    assert role != empty(bytes32) and account != empty(address), "council: role"
    if self.has_role[role][account] != held:
        self.has_role[role][account] = held
        if held:
            self.roles_held[account] += 1
        else:
            self.roles_held[account] -= 1
    log RoleSet(role=role, account=account, held=held)


@internal
def _set_allowance(amount: uint256):
    assert amount <= MAX_ALLOWANCE, "council: allowance"
    self.open_allowance = amount
    log AllowanceSet(amount=amount)
