"""Full and read-only disks: a small file system in memory where we may mount one, a limit on file sizes elsewhere."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import TideprintError
from protocol.quantities import Day, SubjectId
from tests.vault.faults.support import lived
from tests.vault.support import TODAY, options
from vault import Cause, Vault

SIZE = "4m"
FULL = {"DATABASE_FULL", "ROOT_READ_ONLY"}
LIMITED = """
import resource, signal, sys
from pathlib import Path
from protocol.errors import TideprintError
from tests.vault.support import options, seal_days
from vault import Vault
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Vault.open(Path(sys.argv[1]), options()) as vault:
    anna = vault.identity.subject_of("anna")
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        while True:
            print(*seal_days(vault, anna, 20), flush=True)
    except TideprintError as error:
        print(error.code, bool(error.hint))
"""


def mounted(place: Path, settings: str) -> bool:
    """Mount a file system in memory, if we may."""
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", settings, "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    if os.geteuid() != 0 or not mounted(place, f"size={SIZE}"):
        pytest.skip("only root can mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """A file that leaves this many bytes free."""
    free = os.statvfs(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - leave)))
    return ballast


def code_of(error: TideprintError) -> str:
    """Its code; a hint has to be there."""
    assert error.hint
    return error.code


def code_of_erasing(vault: Vault, subject: SubjectId) -> str:
    """What an erasure says; empty if it was done."""
    try:
        vault.erase(subject, Cause.PURPOSE_ACHIEVED)
    except TideprintError as error:
        return code_of(error)
    return ""


@pytest.mark.parametrize("leave", [0, 8_192, 32_768, 65_536])
def test_a_full_disk_stops_sealing_and_enrolling(disk: Path, leave: int) -> None:
    world = lived(disk / "vault")
    with Vault.open(world.home, options()) as vault:
        ballast, said = fill(disk, leave), set()
        for attempt in range(40):
            try:
                world.seal(vault, "anna", 20, Day(TODAY + 100))
                world.enroll(vault, f"guest {attempt}")
            except TideprintError as error:
                said.add(code_of(error))
                break
        assert said <= FULL
        assert said
        for record_id in world.kept:
            assert vault.records.open(record_id)
        ballast.unlink()
        world.seal(vault, "ben", 1)
    world.whole()


@pytest.mark.parametrize("leave", range(0, 90_000, 30_000))
def test_a_full_disk_holds_an_erasure_up_and_no_more(disk: Path, leave: int) -> None:
    world = lived(disk / "vault")
    with Vault.open(world.home, options()) as vault:
        ballast = fill(disk, leave)
        said = code_of_erasing(vault, world.people["dora"])
        assert said in FULL | {""}
    ballast.unlink()
    with Vault.open(world.home, options()) as vault:
        vault.erasures.resume()
        if "dora" in world.people and vault.identity.subject_of("dora") is not None:
            vault.erase(world.people["dora"], Cause.PURPOSE_ACHIEVED)
    world.people.pop("dora")
    world.gone("dora")
    world.whole()


def test_a_full_disk_at_the_start(disk: Path) -> None:
    world = lived(disk / "vault")
    ballast = fill(disk, 0)
    assert world.codes() == {"DATABASE_FULL"}
    ballast.unlink()
    world.whole()


def test_a_disk_that_turns_read_only(disk: Path) -> None:
    world = lived(disk / "vault")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert world.codes() == {"VAULT_READ_ONLY"}
    subprocess.run(["mount", "-o", f"remount,rw,size={SIZE}", str(disk)], check=True)
    world.whole()


def test_a_limit_on_file_sizes(home: Path) -> None:
    world = lived(home)
    ran = subprocess.run([sys.executable, "-c", LIMITED, str(home)], capture_output=True, text=True, check=False)
    *sealed, last = ran.stdout.splitlines()
    assert last.split() == ["DATABASE_FULL", "True"], ran.stderr
    with Vault.open(home, options()) as vault:
        acknowledged = " ".join(sealed).split()
        assert [found.record_id for found in vault.records.records_of(world.people["anna"])][-len(acknowledged) :]
        for at, record_id in enumerate(acknowledged):
            world.kept[record_id] = ("anna", 1000 + at % 20)
    world.whole()


AS_NOBODY = """
import os, sys
from pathlib import Path
from protocol.errors import TideprintError
from tests.vault.support import options
from vault import Vault
Vault.open(Path(sys.argv[1]), options()).close()  # loads what nobody may not read
os.setgid(65534); os.setuid(65534)
try:
    Vault.open(Path(sys.argv[1]), options()).close()
    print("opened")
except TideprintError as error:
    print(error.code, bool(error.hint))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("part", "code"),
    [
        (".", "VAULT_READ_ONLY"), ("keys", "VAULT_READ_ONLY"), ("records", "DATABASE_READ_ONLY"),
        ("identity", "DATABASE_READ_ONLY"), ("keys/lock", "VAULT_READ_ONLY"), ("keys/root.slot", "ROOT_READ_ONLY"),
        ("keys/keys.db", "DATABASE_READ_ONLY"), ("records/records.db", "DATABASE_READ_ONLY"),
        ("records/blocks.db", "DATABASE_READ_ONLY"), ("identity/identity.db", "DATABASE_READ_ONLY"),
        ("records/certificate.key", "SERVICE_KEY_MISSING"),
    ],
)  # fmt: skip
def test_a_part_that_belongs_to_somebody_else(disk: Path, part: str, code: str) -> None:
    """All is nobody's but one part, which is root's."""
    for above in [disk, *(above for above in disk.parents if "pytest-of-" in str(above))]:
        above.chmod(0o755)
    world = lived(disk / "vault")
    for file in [world.home, *world.home.rglob("*")]:
        os.chown(file, 65534, 65534)
    os.chown(world.home / part, 0, 0)
    ran = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(world.home)], capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == [code, "True"], ran.stdout + ran.stderr
    os.chown(world.home / part, 65534, 65534)
    ran = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(world.home)], capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == ["opened"], ran.stdout + ran.stderr
    world.whole()
