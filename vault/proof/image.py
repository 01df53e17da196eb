"""The trial on a raw disk: a vault on a file system of its own, canaries searched in its bytes before and after.

What must never be on the disk in the clear (records, salts, pseudonym, person, record keys) is searched before and
after. Root secrets are on it while they live and must be gone when they are dead: that is the erasure. The controls are
found: the live root secret before, a file deleted as files are, and secrets replaced by writing anew and renaming.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from protocol.calendar import day_of
from protocol.canonical import canonical
from protocol.quantities import Day, SubjectId
from protocol.records import RecordKind
from vault import Vault, VaultOptions
from vault.envelope import Draft
from vault.errors import RootRefused, StoreUnavailable
from vault.files import ROOT_FILE
from vault.forgetting import derive
from vault.proof.checks import Check, not_run
from vault.proof.mounts import SIZES, count_in_image, mounted
from vault.roots import read_slots
from vault.sagas import Cause

RECORDS, NEIGHBOURS, ROTATIONS, SECRET = 10, 2, 20, 32
ATTACK = (
    "A vault is made on a fresh file system, people are enrolled, one is erased, more epochs follow; the raw bytes of "
    "the device are searched for records, salts, pseudonym, person, record keys and every dead root secret."
)
CONTROL = (
    "The live root secret before the erasure, a deleted file with other canaries, and root secrets replaced by writing "
    "a new file and renaming it, are found in the same bytes."
)


def image_check(kind: str, folder: Path | None = None) -> Check:
    """The trial on one kind of file system (a key of `SIZES`)."""
    name = f"raw image, {kind}"
    if kind not in SIZES:
        return not_run(name, ATTACK, f"one of: {', '.join(SIZES)}")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        try:
            with mounted(kind, Path(scratch)) as (place, image):
                return _trial(name, place, image)
        except (StoreUnavailable, RootRefused) as error:
            return not_run(name, ATTACK, f"{error.code}: {error.message}")


def _trial(name: str, place: Path, image: Path) -> Check:
    controls = _controls(place)
    planted = count_in_image(place, image, controls)
    home = place / "vault"
    with Vault.create(home, VaultOptions()) as vault:
        secret = _filled(vault)
        roots = _roots(home)
        before = count_in_image(place, image, {**secret, **roots})
        vault.erase(_victim(vault), Cause.CONTRACT_END)
        for _ in range(ROTATIONS):
            roots |= _roots(home)
            vault.refresh()
        live = _roots(home)
        dead = {label: value for label, value in roots.items() if label not in live}
        after = count_in_image(place, image, {**secret, **dead, **live})
    closed = count_in_image(place, image, {**secret, **dead})
    found = sum(before[label] + after[label] + closed[label] for label in secret)
    found += sum(after[label] + closed[label] for label in dead)
    caught = [any(before[label] for label in dead if label in before), all(after[label] for label in live)]
    caught += [any(planted[label] for label in controls if label.startswith(kind)) for kind in ("deleted", "renamed")]
    left = sum(bool(planted[label]) for label in controls if label.startswith("renamed"))
    note = (
        f"{len(secret)} canaries and {len(dead)} dead root secrets searched in an image of {image.stat().st_size} "
        f"bytes; of {ROTATIONS} secrets replaced by renaming {left} stayed"
    )
    return Check(name, ATTACK, found, CONTROL, sum(caught), len(caught), note)


def _controls(place: Path) -> dict[str, bytes]:
    """What a disk keeps that was handled as files usually are."""
    renamed = {f"renamed {i}": value for i, value in enumerate(_rename_secrets(place))}
    return renamed | {f"deleted {i}": value for i, value in enumerate(_delete_files(place))}


def _filled(vault: Vault) -> dict[str, bytes]:
    """A victim and neighbours with records; what must not be on the disk."""
    today = day_of(vault.clock())
    canaries: dict[str, bytes] = {}
    for name in ("victim", *(f"neighbour {i}" for i in range(NEIGHBOURS))):
        person = f"{name} {os.urandom(8).hex()}"
        subject = vault.identity.enroll(person, [os.urandom(16)])
        drafts = [
            Draft(subject, RecordKind.DAY, Day(today - i * 7), {"note": os.urandom(16).hex(), "steps": i})
            for i in range(RECORDS)
        ]
        vault.records.seal_many(drafts)
        derived = derive((), vault.directory)
        canaries |= {f"{name} person": person.encode(), f"{name} subject": subject}
        for found in vault.records.records_of(subject):
            canaries[f"{name} salt {found.record_id}"] = found.opening.salt
            canaries[f"{name} salt text {found.record_id}"] = found.opening.salt.hex().encode()
            canaries[f"{name} record {found.record_id}"] = canonical(found.record)
            keys = derived.keys_at(found.record_id)
            canaries |= {f"{name} key {found.record_id} {i}": key for i, key in enumerate(sorted(keys))}
    return canaries


def _victim(vault: Vault) -> SubjectId:
    return next(each for each in vault.identity if vault.identity.person_of(each).startswith("victim"))


def _roots(home: Path) -> dict[str, bytes]:
    return {f"root {epoch}": secret for epoch, (_, _, secret) in read_slots((home / ROOT_FILE).read_bytes()).items()}


def _delete_files(place: Path) -> Iterator[bytes]:
    for number in range(3):
        value = os.urandom(SECRET)
        _write(place / f"deleted.{number}", value)
        (place / f"deleted.{number}").unlink()
        yield value


def _rename_secrets(place: Path) -> Iterator[bytes]:
    """The root slot as it must not be done."""
    for _ in range(ROTATIONS):
        value = os.urandom(SECRET)
        _write(place / "root.new", value)
        (place / "root.new").rename(place / "root.slot")
        yield value
    (place / "root.slot").unlink()


def _write(path: Path, value: bytes) -> None:
    with path.open("wb") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
