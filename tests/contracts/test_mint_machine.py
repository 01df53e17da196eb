"""VoucherMint against a model: minted <= issued <= cap, a serial once, nothing beyond what was issued after closing."""

import boa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.contracts.support import House, account, build, issuer, series, vouchers

KEYS = [issuer(f"machine oracle {number}") for number in range(3)]
HOLDERS = [account(f"machine holder {number}") for number in range(3)]
NUMBERS = st.integers(0, 2)
LOTS = st.sampled_from([1, 1, 8])


class MintMachine(RuleBasedStateMachine):
    """The model: caps, what was issued at closing, spent serials per series, and balances."""

    @initialize()
    def start(self) -> None:
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.house: House = build()
        self.caps: dict[int, int] = {}
        self.issued: dict[int, int] = {}
        self.spent: dict[int, list[bytes]] = {number: [] for number in range(3)}
        self.balances = dict.fromkeys(HOLDERS, 0)
        self.next_serial = 0

    def teardown(self) -> None:
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    def fresh(self, count: int) -> list[bytes]:
        self.next_serial += count
        return [number.to_bytes(32, "big") for number in range(self.next_serial - count, self.next_serial)]

    def worth(self, number: int) -> int:
        return int(10**number)

    @rule(number=NUMBERS, cap=st.integers(0, 20), key=st.integers(0, 2))
    def open(self, number: int, cap: int, key: int) -> None:
        def call() -> None:
            self.house.decide(self.house.mint, "open_series", number, KEYS[key].modulus, cap, self.worth(number))

        if number in self.caps:
            with boa.reverts("voucher: series known"):
                call()
        elif key != number and key in self.caps:
            with boa.reverts("voucher: modulus used"):
                call()
        elif cap == 0:
            with boa.reverts("voucher: limits"):
                call()
        elif key == number:  # series n has key n, so that the model need not remember it
            call()
            self.caps[number] = cap

    @rule(number=NUMBERS, holder=st.integers(0, 2), lot=LOTS)
    def redeem(self, number: int, holder: int, lot: int) -> None:
        known = series(self.house, number, KEYS[number], self.worth(number))
        wanted = self.fresh(lot)
        total = len(self.spent[number]) + lot
        call = vouchers(known, KEYS[number], HOLDERS[holder], wanted)
        if number not in self.caps:
            reason = "voucher: series unknown"
        elif total > self.issued.get(number, total):
            reason = "voucher: over issued"
        elif total > self.caps[number]:
            reason = "voucher: over cap"
        else:
            self.house.mint.redeem(*call)
            self.spent[number] += wanted
            self.balances[HOLDERS[holder]] += lot * self.worth(number)
            return
        with boa.reverts(reason):
            self.house.mint.redeem(*call)

    @rule(number=NUMBERS, data=st.data(), holder=st.integers(0, 2))
    def redeem_again(self, number: int, data: st.DataObject, holder: int) -> None:
        room = min(self.issued.get(number, 99), self.caps.get(number, 0))
        if self.spent[number] and len(self.spent[number]) < room:
            serial = data.draw(st.sampled_from(self.spent[number]))
            known = series(self.house, number, KEYS[number], self.worth(number))
            with boa.reverts("voucher: spent"):
                self.house.mint.redeem(*vouchers(known, KEYS[number], HOLDERS[holder], [serial]))

    @rule(number=NUMBERS, issued=st.integers(0, 20))
    def close(self, number: int, issued: int) -> None:
        if number not in self.caps:
            reason = "voucher: series unknown"
        elif number in self.issued:
            reason = "voucher: series closed"
        elif issued > self.caps[number]:
            reason = "voucher: issued"
        else:
            self.house.decide(self.house.mint, "close_series", number, issued)
            self.issued[number] = max(issued, len(self.spent[number]))
            return
        with boa.reverts(reason):
            self.house.decide(self.house.mint, "close_series", number, issued)

    @invariant()
    def the_contract_says_what_the_model_says(self) -> None:
        if not hasattr(self, "house"):
            return
        for number, cap in self.caps.items():
            redeemed, issued = len(self.spent[number]), self.issued.get(number)
            assert tuple(self.house.mint.series_of(number)) == (
                cap, self.worth(number), redeemed, issued or 0, issued is not None,
            )  # fmt: skip
            assert redeemed <= (cap if issued is None else issued) <= cap
        minted = sum(len(spent) * self.worth(number) for number, spent in self.spent.items())
        assert self.house.token.totalSupply() == sum(self.balances.values()) == minted
        assert all(self.house.token.balanceOf(holder) == balance for holder, balance in self.balances.items())


TestMintMachine = MintMachine.TestCase
TestMintMachine.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
