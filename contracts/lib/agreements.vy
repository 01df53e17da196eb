# pragma version ==0.4.3
"""
@title Agreements
@license Apache-2.0
@notice Consents and contracts as one word each under their EIP-712 digest: when they start and expire, and whether
        they are suspended, revoked or breached. Revoked and breached are final, and an agreement revoked before it was
        recorded stays revoked; time alone makes an agreement active or expired.
"""

from . import typed_data

uses: typed_data


CONSENT_TYPE: constant(bytes32) = keccak256("Consent(bytes32 reference,address signer,uint64 starts,uint64 expires)")
CONTRACT_TYPE: constant(bytes32) = keccak256(
    "Contract(bytes32 reference,address institution,address patient,address family,uint64 starts,uint64 expires)"
)
MAX_TERM: constant(uint64) = 366 * 86_400
# @dev States; SUSPENDED, REVOKED and BREACHED are also stored as marks.
UNKNOWN: constant(uint8) = 0
PENDING: constant(uint8) = 1
ACTIVE: constant(uint8) = 2
SUSPENDED: constant(uint8) = 3
EXPIRED: constant(uint8) = 4
REVOKED: constant(uint8) = 5
BREACHED: constant(uint8) = 6
CONTRACT: constant(uint256) = 1 << 136


# @dev id -> starts (64 bits), expires (64), mark (8), contract (1)
record_of: public(HashMap[bytes32, uint256])
is_used: public(HashMap[address, bool])  # one-time signers


@external
@view
def state_of(id: bytes32) -> uint8:
    """
    @notice 0 NONE, 1 PENDING, 2 ACTIVE, 3 SUSPENDED, 4 EXPIRED, 5 REVOKED, 6 BREACHED, at the present block.
    """
    return self._state(id)


@external
@view
def is_active(id: bytes32) -> bool:
    """
    @notice In effect at the present block?
    """
    return self._state(id) == ACTIVE


@external
@view
def consent_id(reference: bytes32, signer: address, starts: uint64, expires: uint64) -> bytes32:
    """
    @notice The id a consent has, which is the digest to sign.
    """
    return self._consent_id(reference, signer, starts, expires)


@external
@view
def contract_id(
    reference: bytes32, institution: address, patient: address, family: address, starts: uint64, expires: uint64
) -> bytes32:
    """
    @notice The id a contract has, which is the digest to sign.
    """
    return self._contract_id(reference, institution, patient, family, starts, expires)


@internal
def _record(id: bytes32, starts: uint64, expires: uint64, kind: uint256):
    # @dev The caller sees to it that an id is recorded once.
    assert starts < expires and expires - starts <= MAX_TERM, "consent: term"
    assert block.timestamp < convert(expires, uint256), "consent: expired"
    self.record_of[id] = convert(starts, uint256) | (convert(expires, uint256) << 64) | kind


@internal
def _mark(id: bytes32, mark: uint8):
    # @dev No mark for what is over, so an end stays an end. 0 takes a suspension off.
    state: uint8 = self._state(id)
    assert state != UNKNOWN, "consent: unknown"
    assert state == PENDING or state == ACTIVE or state == SUSPENDED, "consent: ended"
    unmarked: uint256 = self.record_of[id] & ~(convert(255, uint256) << 128)
    self.record_of[id] = unmarked | (convert(mark, uint256) << 128)


@internal
def _revoke(id: bytes32, by: address, starts: uint64, expires: uint64, kind: uint256):
    # @dev An unknown id was signed and kept back: stored as revoked, nobody can record it any more. Under a used signer
    #      it was misnamed, and to call it revoked would leave the real one in effect. Only who revokes is used up.
    if self._state(id) != UNKNOWN:
        self._mark(id, REVOKED)
        return
    self._use(by)
    mark: uint256 = convert(REVOKED, uint256) << 128
    self.record_of[id] = convert(starts, uint256) | (convert(expires, uint256) << 64) | mark | kind


@internal
def _use(signer: address):
    assert not self.is_used[signer], "consent: signer used"
    self.is_used[signer] = True


@internal
@view
def _is_contract(id: bytes32) -> bool:
    return self.record_of[id] & CONTRACT != 0


@internal
@view
def _state(id: bytes32) -> uint8:
    record: uint256 = self.record_of[id]
    if record == 0:
        return UNKNOWN
    mark: uint8 = convert((record >> 128) & 255, uint8)
    if mark == REVOKED or mark == BREACHED:
        return mark
    if block.timestamp >= (record >> 64) & (2**64 - 1):
        return EXPIRED
    if mark == SUSPENDED:
        return SUSPENDED
    if block.timestamp < record & (2**64 - 1):
        return PENDING
    return ACTIVE


@internal
@view
def _consent_id(reference: bytes32, signer: address, starts: uint64, expires: uint64) -> bytes32:
    return typed_data._digest(keccak256(abi_encode(CONSENT_TYPE, reference, signer, starts, expires)))


@internal
@view
def _contract_id(
    reference: bytes32, institution: address, patient: address, family: address, starts: uint64, expires: uint64
) -> bytes32:
    return typed_data._digest(
        keccak256(abi_encode(CONTRACT_TYPE, reference, institution, patient, family, starts, expires))
    )
