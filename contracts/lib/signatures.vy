# pragma version ==0.4.3
"""
@title Signatures
@license Apache-2.0
@notice Did an account sign a digest? By key (ECDSA, 65 bytes r, s, v, low s) or, when it is a contract, by ERC-1271.
"""

# @dev Half of the secp256k1 order: a larger `s` is the malleable twin of a valid signature.
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
ERC1271_MAGIC: constant(bytes4) = 0x1626BA7E


@internal
@view
def _valid(signer: address, digest: bytes32, signature: Bytes[65]) -> bool:
    # @dev The key first: an account with delegated code (EIP-7702) still signs with its key.
    if signer != empty(address) and self._recover(digest, signature) == signer:
        return True
    if not signer.is_contract:
        return False
    ok: bool = False
    answer: Bytes[32] = b""
    ok, answer = raw_call(
        signer,
        abi_encode(digest, signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return ok and len(answer) == 32 and convert(answer, bytes32) == convert(ERC1271_MAGIC, bytes32)


@internal
@view
def _recover(digest: bytes32, signature: Bytes[65]) -> address:
    # @dev The zero address for anything that is not a signature.
    if len(signature) != 65:
        return empty(address)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    if s > HALF_ORDER:
        return empty(address)
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    return ecrecover(digest, v, r, s)
