"""A chain that notices when the rules change, so that their version is raised with them."""

from pathlib import Path
from typing import Any

import pytest

from node.errors import ConfigError
from node.genesis import Genesis
from node.proposals import Proposal, Slot
from node.rules.version import RULES
from tests.node.support import FOUNDER, NOBODY, SECOND, START, STRANGER, chain, genesis, grant_code, raw, sign

HEADS = {2: "ae0ce66219dd44eeaaf0cd67127c4d6cfdec4a7a32bd60a6ed5f4b3a83deea36"}
"""Version of the rules -> hash of the last block of the chain below. A changed rule comes with a new version and a new
line; what stands here for an old version never changes."""

# Runs as a council that trusts the first founder alone, opens everything but 0x0, and allows 50,000 gas: asked without
# an argument it returns that, otherwise whether the first argument is the founder or the second is not zero.
COUNCIL = bytes.fromhex(
    "602436106" + "02c5773" + raw(FOUNDER).hex() + "600435146024351515175f5260205ff35b61c3505f5260205ff3"
)
CREATE_COUNCIL = bytes.fromhex("6036600a5f3960365ff3") + COUNCIL
CREATE_DEFECT = bytes.fromhex("60fe5f5360015ff3")
"""A contract that uses up all gas."""
STORE_AND_LOG = bytes.fromhex("60015f555f5fa000")
"""Leaves a word and a log and no code."""
NULL = bytes(20)


def history() -> list[tuple[int, list[bytes], list[int]]]:
    """Seconds since block 0, transactions, and what becomes of each: 0 done, 1 failed, 2 recorded nowhere."""
    grant = grant_code(SECOND, bytes.fromhex(NOBODY[2:]), 2)
    form: Any = {"nonce": 0, "gasPrice": 0, "gas": 21_000, "to": NOBODY, "value": 0, "data": b""}
    unprotected = bytes(STRANGER.sign_transaction(form).raw_transaction)
    return [
        (
            1,
            [
                sign(SECOND, 0),
                sign(STRANGER, 0),
                sign(FOUNDER, 0),
                sign(FOUNDER, 0, None, data=CREATE_COUNCIL, gas=200_000),
                sign(SECOND, 1),
                sign(SECOND, 2),
            ],
            [0, 2, 2, 0, 0, 2],
        ),
        (
            2,
            [
                sign(FOUNDER, 1, None, data=CREATE_DEFECT, gas=100_000),
                sign(FOUNDER, 2, None, data=STORE_AND_LOG, gas=100_000),
                sign(STRANGER, 0, None, data=STORE_AND_LOG, gas=50_000),
                sign(STRANGER, 0, NULL),
                sign(STRANGER, 0, gas=3_750_001),
                sign(STRANGER, 0, bytes(19) + b"\x09", gas=30_000),
                sign(STRANGER, 0, type=4, authorizationList=[grant], gas=50_000),
                unprotected,
                sign(STRANGER, 1),
                b"\x03\xc0",
                b"\x02\xc0",
                sign(STRANGER, 0, value=7, maxFeePerGas=3, maxPriorityFeePerGas=2),
                sign(STRANGER, 1, type=0, gas=29_000),
                sign(STRANGER, 2),
            ],
            [0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 2],
        ),
        (3_600, [sign(STRANGER, 2, type=1, gas=50_000, accessList=[]), sign(STRANGER, 3, gas=30_000)], [0, 2]),
        (
            3_601,
            [
                sign(FOUNDER, 3, SECOND.address, type=4, authorizationList=[grant], gas=100_000),
                sign(FOUNDER, 4, gas=29_980_000),
            ],
            [0, 2],
        ),
        (3_700, [], []),
    ]


def test_a_chain_of_many_rules_ends_in_the_hash_of_its_version(tmp_path: Path) -> None:
    """Made of bytes that stand here alone: the output of a compiler changes with the compiler."""
    with chain(tmp_path / "chain", genesis({raw(STRANGER): 10**18})) as made:
        for number, (seconds, transactions, codes) in enumerate(history(), 1):
            proposal = Proposal(Slot(number, START + seconds), tuple(transactions))
            results = made.application.finalize_block(proposal).results
            made.application.commit()
            assert [(number, result.code, result.log) for result in results if result.code != 2] == [
                (number, code, "") for code in codes if code != 2
            ]
            assert [result.code for result in results] == codes, results
        assert made.application.head.hash.hex() == HEADS[RULES]


def test_every_version_has_its_line() -> None:
    assert max(HEADS) == RULES


def test_software_of_other_rules_refuses_the_chain() -> None:
    for version in (RULES - 1, RULES + 1):
        with pytest.raises(ConfigError, match="RULES_MISMATCH"):
            Genesis((raw(FOUNDER),), START, rules=version)
