"""The raw bytes of a disk; where no disk can be made it is said, and counted as not run."""

import os
from pathlib import Path

import pytest

import vault.proof.image
from tests.vault.support import options
from vault import Vault, VaultOptions
from vault.errors import RootRefused, StoreUnavailable
from vault.proof.checks import Outcome
from vault.proof.host import host_check
from vault.proof.image import image_check
from vault.proof.mounts import SIZES, count_in_image, mounted


@pytest.mark.parametrize("kind", sorted(SIZES))
def test_no_canary_is_left_on_the_disk(kind: str) -> None:
    check = image_check(kind)
    if check.outcome is Outcome.NOT_RUN:
        pytest.skip(check.why)
    assert (check.outcome, check.found) == (Outcome.HOLDS, 0), check
    assert (check.caught, check.planted) == (4, 4)


def test_a_canary_that_is_left_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial itself on the trial: with a vault that leaves a root secret in a file, it fails."""
    seen: list[bytes] = []
    roots = vault.proof.image._roots

    def leaking(home: Path) -> dict[str, bytes]:
        found = roots(home)
        if not seen:
            seen.extend(found.values())
            (home.parent / "forgotten copy").write_bytes(seen[0])
        return found

    monkeypatch.setattr(vault.proof.image, "_roots", leaking)
    check = image_check("ext4")
    if check.outcome is Outcome.NOT_RUN:
        pytest.skip(check.why)
    assert check.outcome is Outcome.FAILED


def test_a_disk_that_keeps_a_journal_of_data_is_refused(tmp_path: Path) -> None:
    try:
        with mounted("ext4", tmp_path, "data=journal") as (place, _):
            with pytest.raises(RootRefused, match="ROOT_REMNANTS"):
                Vault.create(place / "vault", VaultOptions())
            Vault.create(place / "again", options()).close()
    except StoreUnavailable as error:
        pytest.skip(str(error))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_mounted_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert image_check("ext4").outcome is Outcome.NOT_RUN
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    check = image_check("ext4", tmp_path)
    assert (check.outcome, check.why) == (Outcome.NOT_RUN, "IMAGE_IMPOSSIBLE: only root mounts file systems")
    assert image_check("floppy").outcome is Outcome.NOT_RUN


def test_only_what_was_written_is_read(tmp_path: Path) -> None:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.write(b"canary")
        file.seek(2**30)
        file.write(b"another canary")
    assert count_in_image(tmp_path, image, {"a": b"canary", "b": b"none"}) == {"a": 2, "b": 0}


def test_swap_on_a_disk_is_a_finding(tmp_path: Path) -> None:
    swaps, pattern = tmp_path / "swaps", tmp_path / "core_pattern"
    pattern.write_text("core\n")
    for text, outcome in (("", Outcome.HOLDS), ("/dev/zram0 x\n", Outcome.HOLDS), ("/dev/sda2 x\n", Outcome.FAILED)):
        swaps.write_text("Filename Type\n" + text)
        assert host_check(swaps, pattern).outcome is outcome
    assert host_check(tmp_path / "none", pattern).outcome is Outcome.NOT_RUN
