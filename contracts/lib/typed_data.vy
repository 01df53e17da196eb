# pragma version ==0.4.3
"""
@title Typed data
@license Apache-2.0
@notice EIP-712 digests under this contract's domain, and the EIP-5267 view that describes the domain.
"""

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
# @dev EIP-5267: name, version, chain id and contract are used; salt and extensions are not.
FIELDS: constant(bytes1) = 0x0f


NAME: immutable(String[32])
VERSION: immutable(String[8])
CHAIN: immutable(uint256)
SEPARATOR: immutable(bytes32)


@deploy
def __init__(name: String[32], version: String[8]):
    NAME = name
    VERSION = version
    CHAIN = chain.id
    SEPARATOR = keccak256(abi_encode(DOMAIN_TYPE, keccak256(name), keccak256(version), chain.id, self))


@external
@view
def eip712Domain() -> (bytes1, String[32], String[8], uint256, address, bytes32, DynArray[uint256, 1]):
    """
    @notice EIP-5267: the domain under which signatures for this contract are made.
    @return Used fields, name, version, chain id, contract, salt (zero), extensions (none).
    """
    return FIELDS, NAME, VERSION, chain.id, self, empty(bytes32), empty(DynArray[uint256, 1])


@internal
@view
def _separator() -> bytes32:
    if chain.id == CHAIN:
        return SEPARATOR
    return keccak256(abi_encode(DOMAIN_TYPE, keccak256(NAME), keccak256(VERSION), chain.id, self))


@internal
@view
def _digest(struct_hash: bytes32) -> bytes32:
    return keccak256(concat(x"1901", self._separator(), struct_hash))
