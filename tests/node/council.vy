# pragma version ==0.4.3
"""The least that the node's permission rules can ask: who may deploy, who may send where."""

deployers: HashMap[address, bool]
senders: HashMap[address, bool]
open_targets: HashMap[address, bool]
open_allowance: public(uint256)
owner: address


@deploy
def __init__(owner: address):
    assert owner != empty(address), "council: no owner"
    self.owner = owner
    self.deployers[owner] = True
    self.senders[owner] = True
    self.open_allowance = 10**12


@external
def set_deployer(account: address, held: bool):
    assert msg.sender == self.owner, "council: not the owner"
    self.deployers[account] = held


@external
def set_sender(account: address, held: bool):
    assert msg.sender == self.owner, "council: not the owner"
    self.senders[account] = held


@external
def set_target(target: address, open: bool):
    assert msg.sender == self.owner, "council: not the owner"
    self.open_targets[target] = open


@external
def set_allowance(amount: uint256):
    assert msg.sender == self.owner, "council: not the owner"
    self.open_allowance = amount


@external
@view
def may_deploy(account: address) -> bool:
    return self.deployers[account]


@external
@view
def may_send(account: address, target: address) -> bool:
    return self.open_targets[target] or self.senders[account]
