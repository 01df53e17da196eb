# pragma version ==0.4.3
# pragma evm-version prague
# pragma nonreentrancy on
"""
@title Consent registry
@license Apache-2.0
@notice One word per agreement, under its EIP-712 digest: a consent that the patient signed, or a contract that
        institution, patient and family signed. What was agreed is a salted reference value; patients and families sign
        with addresses made for this one agreement, so two agreements of a person have nothing in common. Anyone may
        send, no event names an account, and every change counts in its block. Trust: nobody ends an agreement but
        patient or family, or the Council when it finds a breach; an institution can only suspend, and lift its own
        suspension.
@custom:stop Each agreement stops by its own parties; the Council closes the registry to others with `set_target`.
"""

from .lib import agreements
from .lib import governed
from .lib import signatures
from .lib import typed_data

initializes: governed
initializes: typed_data
initializes: agreements[typed_data := typed_data]

exports: (
    agreements.record_of,
    agreements.state_of,
    agreements.is_active,
    agreements.is_used,
    agreements.consent_id,
    agreements.contract_id,
    typed_data.eip712Domain,
    governed.council,
)


event Given:
    id: indexed(bytes32)


event Concluded:
    id: indexed(bytes32)


event Revoked:
    id: indexed(bytes32)


event Suspended:
    id: indexed(bytes32)


event Resumed:
    id: indexed(bytes32)


event Breached:
    id: indexed(bytes32)


REVOKE_TYPE: constant(bytes32) = keccak256("Revoke(bytes32 id,uint64 deadline)")
SUSPEND_TYPE: constant(bytes32) = keccak256("Suspend(bytes32 id,uint64 deadline)")
RESUME_TYPE: constant(bytes32) = keccak256("Resume(bytes32 id,uint64 deadline)")


spent: HashMap[bytes32, bool]  # digests of suspensions and resumptions, so that none is played again


@deploy
def __init__(council: address):
    governed.__init__(council)
    typed_data.__init__("ConsentRegistry", "1")


@external
def give(reference: bytes32, signer: address, starts: uint64, expires: uint64, signature: Bytes[65]) -> bytes32:
    """
    @notice Record a consent that its one-time signer signed.
    @param reference The reference value of what is consented to.
    @param starts First second of effect; `expires` is the first second without.
    @return The consent's id, the digest that was signed.
    """
    id: bytes32 = agreements._consent_id(reference, signer, starts, expires)
    assert agreements._state(id) != agreements.REVOKED, "consent: revoked"
    agreements._use(signer)
    assert signatures._valid(signer, id, signature), "consent: signature"
    agreements._record(id, starts, expires, 0)
    log Given(id=id)
    return id


@external
def conclude(
    reference: bytes32,
    institution: address,
    patient: address,
    family: address,
    starts: uint64,
    expires: uint64,
    institution_signature: Bytes[65],
    patient_signature: Bytes[65],
    family_signature: Bytes[65],
) -> bytes32:
    """
    @notice Record a contract that all three parties signed. Each signs with a one-time address, except that an
            institution may sign as a contract (ERC-1271), which names the institution and nobody else.
    @return The contract's id, the digest that was signed.
    """
    assert institution != patient and institution != family and patient != family, "consent: parties"
    id: bytes32 = agreements._contract_id(reference, institution, patient, family, starts, expires)
    assert agreements._state(id) != agreements.REVOKED, "consent: revoked"
    if not institution.is_contract:
        agreements._use(institution)
    agreements._use(patient)
    agreements._use(family)
    assert signatures._valid(institution, id, institution_signature), "consent: institution signature"
    assert signatures._valid(patient, id, patient_signature), "consent: patient signature"
    assert signatures._valid(family, id, family_signature), "consent: family signature"
    agreements._record(id, starts, expires, agreements.CONTRACT)
    log Concluded(id=id)
    return id


@external
def revoke_consent(
    reference: bytes32, signer: address, starts: uint64, expires: uint64, deadline: uint64, signature: Bytes[65]
):
    """
    @notice End a consent at once and for good, by its signer's signature over Revoke, or directly with an empty
            signature. A consent that somebody keeps back ends too: it can no longer be given.
    @param deadline The last second at which the signature may be used.
    """
    id: bytes32 = agreements._consent_id(reference, signer, starts, expires)
    self._authorize(REVOKE_TYPE, id, signer, deadline, signature)
    agreements._revoke(id, signer, starts, expires, 0)
    log Revoked(id=id)


@external
def revoke_contract(
    reference: bytes32,
    institution: address,
    patient: address,
    family: address,
    starts: uint64,
    expires: uint64,
    by: address,
    deadline: uint64,
    signature: Bytes[65],
):
    """
    @notice End a contract at once and for good, as `revoke_consent`, by patient or family; also one that was signed and
            never concluded.
    """
    assert by == patient or by == family, "consent: not a party"
    id: bytes32 = agreements._contract_id(reference, institution, patient, family, starts, expires)
    self._authorize(REVOKE_TYPE, id, by, deadline, signature)
    agreements._revoke(id, by, starts, expires, agreements.CONTRACT)
    log Revoked(id=id)


@external
def suspend_contract(
    reference: bytes32,
    institution: address,
    patient: address,
    family: address,
    starts: uint64,
    expires: uint64,
    deadline: uint64,
    signature: Bytes[65],
):
    """
    @notice Stop releases under a contract for the time being, by the institution.
    """
    id: bytes32 = agreements._contract_id(reference, institution, patient, family, starts, expires)
    self._spend(self._authorize(SUSPEND_TYPE, id, institution, deadline, signature))
    assert agreements._state(id) != agreements.SUSPENDED, "consent: suspended"
    agreements._mark(id, agreements.SUSPENDED)
    log Suspended(id=id)


@external
def resume_contract(
    reference: bytes32,
    institution: address,
    patient: address,
    family: address,
    starts: uint64,
    expires: uint64,
    deadline: uint64,
    signature: Bytes[65],
):
    """
    @notice Lift a suspension, by the institution.
    """
    id: bytes32 = agreements._contract_id(reference, institution, patient, family, starts, expires)
    self._spend(self._authorize(RESUME_TYPE, id, institution, deadline, signature))
    assert agreements._state(id) == agreements.SUSPENDED, "consent: not suspended"
    agreements._mark(id, 0)
    log Resumed(id=id)


@external
def declare_breach(id: bytes32):
    """
    @notice End a contract because its terms were broken. By decision of the Council.
    """
    governed._only_council()
    assert agreements._is_contract(id), "consent: not a contract"
    agreements._mark(id, agreements.BREACHED)
    log Breached(id=id)


@internal
@view
def _authorize(
    type_hash: bytes32, id: bytes32, by: address, deadline: uint64, signature: Bytes[65]
) -> bytes32:
    # @dev The digest that was signed, or nothing when the party itself sends.
    if len(signature) == 0 and msg.sender == by:
        return empty(bytes32)
    assert block.timestamp <= convert(deadline, uint256), "consent: late"
    digest: bytes32 = typed_data._digest(keccak256(abi_encode(type_hash, id, deadline)))
    assert signatures._valid(by, digest, signature), "consent: signature"
    return digest


@internal
def _spend(digest: bytes32):
    if digest != empty(bytes32):
        assert not self.spent[digest], "consent: played again"
        self.spent[digest] = True
