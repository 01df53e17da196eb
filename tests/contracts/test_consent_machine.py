"""ConsentRegistry against a model: active means begun, not over, not suspended, not ended; an end is an end.

What is signed may be kept back and recorded later or never; revoked meanwhile, it is never recorded."""

from dataclasses import asdict, dataclass, field

import boa
from eth_hash.auto import keccak
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from protocol.agreements import AgreementState as State
from protocol.typed_data import Consent, Contract, Message, Resume, Revoke, Suspend, digest_of
from tests.contracts.support import House, account, build, key, now, sign

FOREVER = 2**64 - 1


@dataclass
class Agreement:
    """A record of the model."""

    made: Consent | Contract
    names: tuple[str, ...]
    recorded: bool = False
    mark: State = State.NONE
    history: list[State] = field(default_factory=list)

    def state(self) -> State:
        if self.mark in (State.REVOKED, State.BREACHED):
            return self.mark
        if not self.recorded:
            return State.NONE
        if now() >= self.made.expires:
            return State.EXPIRED
        if self.mark is State.SUSPENDED:
            return State.SUSPENDED
        return State.PENDING if now() < self.made.starts else State.ACTIVE


class ConsentMachine(RuleBasedStateMachine):
    """The model: what was agreed, and the mark on it."""

    agreements: Bundle[Agreement] = Bundle("agreements")

    @initialize()
    def start(self) -> None:
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.house: House = build()
        self.known: list[Agreement] = []
        self.deadline = FOREVER

    def teardown(self) -> None:
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    def sign(self, name: str, message: Message) -> bytes:
        return sign(key(name), self.house.consent_domain, message)

    def id(self, agreement: Agreement) -> bytes:
        return digest_of(self.house.consent_domain, agreement.made)

    def attempt(
        self, agreement: Agreement, call: str, kind: type[Revoke | Suspend | Resume], signer: str, *by: str
    ) -> str:
        """Call by signature with a deadline used by no other; the reason of refusal, or nothing."""
        self.deadline -= 1
        signature = self.sign(signer, kind(self.id(agreement), self.deadline))
        try:
            getattr(self.house.consents, call)(*asdict(agreement.made).values(), *by, self.deadline, signature)
        except boa.BoaError as error:
            return str(error.stack_trace[0].dev_reason or error)
        return ""

    @rule(
        target=agreements,
        starts=st.integers(-5, 15),
        term=st.integers(1, 40),
        three=st.booleans(),
        kept_back=st.sampled_from([False, False, True]),
    )
    def agree(self, starts: int, term: int, three: bool, kept_back: bool) -> Agreement:
        number = len(self.known)
        begin = now() + starts
        end = max(begin + term, now() + 1)
        if three:
            names = tuple(f"{party} {number}" for party in ("institution", "patient", "family"))
            institution, patient, family = map(account, names)
            made: Consent | Contract = Contract(keccak(b"terms"), institution, patient, family, begin, end)
        else:
            names = (f"patient {number}",)
            made = Consent(keccak(b"terms"), account(names[0]), begin, end)
        agreement = Agreement(made, names)
        self.known.append(agreement)
        if not kept_back:
            self.record(agreement)
        return agreement

    @rule(agreement=agreements)
    def record(self, agreement: Agreement) -> None:
        signatures = [self.sign(name, agreement.made) for name in agreement.names]
        call = self.house.consents.give if len(signatures) == 1 else self.house.consents.conclude
        if agreement.mark is State.REVOKED:
            reason = "consent: revoked"
        elif agreement.recorded:
            reason = "consent: signer used"
        elif now() >= agreement.made.expires:
            reason = "consent: expired"
        else:
            call(*asdict(agreement.made).values(), *signatures)
            agreement.recorded = True
            return
        with boa.reverts(reason):
            call(*asdict(agreement.made).values(), *signatures)

    @rule(agreement=agreements, party=st.integers(0, 2))
    def revoke(self, agreement: Agreement, party: int) -> None:
        ended = agreement.state() in (State.EXPIRED, State.REVOKED, State.BREACHED)
        if isinstance(agreement.made, Consent):
            allowed, reason = True, self.attempt(agreement, "revoke_consent", Revoke, agreement.names[0])
        else:
            name = agreement.names[party]
            allowed, reason = party != 0, self.attempt(agreement, "revoke_contract", Revoke, name, account(name))
        assert (reason == "") == (allowed and not ended)
        if not reason:
            agreement.mark = State.REVOKED

    @rule(agreement=agreements, party=st.sampled_from([0, 0, 0, 1, 2]), stop=st.booleans())
    def suspend_or_resume(self, agreement: Agreement, party: int, stop: bool) -> None:
        if isinstance(agreement.made, Consent):
            return
        before = agreement.state()
        name = agreement.names[party]
        call, kind = ("suspend_contract", Suspend) if stop else ("resume_contract", Resume)
        reason = self.attempt(agreement, call, kind, name)
        fits = before in (State.PENDING, State.ACTIVE) if stop else before is State.SUSPENDED
        assert (reason == "") == (party == 0 and fits)
        if not reason:
            agreement.mark = State.SUSPENDED if stop else State.NONE

    @rule(agreement=agreements)
    def breach(self, agreement: Agreement) -> None:
        fits = agreement.state() in (State.PENDING, State.ACTIVE, State.SUSPENDED)
        if isinstance(agreement.made, Contract) and fits:
            self.house.decide(self.house.consents, "declare_breach", self.id(agreement))
            agreement.mark = State.BREACHED
        else:
            with boa.reverts():
                self.house.decide(self.house.consents, "declare_breach", self.id(agreement))

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds: int) -> None:
        boa.env.time_travel(seconds)

    @invariant()
    def states_are_the_models(self) -> None:
        for agreement in getattr(self, "known", []):
            state = agreement.state()
            assert self.house.consents.state_of(self.id(agreement)) == state
            assert self.house.consents.is_active(self.id(agreement)) == (state is State.ACTIVE)
            touched = agreement.recorded or agreement.mark is State.REVOKED
            assert any(self.house.consents.is_used(account(name)) for name in agreement.names) == touched
            agreement.history.append(state)
            ends = [one for one in agreement.history if one in (State.EXPIRED, State.REVOKED, State.BREACHED)]
            assert len(set(ends)) <= 1
            assert agreement.history[len(agreement.history) - len(ends) :] == ends


TestConsentMachine = ConsentMachine.TestCase
TestConsentMachine.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
