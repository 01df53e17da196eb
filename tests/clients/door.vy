# pragma version ==0.4.3
"""A door with an error of its own, as wallets must show it."""

event Knocked:
    who: indexed(address)
    times: uint256

times: public(uint256)


@external
def knock():
    self.times += 1
    log Knocked(who=msg.sender, times=self.times)


@external
def enter(number: uint256):
    raw_revert(abi_encode(msg.sender, number, method_id=method_id("Closed(address,uint256)")))
