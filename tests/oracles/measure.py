"""How fast the oracle takes minutes, closes days and signs; prints processor time, and wall time for the intake.

.venv/bin/python -m tests.oracles.measure [minutes walked by each of 20 people, default 300]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.oracles.core_support import DAY, House, Wearer

PEOPLE = 20
SERIES = 202_611_005
SIGNATURES = 200


def timed(name: str, count: int, work: Callable[[], Any]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    sys.stdout.write(f"{name}: {count / cpu:,.0f} a second of processor time, {count / wall:,.0f} by the clock\n")


def main(minutes: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        house = House(Path(directory))
        people = [Wearer.new(seed) for seed in range(PEOPLE)]
        for person in people:
            person.enroll(house.register, house.intake)
        sent = [minute.to_bytes() for person in people for minute in person.walk((104,) * minutes)]
        timed("minutes taken", len(sent), lambda: house.oracle.accept(sent))
        timed("days closed", PEOPLE, lambda: house.oracle.close_day(DAY))
        house.issuer.open_series(SERIES)
        key = house.issuer._keys.key(SERIES)
        timed("blind signatures", SIGNATURES, lambda: [key.sign_blinded(n + 2) for n in range(SIGNATURES)])
        house.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
