"""A contract signed by three, a consent, a permitted reading, and everything that is refused."""

from dataclasses import dataclass, replace

from eth_account.signers.local import LocalAccount

from chain import writes
from protocol.agreements import CLAUSES, AgreementState, ConsentTerms, ContractTerms, Scope
from protocol.calendar import SECONDS_PER_DAY
from protocol.errors import RefusalCode
from protocol.quantities import SubjectId
from protocol.references import Kind
from protocol.rules import DataClass, Purpose
from protocol.typed_data import Consent, Contract
from tideprint.demo.people import Wearer
from tideprint.demo.world import World
from vault.agreement_book import Party
from vault.agreements import ToSign
from vault.gate import Request, Role
from wallet import whole_days
from wallet.wallet import sign, withdrawal

HOSPITAL = "Busan Harbour Hospital"
FIELDS = ("steps", "minutes", "moderate_minutes")
RELATION = 1
"""The relation for which wallets derive the signers of these agreements."""
WEEK = 7 * SECONDS_PER_DAY
CONTRACT_DAYS = 26 * 7
CONSENT_DAYS = 4 * 7
SHORT = 4
"""Seconds: long enough to be recorded, short enough to wait for."""
POLL_SECONDS = 0.2
READERS = 5
"""Wearers who look at their own days: the access log's batch needs a crowd too."""


@dataclass(slots=True)
class Agreement:
    """What patient and daughter agreed on."""

    patient: Wearer
    daughter: Wearer
    contract: ToSign
    consent: ToSign
    signer: LocalAccount
    request: Request


def agree(world: World) -> Agreement:
    """Draft, discuss, sign three times, conclude on chain; then the patient's consent."""
    patient, daughter = world.walkers[0], world.walkers[1]
    contract = conclude_contract(world, patient, daughter)
    consent, signer = give_consent(world, patient, daughter.subject)
    request = Request(
        actor=daughter.subject.hex(),
        role=Role.FAMILY,
        institution=HOSPITAL,
        subject=patient.subject,
        data_class=DataClass.WELLNESS_OBS,
        fields=FIELDS,
        first_day=world.replayed[0],
        last_day=world.last_day,
        purpose=Purpose.FAMRQT,
        consent=consent.record_id,
        contract=contract.record_id,
    )
    states = [world.ledger.state_of(item.id) for item in (contract, consent)]
    world.claims.check(
        "contract of three and consent are ACTIVE on the chain",
        states == [AgreementState.ACTIVE, AgreementState.ACTIVE],
    )
    return Agreement(patient, daughter, contract, consent, signer, request)


def read(world: World, agreed: Agreement) -> None:
    """The daughter reads what her mother allowed, and gets no more than that."""
    release = world.platform.release(agreed.request)
    walked = {day: sum(minutes) for day, minutes in agreed.patient.days.items()}
    shown = {item["day"]: item["steps"] for item in release.days}
    world.claims.count("releases", 1)
    world.claims.check(
        f"the family member reads {len(shown)} days, equal to what was walked",
        shown == {d: s for d, s in walked.items() if s},
    )
    world.claims.check("and only the fields agreed", all(set(item) == {"day", *FIELDS} for item in release.days))


def refuse(world: World, agreed: Agreement) -> None:
    """Everything that comes near, but is not what was agreed."""
    ask, other = agreed.request, world.walkers[2]
    their_consent, _ = give_consent(world, other, agreed.daughter.subject)
    expired, _ = give_consent(world, agreed.patient, agreed.daughter.subject, lasts=SHORT)
    attempts: list[tuple[str, str, Request]] = [
        (RefusalCode.PURPOSE_NOT_ALLOWED, "marketing, with the patient's tick", replace(ask, purpose="HMARKT")),
        (
            RefusalCode.PURPOSE_ROLE_MISMATCH,
            "the billing desk says TREAT",
            replace(ask, role=Role.BILLING, actor="billing-7", purpose=Purpose.TREAT),
        ),
        (RefusalCode.CONSENT_MISSING, "no consent", replace(ask, consent=None)),
        (RefusalCode.CONTRACT_MISSING, "no contract", replace(ask, contract=None)),
        (
            RefusalCode.CONSENT_OTHER_PATIENT,
            "another patient's consent, same recipient",
            replace(ask, consent=their_consent.record_id),
        ),
        (RefusalCode.SCOPE_EXCEEDED, "a field that was not agreed", replace(ask, fields=(*FIELDS, "gait"))),
        (RefusalCode.SCOPE_EXCEEDED, "a day too many", replace(ask, first_day=type(ask.first_day)(ask.first_day - 1))),
        (
            RefusalCode.NOT_DATA_SUBJECT,
            "somebody else as if she were the patient",
            replace(ask, role=Role.WEARER, purpose=Purpose.PATRQT, consent=None, contract=None),
        ),
    ]
    for code, text, request in attempts:
        with world.claims.refused(code, text):
            world.platform.release(request)
    _wait_until(world, expired)
    with world.claims.refused(RefusalCode.CONSENT_EXPIRED, "an old consent, a second after its end"):
        world.platform.release(replace(ask, consent=expired.record_id))


def withdraw(world: World, agreed: Agreement) -> None:
    """The patient withdraws while the session is open: the next request is refused."""
    consent = agreed.consent.message
    assert isinstance(consent, Consent)
    deadline = world.ledger.time() + WEEK
    signature = withdrawal(agreed.signer, agreed.consent.domain, consent, deadline)
    # sent by the wallet of another holder: withdrawing needs nobody's help, and shows nobody
    relay = world.walkers[3].wallet.keys.account()
    world.ledger.write(writes.RevokeConsent.of(consent, deadline, signature), relay)
    with world.claims.refused(RefusalCode.CONSENT_REVOKED, "the same request after the withdrawal"):
        world.platform.release(agreed.request)
    with world.claims.refused("WRITE_REVERTED", "the withdrawn consent given again", "consent: revoked"):
        given = writes.GiveConsent.of(consent, sign(agreed.signer, agreed.consent.domain, consent))
        world.ledger.write(given, relay)


def read_own(world: World) -> None:
    """Wearers read their own days; the log of all decisions is anchored."""
    for wearer in world.walkers[-READERS:]:
        request = Request(
            actor=wearer.subject.hex(),
            role=Role.WEARER,
            institution=HOSPITAL,
            subject=wearer.subject,
            data_class=DataClass.WELLNESS_OBS,
            fields=("steps", "paid_steps"),
            first_day=world.replayed[0],
            last_day=world.last_day,
            purpose=Purpose.PATRQT,
        )
        release = world.platform.release(request)
        world.claims.count("releases", 1)
        world.claims.check(f"{wearer.name} reads own days", bool(release.days))
    report = world.platform.oracle.anchor(Kind.AUDIT)
    world.claims.count("batches_anchored", len(report.anchored))
    lines = len(list(world.platform.access_log.lines()))
    world.claims.figures["access_log_lines"] = lines
    leaves = {bytes(root): count for kind, _, count, _, root, _ in world.ledger.anchors() if kind == Kind.AUDIT}
    anchors = world.platform.access_log.check_anchors(world.ledger, leaves)
    proof = world.platform.access_log.proof_of(1)
    world.claims.check(
        f"the access log ({lines} lines, hash-chained) agrees with its anchor on the chain",
        sum(anchor.lines for anchor in anchors) == lines and len(report.anchored) == 1,
    )
    world.claims.check(
        "and the chain verifies its first line",
        proof is not None and world.ledger.verify(proof.anchor, proof.opening.reference, proof.proof),
    )


def conclude_contract(world: World, patient: Wearer, family: Wearer) -> ToSign:
    """A three-party contract, signed with one-time addresses and recorded on chain."""
    agreements = world.platform.agreements
    signers = {
        Party.INSTITUTION: world.hospital.new_signer(RELATION, world.ledger),
        Party.PATIENT: patient.wallet.new_signer(RELATION, world.ledger),
        Party.FAMILY: family.wallet.new_signer(RELATION, world.ledger),
    }
    starts, expires = whole_days(world.ledger.time(), CONTRACT_DAYS)
    terms = ContractTerms(
        version=1,
        institution=HOSPITAL,
        patient=patient.subject.hex(),
        family=family.subject.hex(),
        institution_signer=signers[Party.INSTITUTION].address,
        patient_signer=signers[Party.PATIENT].address,
        family_signer=signers[Party.FAMILY].address,
        clauses=CLAUSES,
        insurance_expires=starts + 52 * WEEK,
        starts=starts,
        expires=expires,
    )
    to_sign = agreements.discuss(agreements.draft_contract(terms))
    message = to_sign.message
    assert isinstance(message, Contract)
    signatures = {party: sign(account, to_sign.domain, message) for party, account in signers.items()}
    for party, signature in signatures.items():
        agreements.sign(to_sign.record_id, party, signature)
    concluded = writes.ConcludeContract.of(
        message, signatures[Party.INSTITUTION], signatures[Party.PATIENT], signatures[Party.FAMILY]
    )
    world.ledger.write(concluded, world.walkers[3].wallet.keys.account())
    return to_sign


def give_consent(
    world: World, patient: Wearer, recipient: SubjectId, lasts: int | None = None
) -> tuple[ToSign, LocalAccount]:
    """A patient's consent for one recipient, signed with a one-time address and recorded on chain.

    For whole days, or for exactly `lasts` seconds."""
    signer = patient.wallet.new_signer(RELATION, world.ledger)
    now = world.ledger.time()
    # to the second only to watch a consent end; a real one would be recognized by it
    starts, expires = whole_days(now, CONSENT_DAYS) if lasts is None else (now, now + lasts)
    terms = ConsentTerms(
        patient=patient.subject.hex(),
        recipient=recipient.hex(),
        institution=HOSPITAL,
        scope=Scope(DataClass.WELLNESS_OBS, FIELDS, world.replayed[0], world.last_day),
        purpose=Purpose.FAMRQT,
        starts=starts,
        expires=expires,
        signer=signer.address,
        max_uses=0,
    )
    to_sign = world.platform.agreements.seal_consent(terms)
    message = to_sign.message
    assert isinstance(message, Consent)
    given = writes.GiveConsent.of(message, sign(signer, to_sign.domain, message))
    world.ledger.write(given, world.walkers[3].wallet.keys.account())
    return to_sign, signer


def _wait_until(world: World, expired: ToSign) -> None:
    """Let a short consent end by the gate's clock and by the chain's."""
    message = expired.message
    assert isinstance(message, Consent)
    while world.clock() < message.expires:
        world.pause(POLL_SECONDS)
