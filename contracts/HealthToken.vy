# pragma version ==0.4.3
# pragma evm-version prague
# pragma nonreentrancy on
"""
@title Health token
@license Apache-2.0
@notice ERC-20 in whole tokens, a closed loop: VoucherMint mints, a holder pays an approved redeemer, the redeemer
        settles by burning. Nobody pays a person, a co-payment or cash. Permits (EIP-2612) let a holder pay without
        sending a transaction. Trust: the Council names minter, redeemers and guardian; nobody can move another's
        tokens.
@custom:stop A guardian calls `pause`: transfers and mints stop until the Council calls `unpause`; burning goes on.
"""

from ethereum.ercs import IERC20

from .lib import erc20
from .lib import governed
from .lib import pausable
from .lib import signatures
from .lib import typed_data

implements: IERC20

initializes: governed
initializes: pausable[governed := governed]
initializes: typed_data
initializes: erc20

exports: (
    # the ledger
    erc20.name,
    erc20.symbol,
    erc20.decimals,
    erc20.totalSupply,
    erc20.balanceOf,
    erc20.allowance,
    erc20.approve,
    # signatures
    typed_data.eip712Domain,
    # who decides
    governed.council,
    pausable.pause,
    pausable.unpause,
    pausable.paused,
)


MINTER: constant(bytes32) = keccak256("MINTER")
PERMIT_TYPE: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
NAME: constant(String[32]) = "Tideprint Health Token"
LAST_CATEGORY: constant(uint256) = 15
CO_PAYMENT: constant(uint256) = 100
CASH_OUT: constant(uint256) = 101


nonces: public(HashMap[address, uint256])


@deploy
def __init__(council: address):
    governed.__init__(council)
    typed_data.__init__(NAME, "1")
    erc20.__init__(NAME, "HEALTH")


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Pay an approved redeemer.
    @return Always True.
    """
    self._pay(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Pay an approved redeemer from an allowance.
    @return Always True.
    """
    erc20._spend(owner, msg.sender, amount)
    self._pay(owner, to, amount)
    return True


@external
def permit(owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32):
    """
    @notice EIP-2612: an allowance by the owner's signature. Anyone may send it.
    @param deadline The last second at which the signature may be used.
    """
    assert block.timestamp <= deadline, "token: permit expired"
    nonce: uint256 = self.nonces[owner]
    self.nonces[owner] = nonce + 1
    digest: bytes32 = typed_data._digest(
        keccak256(abi_encode(PERMIT_TYPE, owner, spender, amount, nonce, deadline))
    )
    signature: Bytes[65] = concat(r, s, slice(convert(v, bytes32), 31, 1))
    assert owner != empty(address) and signatures._recover(digest, signature) == owner, "token: signature"
    erc20._approve(owner, spender, amount)


@external
def mint(to: address, amount: uint256):
    """
    @notice Mint to a holder. For MINTER, which is the VoucherMint contract.
    """
    governed._only(MINTER)
    pausable._check_running()
    self._refuse_marked(governed._category_of(to))
    erc20._mint(to, amount)


@external
def burn(amount: uint256):
    """
    @notice Burn one's own tokens: a redeemer settles, a holder gives them up.
    """
    erc20._burn(msg.sender, amount)


@external
@view
@reentrant
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice EIP-2612: the EIP-712 domain separator.
    """
    return typed_data._separator()


@external
@view
@reentrant
def canTransfer(sender: address, receiver: address, amount: uint256) -> bool:
    """
    @notice ERC-7943: would this transfer pass the rules now?
    """
    category: uint256 = governed._category_of(receiver)
    return (
        not pausable.paused
        and erc20.balanceOf[sender] >= amount
        and 0 < category
        and category <= LAST_CATEGORY
        and governed._category_of(sender) == 0
    )


@internal
def _pay(sender: address, receiver: address, amount: uint256):
    pausable._check_running()
    category: uint256 = governed._category_of(receiver)
    self._refuse_marked(category)
    assert category != 0, "token: not a redeemer"
    assert governed._category_of(sender) == 0, "token: redeemers only burn"
    erc20._move(sender, receiver, amount)


@internal
@pure
def _refuse_marked(category: uint256):
    assert category != CO_PAYMENT, "token: COPAY_FORBIDDEN"
    assert category != CASH_OUT, "token: CASH_OUT_FORBIDDEN"
