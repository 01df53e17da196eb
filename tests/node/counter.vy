# pragma version ==0.4.3
"""A contract with something to count, something to fail and something to burn."""

event Counted:
    who: indexed(address)
    total: uint256

interface Counter:
    def count(by: uint256): nonpayable

total: public(uint256)
sink: uint256


@external
def count(by: uint256):
    assert by > 0, "counter: nothing to count"
    self.total += by
    log Counted(who=msg.sender, total=self.total)


@external
def count_through(other: address, by: uint256):
    extcall Counter(other).count(by)


@external
def burn(rounds: uint256):
    for i: uint256 in range(rounds, bound=1_000_000):
        self.sink = i + 1


@external
@payable
def pay():
    pass


@external
@view
def price() -> uint256:
    return tx.gasprice
