# pragma version ==0.4.3
"""
@title RSA full-domain hash
@license Apache-2.0
@notice Hashes onto the whole width of an RSA modulus and opens signatures (e = 65537) with the modexp precompile.
        Widths are 256, 384 and 512 bytes. The hash's first byte is zero, so it lies below a modulus whose top bit is
        set.
"""

MODEXP: constant(address) = 0x0000000000000000000000000000000000000005
EXPONENT: constant(Bytes[3]) = x"010001"
MAX_SIZE: constant(uint256) = 512


@internal
@pure
def _known_size(size: uint256) -> bool:
    return size == 256 or size == 384 or size == 512


@internal
@pure
def _hash(seed: bytes32, size: uint256) -> Bytes[MAX_SIZE]:
    # @dev Blocks keccak256(seed, i) side by side, first byte zero, cut to size.
    head: Bytes[256] = concat(
        0x00,
        slice(self._block(seed, 0), 1, 31),
        self._block(seed, 1),
        self._block(seed, 2),
        self._block(seed, 3),
        self._block(seed, 4),
        self._block(seed, 5),
        self._block(seed, 6),
        self._block(seed, 7),
    )
    if size == 256:
        return head
    middle: Bytes[384] = concat(
        head, self._block(seed, 8), self._block(seed, 9), self._block(seed, 10), self._block(seed, 11)
    )
    if size == 384:
        return middle
    return concat(
        middle, self._block(seed, 12), self._block(seed, 13), self._block(seed, 14), self._block(seed, 15)
    )


@internal
@pure
def _block(seed: bytes32, index: uint256) -> bytes32:
    return keccak256(abi_encode(seed, index))


@internal
@view
def _signed(message: Bytes[MAX_SIZE], signature: Bytes[MAX_SIZE], modulus: Bytes[MAX_SIZE]) -> bool:
    # @dev A signature of another length would shift the fields of the precompile's input.
    size: uint256 = len(modulus)
    if len(signature) != size:
        return False
    request: Bytes[1123] = concat(
        convert(size, bytes32), convert(3, bytes32), convert(size, bytes32), signature, EXPONENT, modulus
    )
    opened: Bytes[MAX_SIZE] = raw_call(MODEXP, request, max_outsize=512, is_static_call=True)
    return keccak256(opened) == keccak256(message)
