# pragma version ==0.4.3
# pragma evm-version prague
"""
@title Plain anchor
@license Apache-2.0
@notice One transaction per reading: keeps the time at which each reference value came. Only for comparison.
"""

event Anchored:
    reference: indexed(bytes32)


time_of: public(HashMap[bytes32, uint256])


@external
def anchor(reference: bytes32):
    """
    @notice Keep a reference value once.
    """
    assert self.time_of[reference] == 0, "plain: known"
    self.time_of[reference] = block.timestamp
    log Anchored(reference=reference)
