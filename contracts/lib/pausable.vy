# pragma version ==0.4.3
# pragma nonreentrancy on
"""
@title Pausable
@license Apache-2.0
@notice One switch: a guardian stops, only the Council starts again.
"""

from . import governed

uses: governed


event Paused:
    stopped: bool


GUARDIAN: constant(bytes32) = keccak256("GUARDIAN")


paused: public(bool)


@external
def pause():
    """
    @notice Stop at once. For holders of GUARDIAN.
    """
    governed._only(GUARDIAN)
    self.paused = True
    log Paused(stopped=True)


@external
def unpause():
    """
    @notice Start again, by a decision of the Council.
    """
    governed._only_council()
    self.paused = False
    log Paused(stopped=False)


@internal
@view
def _check_running():
    assert not self.paused, "pausable: stopped"
