"""SIGKILL a process that seals and erases, at random moments; what it acknowledged must hold."""

import random
import subprocess
import sys
import time
from pathlib import Path

from tests.vault.support import options
from vault import RecordId, State, Vault

KILLS = 15
WRITER = """
import random, sys
from pathlib import Path
from protocol.records import RecordKind
from tests.vault.support import TODAY, options
from vault import Cause, Draft, Vault

rng = random.Random(sys.argv[2])
with Vault.open(Path(sys.argv[1]), options()) as vault:
    vault.erasures.resume()
    names = {f"p{sys.argv[2]}-{i}": vault.identity.enroll(f"p{sys.argv[2]}-{i}", []) for i in range(3)}
    while True:
        name, subject = rng.choice(list(names.items()))
        drafts = [Draft(subject, RecordKind.DAY, TODAY, {"steps": i}) for i in range(rng.randrange(1, 4))]
        receipts = vault.records.seal_many(drafts)
        print("sealed", name, *(receipt.record_id for receipt in receipts), flush=True)
        if rng.random() < 0.4:
            print("try", name, flush=True)
            vault.erase(subject, Cause.ERASURE_REQUEST, identity_verified=True)
            print("erased", name, flush=True)
            names[name] = vault.identity.enroll(name, [])
"""


def test_whatever_the_moment_of_the_kill(home: Path) -> None:
    Vault.create(home, options()).close()
    rng, erased = random.Random(5), 0
    sealed: dict[str, list[str]] = {}
    tried: set[str] = set()
    for kill in range(KILLS):
        for word, name, *ids in killed_writer(home, kill, rng.randrange(8, 20), rng.random() * 0.02):
            if word == "sealed":
                sealed.setdefault(name, []).extend(ids)
            elif word == "try":
                tried.add(name)
            else:
                tried.discard(name)
                sealed.pop(name)
                erased += 1
        with Vault.open(home, options()) as vault:
            check(vault, sealed, tried)
            tried.clear()
    assert sealed
    assert erased >= KILLS


def killed_writer(home: Path, seed: int, lines: int, more: float) -> list[list[str]]:
    """The words of a writer that is killed some seconds after it wrote this many lines."""
    command = [sys.executable, "-c", WRITER, str(home), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = "".join(process.stdout.readline() for _ in range(lines))
        time.sleep(more)
        process.kill()
        rest = process.stdout.read()
    whole = (first + rest).splitlines(keepends=True)
    return [line.split() for line in whole if line.endswith("\n")]


def check(vault: Vault, sealed: dict[str, list[str]], tried: set[str]) -> None:
    """Acknowledged records open, unless their erasure had begun; every erasure begun can be ended."""
    assert not vault.status().locked
    assert vault._root.epochs()[0] == vault._keys.epoch
    for erasure in vault.erasures.unfinished():
        assert vault.erasures.run(erasure.id, identity_verified=True).state is State.CERTIFIED
    for name in list(sealed):
        subject = vault.identity.subject_of(name)
        if name in tried and (subject is None or not list(vault.records.records_of(subject))):
            sealed.pop(name)
            continue
        for record_id in sealed[name]:
            assert vault.records.open(RecordId(record_id)).subject == subject
    assert vault.status().records == sum(len(list(vault.records.records_of(subject))) for subject in vault._directory)
