"""HealthToken against a model: balances add up to the supply, and tokens reach nobody but redeemers."""

import boa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from protocol.quantities import Address
from tests.contracts.support import House, account, build

NAMES = ["holder 1", "holder 2", "holder 3", "shop", "library", "co-payment desk"]
PEOPLE = [account(name) for name in NAMES]
SOMEBODY = st.sampled_from(PEOPLE)
AMOUNTS = st.integers(0, 30)
CATEGORIES = st.sampled_from([0, 0, 1, 1, 15, 100, 101])


class TokenMachine(RuleBasedStateMachine):
    """The model: balances, allowances, categories, whether it is paused; and what each account got by mints."""

    @initialize()
    def start(self) -> None:
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.house: House = build()
        self.balances = dict.fromkeys(PEOPLE, 0)
        self.allowed: dict[tuple[Address, Address], int] = {}
        self.categories = dict.fromkeys(PEOPLE, 0) | {account("co-payment desk"): 100}
        self.paused = False
        for name in ("shop", "library"):
            self.set_category(account(name), 1)
        for holder in PEOPLE[:3]:
            self.mint(holder, 30)

    def teardown(self) -> None:
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    def refusal(self, sender: Address, receiver: Address, amount: int) -> str | None:
        """Why the model refuses a payment, if it does."""
        checks = [
            (self.paused, "pausable: stopped"),
            (self.categories[receiver] == 100, "token: COPAY_FORBIDDEN"),
            (self.categories[receiver] == 101, "token: CASH_OUT_FORBIDDEN"),
            (self.categories[receiver] == 0, "token: not a redeemer"),
            (self.categories[sender] != 0, "token: redeemers only burn"),
            (self.balances[sender] < amount, "erc20: balance"),
        ]
        return next((reason for refused, reason in checks if refused), None)

    def move(self, sender: Address, receiver: Address, amount: int) -> None:
        self.balances[sender] -= amount
        self.balances[receiver] += amount

    @rule(account_=SOMEBODY, category=CATEGORIES)
    def set_category(self, account_: Address, category: int) -> None:
        self.house.decide(self.house.council, "set_redeemer", account_, category)
        self.categories[account_] = category

    @rule(receiver=SOMEBODY, amount=AMOUNTS)
    def mint(self, receiver: Address, amount: int) -> None:
        marked = {100: "token: COPAY_FORBIDDEN", 101: "token: CASH_OUT_FORBIDDEN"}.get(self.categories[receiver])
        reason = "pausable: stopped" if self.paused else marked
        if reason:
            with boa.reverts(reason):
                self.house.token.mint(receiver, amount, sender=self.house.mint.address)
        else:
            self.house.token.mint(receiver, amount, sender=self.house.mint.address)
            self.balances[receiver] += amount

    @rule(sender=SOMEBODY, receiver=SOMEBODY, amount=AMOUNTS)
    def transfer(self, sender: Address, receiver: Address, amount: int) -> None:
        reason = self.refusal(sender, receiver, amount)
        assert self.house.token.canTransfer(sender, receiver, amount) == (reason is None)
        if reason:
            with boa.reverts(reason):
                self.house.token.transfer(receiver, amount, sender=sender)
        else:
            self.house.token.transfer(receiver, amount, sender=sender)
            self.move(sender, receiver, amount)

    @rule(owner=SOMEBODY, spender=SOMEBODY, amount=AMOUNTS)
    def approve(self, owner: Address, spender: Address, amount: int) -> None:
        self.house.token.approve(spender, amount, sender=owner)
        self.allowed[owner, spender] = amount

    @rule(data=st.data(), receiver=SOMEBODY, amount=AMOUNTS)
    def transfer_from(self, data: st.DataObject, receiver: Address, amount: int) -> None:
        if not self.allowed:
            return
        owner, spender = data.draw(st.sampled_from(sorted(self.allowed)))
        short = "erc20: allowance" if self.allowed[owner, spender] < amount else None
        reason = short or self.refusal(owner, receiver, amount)
        if reason:
            with boa.reverts(reason):
                self.house.token.transferFrom(owner, receiver, amount, sender=spender)
        else:
            self.house.token.transferFrom(owner, receiver, amount, sender=spender)
            self.allowed[owner, spender] -= amount
            self.move(owner, receiver, amount)

    @rule(owner=SOMEBODY, amount=AMOUNTS)
    def burn(self, owner: Address, amount: int) -> None:
        if amount > self.balances[owner]:
            with boa.reverts("erc20: balance"):
                self.house.token.burn(amount, sender=owner)
        else:
            self.house.token.burn(amount, sender=owner)
            self.balances[owner] -= amount

    @rule(paused=st.sampled_from([True, False, False]))
    def pause(self, paused: bool) -> None:
        if paused:
            self.house.token.pause(sender=account("guardian"))
        else:
            self.house.decide(self.house.token, "unpause")
        self.paused = paused

    @invariant()
    def balances_are_the_models_and_add_up(self) -> None:
        if hasattr(self, "house"):
            assert {person: self.house.token.balanceOf(person) for person in PEOPLE} == self.balances
            assert self.house.token.totalSupply() == sum(self.balances.values())


TestTokenMachine = TokenMachine.TestCase
TestTokenMachine.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
