"""The oracle as a whole: a month's voucher from shoe to wallet, a real crash, and references of others."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oracles.pending import PendingReference
from protocol.quantities import Address, Day, Reference, Serial
from protocol.references import Kind
from protocol.vouchers import Series, Voucher, blind, unblind
from tests.oracles.core_support import DAY, House, Keeper

SERIES = 202_611_005


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def test_from_a_walk_to_a_voucher_in_the_wallet(house: House) -> None:
    wearer = house.wearers(1, (110,) * 30)[0]
    modulus = house.issuer.open_series(SERIES)
    house.oracle.close_day(DAY)
    assert house.oracle.collectable(wearer.subject) == {SERIES: 2}
    recipient = Address("0x00000000000000000000000000000000000000bB")
    series = Series(SERIES, modulus, 20_210_310, Address("0x00000000000000000000000000000000000000AA"), 5)
    serial, factor = Serial(secrets.token_bytes(32)), secrets.randbelow(2**2_000) + 2
    message = series.message(serial, recipient)
    [signed] = house.oracle.collect(wearer.subject, SERIES, secrets.token_bytes(16), [blind(message, factor, modulus)])
    assert series.verify(Voucher(SERIES, serial, recipient, unblind(signed, factor, modulus)))
    assert house.oracle.collectable(wearer.subject) == {SERIES: 1}


def test_references_of_others_are_anchored_in_the_same_way(house: House) -> None:
    house.anchoring._keepers = {Kind.ERASURE: _Any()}
    house.oracle.add_references(
        PendingReference(Kind.ERASURE, Reference(secrets.token_bytes(32)), secrets.token_bytes(16), n) for n in range(5)
    )
    report = house.oracle.anchor(Kind.ERASURE, Day(DAY + 2))
    assert [(batch.kind, batch.epoch, batch.count) for batch in report.anchored] == [(Kind.ERASURE, DAY + 2, 5)]


class _Any(Keeper):
    def attach_proof(self, *_: object) -> None:
        """Whatever the record."""


_VICTIM = """
import sys
from pathlib import Path
from tests.oracles.core_support import House
house = House(Path(sys.argv[1]))
wearer = house.wearers(1, (110,) * 6)[0]
print(wearer.subject.hex(), flush=True)
with house.spool.database.transaction() as write:
    write.execute("DELETE FROM waiting")
    print("inside", flush=True)
    sys.stdin.read()
"""


def test_what_was_acknowledged_survives_a_kill_and_what_was_not_does_not_half_exist(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.stdout is not None
    subject = bytes.fromhex(process.stdout.readline())
    assert process.stdout.readline() == "inside\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    house = House(tmp_path)
    assert [bytes(found) for found in house.spool.subjects_on(DAY)] == [subject]
    assert len(house.spool.waiting(house.spool.subjects_on(DAY)[0], DAY)) == 12
    house.close()
