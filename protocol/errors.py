"""The root of every error this project raises, and the closed list of refusal codes.

    TideprintError          code, message, hint: what happened and what to do next
    └── Refusal             the rules say no; its code is one of `RefusalCode`

Each folder keeps its own small branch under `TideprintError`. Messages and hints never contain a record, a salt, a key
or a person's identifier.
"""

from enum import StrEnum


class TideprintError(Exception):
    """An error a person can act on.

    `code` is stable and in capitals (`STORE_UNREACHABLE`), the message says what happened, `hint` what to do next.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{code}: {message}" + (f" ({hint})" if hint else ""))
        self.code = code
        self.message = message
        self.hint = hint


class RefusalCode(StrEnum):
    """Every refusal of the eight conditions, grouped by condition; API, command line and logs use exactly these."""

    # 1 real data off chain, only a reference value on chain
    ONCHAIN_FIELD_FORBIDDEN = "ONCHAIN_FIELD_FORBIDDEN"
    SALT_WEAK = "SALT_WEAK"
    SALT_REUSED = "SALT_REUSED"
    BATCH_BELOW_K = "BATCH_BELOW_K"
    TYPE_UNKNOWN = "TYPE_UNKNOWN"
    # 2 destruction is permanent deletion off chain
    LEGAL_HOLD = "LEGAL_HOLD"
    IDENTITY_UNVERIFIED = "IDENTITY_UNVERIFIED"
    STORE_UNREACHABLE = "STORE_UNREACHABLE"
    SERVICE_LOCKED_PENDING_REPLAY = "SERVICE_LOCKED_PENDING_REPLAY"
    # 3 additional information safely managed or deleted
    DUAL_CONTROL_REQUIRED = "DUAL_CONTROL_REQUIRED"
    SELF_APPROVAL = "SELF_APPROVAL"
    REASON_MISSING = "REASON_MISSING"
    ROLE_SEPARATION = "ROLE_SEPARATION"
    # 4 nobody can be identified
    K_FLOOR = "K_FLOOR"
    DOSSIER_STALE = "DOSSIER_STALE"
    CONTROL_DID_NOT_FAIL = "CONTROL_DID_NOT_FAIL"
    # 5 data protection law and the Commission
    NOT_DATA_SUBJECT = "NOT_DATA_SUBJECT"
    AGENT_POA_MISSING = "AGENT_POA_MISSING"
    GUARDIAN_REQUIRED = "GUARDIAN_REQUIRED"
    INSPECTION_SCOPE_EXCEEDED = "INSPECTION_SCOPE_EXCEEDED"
    CLOCK_UNTRUSTED = "CLOCK_UNTRUSTED"
    # 6 public-service purposes only
    PURPOSE_NOT_ALLOWED = "PURPOSE_NOT_ALLOWED"
    PURPOSE_ROLE_MISMATCH = "PURPOSE_ROLE_MISMATCH"
    COPAY_FORBIDDEN = "COPAY_FORBIDDEN"
    CASH_OUT_FORBIDDEN = "CASH_OUT_FORBIDDEN"
    K_SUPPRESSED = "K_SUPPRESSED"
    # 7 a separate consent for each patient
    CONSENT_MISSING = "CONSENT_MISSING"
    CONSENT_EXPIRED = "CONSENT_EXPIRED"
    CONSENT_REVOKED = "CONSENT_REVOKED"
    CONSENT_OTHER_PATIENT = "CONSENT_OTHER_PATIENT"
    SCOPE_EXCEEDED = "SCOPE_EXCEEDED"
    KINSHIP_UNPROVEN = "KINSHIP_UNPROVEN"
    CLOSER_KIN_EXISTS = "CLOSER_KIN_EXISTS"
    FORM_NOT_SIGNED = "FORM_NOT_SIGNED"
    ID_MISSING = "ID_MISSING"
    POA_MISSING = "POA_MISSING"
    CLINICIAN_HOLD = "CLINICIAN_HOLD"
    USES_EXHAUSTED = "USES_EXHAUSTED"
    # 8 the three-party contract
    CONTRACT_MISSING = "CONTRACT_MISSING"
    CONTRACT_NOT_ACTIVE = "CONTRACT_NOT_ACTIVE"
    CLAUSE_MISSING = "CLAUSE_MISSING"
    SIGNATURE_MISSING = "SIGNATURE_MISSING"
    PARTY_MISMATCH = "PARTY_MISMATCH"
    VERSION_MISMATCH = "VERSION_MISMATCH"
    INSURANCE_EXPIRED = "INSURANCE_EXPIRED"
    # readings (scenario 10)
    REPLAY = "REPLAY"


class Refusal(TideprintError):
    """The rules say no. `detail` carries what a code leaves open: a clause, a role, a basis and its end."""

    def __init__(self, code: RefusalCode, message: str, hint: str = "", detail: str = "") -> None:
        super().__init__(code.value, message, hint)
        self.refusal = code
        self.detail = detail
