# pragma version ==0.4.3
# pragma evm-version prague
"""
@title A contract that signs (ERC-1271) by its owner's key, and answers what it was told to
@license Apache-2.0
"""

OWNER: immutable(address)
ANSWER: immutable(bytes4)


@deploy
def __init__(owner: address, answer: bytes4):
    OWNER = owner
    ANSWER = answer


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[65]) -> bytes4:
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    if ecrecover(digest, v, r, s) != OWNER:
        return 0xFFFFFFFF
    return ANSWER


@external
def tell(target: address, payload: Bytes[2048]):
    raw_call(target, payload)
