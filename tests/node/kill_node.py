"""Kill a sealing process again and again, at any moment, and look whether anything is lost or torn.

    python -m tests.node.kill_node --times 1000

A real process seals blocks as fast as it can, with fsync, and prunes between them; it is killed with SIGKILL after a
random time, often while it is still opening the store. The next one first looks at what it finds (the last blocks are
executed again, the state is walked through), then goes on. A block counts as committed once the process said so after
the commit. At the end every block is executed again from block 0.
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click

from node.evm import PyEvm
from node.verification import Report, verify
from tests.node.store_support import RICH, opened, some_transactions
from tests.node.support import FOUNDER, genesis, raw

ROOT = Path(__file__).parents[2]
KEEP = 30
LOOK_BACK = 3
PRUNE_SECONDS = 0.004
LONGEST_LIFE = 0.3


@dataclass(slots=True)
class Found:
    """What the killed processes said, and what those after them found."""

    kills: int = 0
    told: dict[int, str] = field(default_factory=dict)
    opened: int = 0
    lost: list[int] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    phases: Counter[str] = field(default_factory=Counter)


def say(word: str, first: object, second: object) -> None:
    """A line to whoever kills, in one piece."""
    os.write(1, f"{word} {first} {second}\n".encode())


def seal_for_ever(folder: Path) -> None:
    """Look at the store, then seal until killed. Every line is said after what it tells is on disk."""
    luck = random.Random(os.getpid())
    with opened(folder, KEEP) as made:
        head = made.application.head
        first = min(head.number, max(made.store.states_from + 1, head.number - LOOK_BACK))
        verify(made.store, genesis(RICH), PyEvm(), first)
        say("found", head.number, made.store.pruning().phase)
        while True:
            nonce = made.application.account(raw(FOUNDER)).nonce
            block = made.seal(*some_transactions(luck, nonce, made.application.genesis.council))
            say("block", block.header.number, block.header.hash.hex())
            made.store.maintain(PRUNE_SECONDS)


def nurse(folder: Path) -> None:
    """Fork a sealer for every line on standard input: modules are loaded and contracts compiled once."""
    some_transactions(random.Random(0), 0, bytes(20))
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                seal_for_ever(folder)
            except BaseException as error:  # noqa: BLE001 (whatever it is, it has to be told)
                say("torn", type(error).__name__, str(error).replace(" ", "_")[:300])
                os._exit(1)
        say("child", child, "-")
        _, status = os.waitpid(child, 0)
        say("ended", status, "-")


def run(folder: Path, times: int, seed: int) -> Found:
    """Start and kill so many sealers."""
    luck, found = random.Random(seed), Found()
    command = [sys.executable, "-m", "tests.node.kill_node", "--nurse", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        for _ in range(times):
            live_and_die(process, luck.uniform(0.0, LONGEST_LIFE), found)
            if found.torn:
                break
        assert process.stdin is not None
        process.stdin.close()
    return found


def live_and_die(process: "subprocess.Popen[str]", life: float, found: Found) -> None:
    """One sealer, killed `life` seconds after its birth."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    lines = []
    while not lines or not lines[-1].startswith("child"):
        lines.append(process.stdout.readline())
    time.sleep(life)
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(lines[-1].split()[1]), 9)
    while not lines[-1].startswith("ended"):
        lines.append(process.stdout.readline())
    found.kills += 1
    for line in lines:
        word, first, second = line.split()
        if word == "found":
            found.opened += 1
            found.phases[second] += 1
            if found.told and int(first) < max(found.told):
                found.lost.append(max(found.told))
        elif word == "block":
            if found.told.get(int(first), second) != second:
                found.lost.append(int(first))
            found.told[int(first)] = second
        elif word == "torn":
            found.torn.append(f"{first} {second}")


def verified(folder: Path, found: Found) -> tuple[int, Report]:
    """Every block that was told is there, and the whole chain is sound; the head and the report."""
    with opened(folder, KEEP) as made:
        for number, told in found.told.items():
            header = made.store.header(number)
            if header is None or header.hash.hex() != told:
                found.lost.append(number)
        return made.application.head.number, verify(made.store, genesis(RICH), PyEvm(), 0)


def main() -> int:
    """Exit code 0: nothing lost, nothing torn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20210310)
    parser.add_argument("--nurse", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.nurse is not None:
        nurse(arguments.nurse)
        return 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), arguments.times, arguments.seed)
        killing = time.monotonic() - started
        head, report = verified(Path(folder), found)
        size = (Path(folder) / "data.mdb").stat().st_size
    rows = {
        "killed": found.kills, "killed after the store was open and looked at": found.opened,
        "blocks told as committed": len(found.told), "height at the end": head,
        "committed blocks lost": len(found.lost), "torn stores found": len(found.torn),
        "phases of pruning found": ", ".join(f"{name} {count}" for name, count in sorted(found.phases.items())),
        "executed again at the end": f"{report.executed} blocks, {report.transactions} transactions",
        "data.mdb, bytes": size, "seconds of killing": round(killing),
        "seconds of verifying": round(time.monotonic() - started - killing),
    }  # fmt: skip
    for name, value in rows.items():
        click.echo(f"| {name} | {value} |")
    for what in found.torn:
        click.echo(what)
    return 1 if found.lost or found.torn else 0


if __name__ == "__main__":
    sys.exit(main())
