"""Random histories with backups at random moments: what was not erased comes back, what was erased does not."""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.quantities import SubjectId
from tests.vault.backup.support import backup, lose, opened, restored
from tests.vault.support import options, scratch, seal_days
from vault import Cause, RecordId, Vault
from vault.backup import BackupLedger
from vault.config import BackupSettings, VaultSettings

ACTS = st.lists(
    st.tuples(st.sampled_from(["enrol", "seal", "erase", "refresh", "full", "changes"]), st.integers(0, 5)),
    min_size=2,
    max_size=14,
)


class History:
    """What a vault went through, and what should be in it."""

    def __init__(self, vault: Vault, home: Path, out: Path) -> None:
        self.vault, self.home, self.out = vault, home, out
        self.living: dict[SubjectId, list[RecordId]] = {}
        self.dead: list[RecordId] = []
        self.taken = [backup(home, out).manifest.epoch]

    def act(self, what: str, which: int) -> None:
        chosen = sorted(self.living)[which] if which < len(self.living) else None
        if what == "enrol":
            subject = self.vault.identity.enroll(f"p{len(self.living)}-{len(self.dead)}-{which}-{time.time_ns()}", [])
            self.living[subject] = seal_days(self.vault, subject, 1)
        elif what == "seal" and chosen:
            self.living[chosen] += seal_days(self.vault, chosen, which + 1)
        elif what == "erase" and chosen:
            self.vault.erase(chosen, Cause.PURPOSE_ACHIEVED)
            self.dead += self.living.pop(chosen)
        elif what == "refresh":
            self.vault.refresh(every=which % 2 == 0)
        elif what in ("full", "changes"):
            self.save(None if what == "full" else self.taken[-1 - which % min(2, len(self.taken))])

    def save(self, since: int | None) -> None:
        self.taken.append(backup(self.home, self.out, since).manifest.epoch)
        if since is None:
            self.taken = self.taken[-1:]

    def check(self, vault: Vault) -> None:
        assert len(vault.identity) == len(self.living)
        for subject, ids in self.living.items():
            assert [found.record_id for found in vault.records.records_of(subject)] == ids
        rows = vault.status().records
        assert rows == sum(len(ids) for ids in self.living.values())


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(ACTS)
def test_any_history_comes_back_without_the_erased(acts: list[tuple[str, int]]) -> None:
    with scratch() as folder:
        home, out = folder / "vault", folder / "out"
        with Vault.create(home, options()) as vault:
            history = History(vault, home, out)
            for what, which in acts:
                history.act(what, which)
            history.save(history.taken[-1])
        lose(home)
        restored(home, out)
        with opened(home) as vault:
            history.check(vault)


def test_a_replica_has_every_epoch_before_its_old_root_is_destroyed(tmp_path: Path) -> None:
    home, replica = tmp_path / "vault", tmp_path / "replica"
    replica.mkdir()
    settled = VaultSettings(backup=BackupSettings(replica))
    with Vault.create(home, options(settings=settled)) as vault:
        history = History(vault, home, replica)
        for act in (("enrol", 0), ("enrol", 1), ("erase", 0), ("enrol", 2), ("refresh", 0)):
            history.act(*act)
        assert vault.status().recovery_debt == 0
        shutil.move(replica, tmp_path / "away")
        vault.refresh()
        assert vault.status().recovery_debt == 1
        shutil.move(tmp_path / "away", replica)
        vault.refresh()
        assert vault.status().recovery_debt == 0
    lose(home)
    restored(home, replica)
    with opened(home) as vault:
        history.check(vault)


def test_a_backup_killed_before_it_was_entered_stops_no_later_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with Vault.create(home, options()):
        with monkeypatch.context() as patched:
            patched.setattr(BackupLedger, "add", killed)
            with pytest.raises(KeyboardInterrupt):
                backup(home, tmp_path)
        last = backup(home, tmp_path)
    assert last.manifest.number == 2
    assert len(list(tmp_path.glob("*.backup"))) == 2


KILLED = """
import sys
from pathlib import Path
from tests.vault.backup.support import backup, restored
print("ready", flush=True)
home, out = Path(sys.argv[2]), Path(sys.argv[3])
for _ in range(1000):
    backup(home, out) if sys.argv[1] == "backup" else restored(home, out, replace=True)
"""


def kill(what: str, home: Path, out: Path, after: float) -> None:
    command = [sys.executable, "-c", KILLED, what, str(home), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(after)
        process.kill()


def test_a_killed_backup_leaves_whole_backups_only_and_the_vault_alone(home: Path, tmp_path: Path) -> None:
    rng, out = random.Random(4), tmp_path / "out"
    with Vault.create(home, options()) as vault:
        history = History(vault, home, out)
        for number in range(6):
            history.act("enrol", number)
            kill("backup", home, out, 0.05 + rng.random() * 0.1)
            history.act("seal", 0)
        last = backup(home, out)
        assert not list(out.glob("*.part"))
        for file in list(out.glob("*.backup")):
            if file != last.path:
                file.unlink()
    lose(home)
    restored(home, out)
    with opened(home) as vault:
        history.check(vault)


def test_a_killed_restore_is_repeated(home: Path, tmp_path: Path) -> None:
    rng, out = random.Random(4), tmp_path / "out"
    with Vault.create(home, options()) as vault:
        history = History(vault, home, out)
        for number in range(4):
            history.act("enrol", number)
        history.act("erase", 1)
        history.save(0)
    for _ in range(6):
        kill("restore", home, out, 0.02 + rng.random() * 0.1)
    restored(home, out, replace=True)
    with opened(home) as vault:
        history.check(vault)
