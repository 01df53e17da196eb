# pragma version ==0.4.3
"""
@title Governed
@license Apache-2.0
@notice A contract's tie to the Council: who may do what is asked there and kept nowhere else. The Council's address is
        fixed at deployment; no contract has an owner besides it.
"""

interface Council:
    def has_role(role: bytes32, account: address) -> bool: view
    def category_of(account: address) -> uint256: view
    def rules() -> bytes32: view


council: public(immutable(address))


@deploy
def __init__(council_: address):
    assert council_.is_contract, "governed: no Council"
    council = council_


@internal
@view
def _only_council():
    assert msg.sender == council, "governed: not the Council"


@internal
@view
def _only(role: bytes32):
    assert staticcall Council(council).has_role(role, msg.sender), "governed: role missing"


@internal
@view
def _category_of(account: address) -> uint256:
    return staticcall Council(council).category_of(account)


@internal
@view
def _rules() -> bytes32:
    return staticcall Council(council).rules()
