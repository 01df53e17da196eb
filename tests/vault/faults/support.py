"""A vault with a history, what may and may not open in it, and what it says when something is wrong with its files."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from protocol.errors import TideprintError
from protocol.quantities import Day, SubjectId
from tests.vault.support import TODAY, options, seal_days
from vault import Cause, RecordId, Vault

KEYS, ROOT = "keys/keys.db", "keys/root.slot"
RECORDS, BLOCKS, IDENTITY = "records/records.db", "records/blocks.db", "identity/identity.db"
SIGNER = "records/certificate.key"
DATABASES = (KEYS, RECORDS, BLOCKS, IDENTITY)


@dataclass(slots=True)
class World:
    """A vault's directory, and what was acknowledged and erased in it."""

    home: Path
    people: dict[str, SubjectId] = field(default_factory=dict)
    kept: dict[RecordId, tuple[str, int]] = field(default_factory=dict)
    """Record -> whose, and its steps."""
    erased: list[RecordId] = field(default_factory=list)

    def enroll(self, vault: Vault, name: str) -> None:
        """Enrol somebody, and remember it."""
        self.people[name] = vault.identity.enroll(name, [name.encode().ljust(8)])

    def seal(self, vault: Vault, name: str, count: int, first: Day = TODAY) -> None:
        """Seal records of somebody, and remember what was acknowledged."""
        for at, record_id in enumerate(seal_days(vault, self.people[name], count, first)):
            self.kept[record_id] = (name, 1000 + at)

    def erase(self, vault: Vault, name: str) -> None:
        """Erase somebody for good."""
        vault.erase(self.people.pop(name), Cause.PURPOSE_ACHIEVED)
        self.gone(name)

    def gone(self, name: str) -> None:
        """Remember that somebody is erased."""
        self.erased += [record_id for record_id, (owner, _) in self.kept.items() if owner == name]
        self.kept = {record_id: entry for record_id, entry in self.kept.items() if entry[0] != name}

    def whole(self) -> None:
        """All that was acknowledged opens, nothing erased does, and the vault goes on working."""
        with Vault.open(self.home, options()) as vault:
            assert not vault.status().locked
            assert len(vault.identity) == len(self.people)
            for name, subject in self.people.items():
                assert vault.identity.subject_of(name) == subject
                assert vault.identity.subject_of_device(name.encode().ljust(8)) == subject
                found = {record.record_id for record in vault.records.records_of(subject)}
                assert found == {record_id for record_id, (owner, _) in self.kept.items() if owner == name}
            for record_id, (name, steps) in self.kept.items():
                opened = vault.records.open(record_id)
                assert (opened.subject, opened.record["steps"]) == (self.people[name], steps)
            self._nothing_erased_opens(vault)
            self.seal(vault, next(iter(self.people)), 1)

    def codes(self) -> set[str]:
        """What the vault says when it is opened and all of it is used; nothing erased opens, nothing else is raised,
        and every error has a hint. What does open is what was acknowledged."""
        said: set[str] = set()
        try:
            with Vault.open(self.home, options()) as vault:
                self._use(vault, said)
        except TideprintError as error:
            self._heard(error, said)
        return said

    def _use(self, vault: Vault, said: set[str]) -> None:
        for name, subject in self.people.items():
            self._try(lambda name=name: vault.identity.subject_of(name), said)
            self._try(lambda subject=subject: list(vault.records.records_of(subject)), said)
        for record_id, (name, steps) in self.kept.items():
            opened = self._try(lambda record_id=record_id: vault.records.open(record_id), said)
            if opened is not None:
                assert (opened.subject, opened.record["steps"]) == (self.people[name], steps)
        self._nothing_erased_opens(vault)

    def _try(self, work: Callable[[], object], said: set[str]) -> object:
        try:
            return work()
        except TideprintError as error:
            self._heard(error, said)
            return None

    def _heard(self, error: TideprintError, said: set[str]) -> None:
        assert error.hint
        said.add(error.code)

    def _nothing_erased_opens(self, vault: Vault) -> None:
        for record_id in self.erased:
            try:
                vault.records.open(record_id)
            except TideprintError:
                continue
            raise AssertionError("an erased record opened")


def lived(home: Path) -> World:
    """A vault with three people who stay, in two months, and one who was erased."""
    world = World(home)
    with Vault.create(home, options()) as vault:
        for name in ("anna", "ben", "eve", "dora"):
            world.enroll(vault, name)
            world.seal(vault, name, 3)
        world.seal(vault, "anna", 2, Day(TODAY + 40))
        world.erase(vault, "eve")
    return world


def put_aside(home: Path, aside: Path) -> None:
    """A copy of everything, the root slot included, to bring back when the fault is over."""
    shutil.copytree(home, aside)


def bring_back(home: Path, aside: Path, *names: str) -> None:
    """Files and their logs from a copy; all of them if none is named."""
    for name in names or (*DATABASES, ROOT, SIGNER):
        for old in (home / name).parent.glob(Path(name).name + "*"):
            old.unlink()
        for file in (aside / name).parent.glob(Path(name).name + "*"):
            shutil.copy2(file, home / Path(name).parent / file.name)
