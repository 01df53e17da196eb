# pragma version ==0.4.3
"""
@title Plain token
@license Apache-2.0
@notice A plain ERC-20, so that every peer runs the same work; its deployer holds all. For measuring only.
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256


balanceOf: public(HashMap[address, uint256])
totalSupply: public(uint256)


@deploy
def __init__():
    self.totalSupply = 10**18
    self.balanceOf[msg.sender] = 10**18


@external
def transfer(to: address, amount: uint256) -> bool:
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount
    log Transfer(sender=msg.sender, receiver=to, amount=amount)
    return True
