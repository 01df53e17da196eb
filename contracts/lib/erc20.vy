# pragma version ==0.4.3
# pragma nonreentrancy on
"""
@title ERC-20 ledger
@license Apache-2.0
@notice Balances and allowances in whole tokens. The contract that uses it exports what it wants and writes `transfer`
        and `transferFrom` itself over `_move`, because a module's function cannot be overridden.
"""

from ethereum.ercs import IERC20


decimals: public(constant(uint8)) = 0


name: public(String[32])
symbol: public(String[8])
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__(name: String[32], symbol: String[8]):
    self.name = name
    self.symbol = symbol


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Let a spender take up to this amount; it reaches approved redeemers only, as every transfer.
    @return Always True.
    """
    self._approve(msg.sender, spender, amount)
    return True


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log IERC20.Approval(owner=owner, spender=spender, value=amount)


@internal
def _spend(owner: address, spender: address, amount: uint256):
    allowed: uint256 = self.allowance[owner][spender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "erc20: allowance"
        self.allowance[owner][spender] = allowed - amount


@internal
def _move(sender: address, receiver: address, amount: uint256):
    assert self.balanceOf[sender] >= amount, "erc20: balance"
    self.balanceOf[sender] -= amount
    self.balanceOf[receiver] += amount
    log IERC20.Transfer(sender=sender, receiver=receiver, value=amount)


@internal
def _mint(receiver: address, amount: uint256):
    assert receiver != empty(address), "erc20: to nobody"
    self.totalSupply += amount
    self.balanceOf[receiver] += amount
    log IERC20.Transfer(sender=empty(address), receiver=receiver, value=amount)


@internal
def _burn(owner: address, amount: uint256):
    assert self.balanceOf[owner] >= amount, "erc20: balance"
    self.balanceOf[owner] -= amount
    self.totalSupply -= amount
    log IERC20.Transfer(sender=owner, receiver=empty(address), value=amount)
