"""Each database from an earlier moment, alone and together with others."""

import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from protocol.quantities import Day
from tests.vault.faults.support import BLOCKS, DATABASES, IDENTITY, KEYS, RECORDS, World, bring_back
from tests.vault.support import TODAY, options
from vault import Vault

LOCKED = "SERVICE_LOCKED_PENDING_REPLAY"
CHOICES = [set(names) for count in range(1, 5) for names in combinations(DATABASES, count)]


def erasing(world: World, vault: Vault) -> None:
    world.erase(vault, "dora")


def sealing(world: World, vault: Vault) -> None:
    world.seal(vault, "ben", 2)
    world.seal(vault, "anna", 1, Day(TODAY + 80))


def enrolling(world: World, vault: Vault) -> None:
    world.enroll(vault, "fay")


def went_on(world: World, tmp_path: Path, work: Callable[[World, Vault], None]) -> tuple[Path, Path]:
    """Copies from before and after some work."""
    before, after = tmp_path / "before", tmp_path / "after"
    shutil.copytree(world.home, before)
    with Vault.open(world.home, options()) as vault:
        work(world, vault)
    shutil.copytree(world.home, after)
    return before, after


def expected(work: Callable[[World, Vault], None], names: set[str]) -> str | None:
    """What is said; None where all that was acknowledged is there. Keys, and what counts them, of one moment and the
    same epoch are a restored backup: what was sealed or enrolled since is unknown, and nothing more can be told."""
    store = {sealing: RECORDS, enrolling: IDENTITY, erasing: None}[work]
    if work is erasing:
        return "ROOT_STALE" if KEYS in names else LOCKED if names - {BLOCKS} else None
    if KEYS in names:
        unknown = "RECORD_UNKNOWN" if work is sealing else "SUBJECT_UNKNOWN"
        return unknown if store in names else "KEYS_ROLLED_BACK"
    if store in names:
        return LOCKED
    return "BLOCK_MISSING" if work is sealing and BLOCKS in names else None


@pytest.mark.parametrize("work", [erasing, sealing, enrolling])
@pytest.mark.parametrize("names", CHOICES, ids=lambda names: "+".join(sorted(Path(name).stem for name in names)))
def test_from_before(world: World, tmp_path: Path, names: set[str], work: Callable[[World, Vault], None]) -> None:
    before, after = went_on(world, tmp_path, work)
    bring_back(world.home, before, *names)
    said = world.codes()
    code = expected(work, names)
    assert code in said if code else not said
    bring_back(world.home, after)
    world.whole()


@pytest.mark.parametrize("work", [sealing, enrolling])
def test_a_loss_can_be_accepted(world: World, tmp_path: Path, work: Callable[[World, Vault], None]) -> None:
    kept = list(world.kept)
    before, _ = went_on(world, tmp_path, work)
    bring_back(world.home, before, RECORDS if work is sealing else IDENTITY)
    with Vault.open(world.home, options()) as vault:
        assert vault.status().locked
        vault.replay()
        assert not vault.status().locked
    with Vault.open(world.home, options()) as vault:
        assert not vault.status().locked
        assert all(vault.records.open(record_id).subject for record_id in kept)
        for subject in (vault.identity.subject_of("anna"), vault.identity.subject_of("ben")):
            assert subject is not None
            assert len(list(vault.records.records_of(subject))) >= 3
