"""Gas of a wearer's day on the chain, from receipts of a real node: a batch and vouchers, against the plain ways.

A day of 7,000 steps is worth 10 vouchers of 5 tokens and is about 70 minutes of walking, 140 signed minutes of two
shoes. Plain: a transaction for every reading, and tokens minted straight to a named account, for everybody to follow.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak
from web3 import Web3

from bench.measuring import ROUNDS, Against, Comparison, Result, Scale, Setting
from chain import writes
from protocol.merkle import Tree
from protocol.quantities import Reference, Serial
from protocol.references import Kind
from protocol.rules import RuleSet
from protocol.vouchers import LOTS, series_number
from tests.support import Consortium, VoucherIssuer, account, address, consortium, decide_all, send_all

BENCH = "cost"
UNIT = "gas/wearer-day"
RULES = RuleSet()
STEPS, CADENCE, SHOES = 7_000, 100, 2
SIGNED_MINUTES = STEPS // CADENCE * SHOES
TOKENS = RULES.reward.units(STEPS)
VOUCHERS = TOKENS // RULES.denomination
EPOCH = 20_770
MINUTE = "signed minute"
GAS = 3_000_000
WEARERS = {Scale.SMALL: (5,), Scale.NORMAL: (5, 100, 10_000)}


@dataclass(frozen=True, slots=True)
class _Gas:
    """What one round used."""

    anchor: dict[int, int]
    """A batch, by its wearers."""
    redeem: dict[int, int]
    """A lot of vouchers for an account never used before, by its size."""
    plain_anchor: int
    plain_mint: int
    """A day's tokens minted straight to an account never used before."""


@dataclass(frozen=True, slots=True)
class _Chain:
    """What is called."""

    house: Consortium
    plain: Any
    issuer: VoucherIssuer
    series: int

    def gas(self, batches: Sequence[int]) -> _Gas:
        """One round: every operation once, from receipts of success."""
        anchors = [(_anchor(wearers), account("ORACLE")) for wearers in batches]
        redeems = [(self._redeem(lot), account("wearer")) for lot in LOTS]
        used = [int(receipt["gasUsed"]) for receipt in self.house.ledger.write_all([*anchors, *redeems])]
        mint = self.contract("HealthToken").encode_abi("mint", [address(secrets.token_hex(8)), TOKENS])
        anchor = self.plain.encode_abi("anchor", [secrets.token_bytes(32)])
        return _Gas(
            anchor=dict(zip(batches, used, strict=False)),
            redeem=dict(zip(LOTS, used[len(batches) :], strict=True)),
            plain_anchor=self._send("deployer", self.plain.address, anchor),
            plain_mint=self._send("ORACLE", self.contract("HealthToken").address, mint),
        )

    def contract(self, name: str) -> Any:
        """A deployed contract, to encode calls with."""
        found = self.house.ledger.deployment.contracts[name]
        return self.house.ledger.web3.eth.contract(Web3.to_checksum_address(found.address), abi=found.abi)

    def _send(self, sender: str, target: str, data: str) -> int:
        receipts = send_all(self.house.ledger.web3, account(sender), [(target, data)], GAS)
        return int(receipts[0]["gasUsed"])

    def _redeem(self, lot: int) -> writes.Redeem:
        series, recipient = self.house.ledger.series(self.series), address(secrets.token_hex(8))
        serials = tuple(writes.Word(secrets.token_bytes(32)) for _ in range(lot))
        signed = [self.issuer.raw_sign(series.message(Serial(serial), recipient)) for serial in serials]
        signatures = tuple(writes.RsaValue(one.to_bytes(len(series.modulus), "big")) for one in signed)
        return writes.Redeem(self.series, recipient, serials, signatures)


def _anchor(wearers: int) -> writes.Anchor:
    """A batch with a day record of each wearer."""
    root = Tree.of(Reference(secrets.token_bytes(32)) for _ in range(wearers)).root
    return writes.Anchor(int(Kind.READING), EPOCH, writes.Word(root), wearers, writes.Word(RULES.hash()))


def measure(setting: Setting) -> list[Result]:
    """Gas of a wearer's day, by parts and in all."""
    batches, rounds = WEARERS[setting.scale], list[_Gas]()
    setting.say("founding a chain")
    with consortium(setting.folder) as house:
        chain = _prepare(house)
        for number in range(ROUNDS):
            setting.say(f"round {number + 1} of {ROUNDS}")
            rounds.append(chain.gas(batches))
    return [
        *(_anchoring(rounds, wearers) for wearers in batches),
        *(_reward(rounds, lot) for lot in LOTS),
        *(_whole(rounds, max(batches), *readings) for readings in ((1, "day record"), (SIGNED_MINUTES, MINUTE))),
    ]


def _prepare(house: Consortium) -> _Chain:
    """A plain anchor, an open series, and an oracle that may mint as the plain way does."""
    from vyper.compiler import compile_code

    web3, issuer, series = house.ledger.web3, VoucherIssuer(), series_number(202_611, RULES.denomination)
    source = (Path(__file__).parent / "plain_anchor.vy").read_text()
    output = compile_code(source, output_formats=["abi", "bytecode"])
    receipt = send_all(web3, account("deployer"), [(None, output["bytecode"])], GAS)[0]
    plain = web3.eth.contract(receipt["contractAddress"], abi=output["abi"])
    house.open_series({series: issuer.modulus})
    chain = _Chain(house, plain, issuer, series)
    council = chain.contract("Council")
    encoded = council.encode_abi("set_role", [keccak(b"MINTER"), account("ORACLE").address, True])
    decide_all(web3, council, council.address, [encoded])
    return chain


def _anchoring(rounds: Sequence[_Gas], wearers: int) -> Result:
    ours = tuple(gas.anchor[wearers] / wearers for gas in rounds)
    other = tuple(float(gas.plain_anchor) for gas in rounds)
    return _line(f"anchor, a batch of {wearers:,} wearers", ours, "a transaction per day record", other, Against.PEER)


def _reward(rounds: Sequence[_Gas], lot: int) -> Result:
    ours = tuple(gas.redeem[lot] * VOUCHERS / lot for gas in rounds)
    other = tuple(float(gas.plain_mint) for gas in rounds)
    what = f"{VOUCHERS} vouchers, redeemed in lots of {lot}"
    return _line(what, ours, "minted to a named account", other, Against.LIMIT)


def _whole(rounds: Sequence[_Gas], wearers: int, readings: int, name: str) -> Result:
    lot = max(LOTS)
    ours = tuple(gas.anchor[wearers] / wearers + gas.redeem[lot] * VOUCHERS / lot for gas in rounds)
    other = tuple(float(gas.plain_anchor * readings + gas.plain_mint) for gas in rounds)
    what = f"whole day, {wearers:,} wearers, lots of {lot}"
    return _line(what, ours, f"a transaction per {name}, named account", other, Against.PEER)


def _line(what: str, ours: tuple[float, ...], name: str, other: tuple[float, ...], against: Against) -> Result:
    return Comparison(BENCH, what, UNIT, ours, name, other, against, more_is_better=False)
