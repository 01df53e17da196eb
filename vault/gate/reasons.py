"""What each refusal says and what to do next. No text names a person, and none tells whether somebody is known."""

from protocol.errors import RefusalCode

_REASONS: dict[RefusalCode, tuple[str, str]] = {
    RefusalCode.SERVICE_LOCKED_PENDING_REPLAY: (
        "the vault was restored from a backup and serves nothing yet",
        "replay the tombstones, then ask again",
    ),
    RefusalCode.CLOCK_UNTRUSTED: (
        "the clock stands before the last line of the access log",
        "set the clock right; the incident is logged",
    ),
    RefusalCode.STORE_UNREACHABLE: (
        "the chain or a store does not answer, so nothing can be checked",
        "ask again when it does; without it nothing is released",
    ),
    RefusalCode.PURPOSE_NOT_ALLOWED: (
        "this purpose is not one of the public-service purposes",
        "no consent makes it allowed",
    ),
    RefusalCode.PURPOSE_ROLE_MISMATCH: (
        "this role may not ask for this class of data under this purpose",
        "see the table in docs/gate.md",
    ),
    RefusalCode.K_SUPPRESSED: (
        "public health gets statistics over groups, never one person's records",
        "ask the statistics service",
    ),
    RefusalCode.NOT_DATA_SUBJECT: (
        "these are not the records of the person asking",
        "a relative or an agent asks in that role, with a consent",
    ),
    RefusalCode.SCOPE_EXCEEDED: (
        "more is asked for than may be shown",
        "ask only for the fields, days, institution and purpose the patient consented to",
    ),
    RefusalCode.CONSENT_MISSING: (
        "there is no consent in force for the person asking",
        "the patient gives one from the wallet",
    ),
    RefusalCode.CONSENT_OTHER_PATIENT: (
        "the consent was given by another patient",
        "each patient consents separately",
    ),
    RefusalCode.CONSENT_REVOKED: ("the patient has withdrawn the consent", "only a new consent opens records again"),
    RefusalCode.CONSENT_EXPIRED: ("the consent has run out", "the patient may give a new one"),
    RefusalCode.USES_EXHAUSTED: ("the consent was for fewer releases", "the patient may give a new one"),
    RefusalCode.CONTRACT_MISSING: (
        "there is no three-party contract for this release",
        "institution, patient and family conclude one",
    ),
    RefusalCode.PARTY_MISMATCH: (
        "the contract is between others",
        "present the contract of this institution, patient and family member",
    ),
    RefusalCode.VERSION_MISMATCH: (
        "the contract presented is not the current version",
        "all three sign the current version",
    ),
    RefusalCode.CLAUSE_MISSING: (
        "the contract lacks a clause it must have",
        "amend it; all three sign the new version",
    ),
    RefusalCode.SIGNATURE_MISSING: ("a party has not signed the contract", "the party named signs from its wallet"),
    RefusalCode.CONTRACT_NOT_ACTIVE: (
        "the contract is not active on the chain",
        "conclude it, or have the institution resume it",
    ),
    RefusalCode.INSURANCE_EXPIRED: (
        "the institution's liability insurance has run out",
        "renew it and sign a new version",
    ),
    RefusalCode.GUARDIAN_REQUIRED: (
        "the patient cannot consent alone",
        "show the legal guardian's consent at the desk",
    ),
    RefusalCode.KINSHIP_UNPROVEN: ("kinship is not proven", "show the family relation certificate at the desk"),
    RefusalCode.CLOSER_KIN_EXISTS: ("a closer relative is alive", "the spouse, a parent or a child asks instead"),
    RefusalCode.ID_MISSING: ("an identity document is missing", "show it at the desk"),
    RefusalCode.FORM_NOT_SIGNED: (
        "the signed consent form is missing",
        "show it, or the physician's statement for a patient who cannot consent",
    ),
    RefusalCode.POA_MISSING: ("the power of attorney is missing", "show it at the desk"),
    RefusalCode.CLINICIAN_HOLD: (
        "a physician holds these records back",
        "ask the treating physician",
    ),
}

GATE_CODES = frozenset(_REASONS)
"""Every code the gate can give."""


def reason_of(code: RefusalCode) -> tuple[str, str]:
    """Message and hint of a code of `GATE_CODES`."""
    return _REASONS[code]
