"""A copy of every oracle file made before an erasure: with everything that is live afterwards, it tells nothing.

The attacker has the copy, every key that is still there, the software itself, and the erased person's shoes, days and
pseudonym to try out. The same attack before the erasure must find all of it, or it would prove nothing.
"""

import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from oracles.errors import OracleError
from oracles.ledger import Ledger
from oracles.pending import PendingReference
from oracles.register import ShoeRegister
from oracles.sealing import ErasableSeal
from oracles.spool import Spool
from protocol.errors import TideprintError
from protocol.quantities import Day, DeviceId, Reference, SubjectId
from protocol.records import Origin
from protocol.references import Kind
from tests.oracles.core_support import DAY, MORNING_MS, RULES, House, Wearer, digest, resigned

LONG_WALK = (110,) * 30
NEXT = Day(DAY + 1)
REQUEST = b"request of ann.."
FILES = ("spool.db", "ledger.db", "shoes.db")


class Place:
    """An oracle with five people in every table of every file; the first is to be forgotten."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder / "live")
        self.worn: dict[DeviceId, SubjectId] = {}
        self.shoes = ShoeRegister(folder / "live" / "shoes.db", self.house.seal, self.worn.get)
        self.folder = folder
        self.people = self.house.wearers(5, LONG_WALK)
        self.ann = self.people[0]
        for person in self.people:
            self.enroll(person)
        house = self.house
        house.issuer.open_series(RULES_SERIES)
        house.oracle.close_day(DAY)
        house.issuer.collect(self.ann.subject, RULES_SERIES, REQUEST, [5])
        house.builder.build(Kind.READING, DAY)
        self.open_minutes = self.ann.walk(at_ms=MORNING_MS + 86_400_000)
        house.oracle.accept(self.open_minutes)
        self.twin = resigned(self.ann.shoes.left, self.open_minutes[0])
        house.oracle.accept([self.twin])
        house.spool.begin_sealing([self.ann.subject], NEXT, Origin.IMPORTED)
        house.builder.add(
            [PendingReference(Kind.READING, Reference(digest(b"not in a batch")), self.ann.subject, "waits of ann")]
        )

    def enroll(self, wearer: Wearer) -> None:
        for shoe in wearer.enrolled():
            self.worn[shoe.device] = wearer.subject
            self.shoes.enroll(shoe)

    def copy(self, name: str) -> Path:
        """All oracle files as they are on the disk now, logs included."""
        copied = self.folder / name
        copied.mkdir()
        for file in FILES:
            for path in (self.folder / "live").glob(f"{file}*"):
                if not path.name.endswith("-shm"):
                    shutil.copy(path, copied)
        return copied

    def erase(self) -> None:
        """Keys first, as the vault does it."""
        self.house.tag_keys.erased.add(self.ann.subject)
        for device in [device for device, subject in self.worn.items() if subject == self.ann.subject]:
            del self.worn[device]
        for store in (self.house.spool, self.house.issuer, self.shoes):
            assert store.holds(self.ann.subject)
            assert store.erase(self.ann.subject) > 0
            assert not store.holds(self.ann.subject)

    def live_keys(self) -> list[bytes]:
        """What is there to open rows with, the key of a person enrolled later included."""
        people = [*(person.subject for person in self.people), SubjectId(b"somebody later..")]
        return [key for key in map(self.house.tag_keys, people) if key is not None]

    def close(self) -> None:
        self.house.close()
        self.shoes.close()


RULES_SERIES = 202_611_000 + RULES.denomination


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "live").mkdir()
    place = Place(tmp_path)
    yield place
    place.close()


def canaries(ann: Wearer, place: Place) -> dict[str, bytes]:
    """Bytes that would give somebody away."""
    left, right = ann.shoes.left, ann.shoes.right
    minute = place.open_minutes[0]
    return {
        "left shoe": left.key.device,
        "right shoe": right.key.device,
        "public key": left.key.public_bytes[1:33],
        "pair": left.identity.pair,
        "signed minute": minute.raw,
        "signature": minute.signature,
        "refused minute": place.twin.signature,
        "chain": minute.record.previous,
        "start": struct.pack(">q", MORNING_MS + 86_400_000)[2:],
        "record id": b"waits of ann",
        "request": REQUEST,
    }


def scanned(folder: Path, sought: dict[str, bytes]) -> set[str]:
    files = b"".join(path.read_bytes() for path in folder.iterdir())
    return {name for name, needle in sought.items() if needle in files}


def attacked(copied: Path, place: Place, keys: Iterable[bytes]) -> set[str]:
    """What each key, tried as if it were the person's, gets out of a copy."""
    found: set[str] = set()
    for number, key in enumerate(keys):
        tried = copied.with_name(f"{copied.name} {number}")
        shutil.copytree(copied, tried)
        found |= _opened(tried, place.ann, _taken(key))
        shutil.rmtree(tried)
    return found


def _taken(key: bytes) -> ErasableSeal:
    return ErasableSeal(lambda _: key)


def _opened(folder: Path, ann: Wearer, seal: ErasableSeal) -> set[str]:
    spool, ledger = Spool(folder / "spool.db", seal), Ledger(folder / "ledger.db", seal)
    shoes = ShoeRegister(folder / "shoes.db", seal, lambda _: ann.subject)
    subject, device = ann.subject, ann.shoes.left.key.device
    attempts: dict[str, Callable[[], object]] = {
        "shoe": lambda: shoes.find(device),
        "chain": lambda: spool.state(subject, device),
        "clock": lambda: spool.clock(subject, device, 1),
        "minutes": lambda: spool.waiting(subject, NEXT),
        "refused": lambda: spool.refused(subject, NEXT),
        "number": lambda: spool.held(subject, device, 31),
        "open day": lambda: subject in spool.subjects_on(NEXT),
        "begun": lambda: subject in spool.begin_sealing([subject], NEXT, Origin.IMPORTED),
        "paid day": lambda: ledger.is_paid(subject, DAY),
        "carried": lambda: ledger.carried(subject),
        "vouchers": lambda: ledger.collectable(subject),
        "request": lambda: not _is_new(ledger, subject),
        "queued record": lambda: _of(spool.database, subject, seal, "root IS NULL"),
        "placed record": lambda: _of(spool.database, subject, seal, "root IS NOT NULL"),
    }
    found = {name for name, attempt in attempts.items() if _succeeds(attempt)}
    for store in (spool, ledger, shoes):
        assert store.holds(subject), "the copy must hold what is sought"
        store.close()
    return found


def _succeeds(attempt: Callable[[], object]) -> bool:
    try:
        return bool(attempt())
    except OracleError as error:
        if error.code != "ROW_DAMAGED":
            raise
        return False


def _is_new(ledger: Ledger, subject: SubjectId) -> bool:
    """Does the ledger fail to recognise a request that was made?"""
    try:
        ledger.reserve(subject, RULES_SERIES, REQUEST, bytes(32), 1)
    except TideprintError as error:
        return error.code != "REQUEST_CHANGED"
    return True


def _of(database: object, subject: SubjectId, seal: ErasableSeal, which: str) -> bool:
    """Can a content of the person's pending rows be opened?"""
    rows = database.rows(f"SELECT reference, content FROM pending WHERE subject = ? AND {which}", (subject,))  # type: ignore[attr-defined]
    return bool(rows) and all(seal.open(subject, content, b"spool/pending/" + reference) for reference, content in rows)


EVERYTHING = {
    "shoe", "chain", "clock", "minutes", "refused", "number", "open day", "begun", "paid day", "carried", "vouchers",
    "request", "queued record", "placed record",
}  # fmt: skip


def test_a_copy_from_before_an_erasure_opens_with_no_key_that_is_left(place: Place) -> None:
    old = place.copy("old")
    assert attacked(old, place, place.live_keys()) == EVERYTHING
    place.erase()
    assert attacked(old, place, place.live_keys()) == set()


def test_no_bytes_of_a_person_stand_readable_in_any_file(place: Place, tmp_path: Path) -> None:
    sought = canaries(place.ann, place)
    planted = tmp_path / "planted"
    planted.mkdir()
    for name, needle in sought.items():
        (planted / name).write_bytes(b"around " + needle + b" it")
    assert scanned(planted, sought) == set(sought)
    assert scanned(place.copy("old"), sought) == set()


def test_rows_name_days_by_marks_only(place: Place) -> None:
    """No integer of a person's rows is a day, a time or a count; the same look finds the day in `frozen`."""
    old = place.copy("old")
    assert DAY in {value for row in _rows(old, "frozen", None) for value in row}
    numbers = {value for row in _all_rows(old, place.ann.subject) for value in row if isinstance(value, int)}
    assert numbers == {1, int(Kind.READING)}, "sealed, kind"


def test_the_same_shoes_under_a_new_pseudonym_share_nothing_with_the_old_copy(place: Place) -> None:
    first = place.copy("first")
    kept = _values(first, place.ann.subject)
    place.house.oracle.accept(place.ann.walk(at_ms=MORNING_MS + 90_000_000))
    assert len(kept & _values(place.copy("second"), place.ann.subject)) > 20, "marks of one person do match"
    place.erase()
    again = Wearer(SubjectId(b"a new pseudonym."), place.ann.shoes, place.ann.walker)
    place.enroll(again)
    again.enroll(place.house.register, place.house.intake)
    place.house.oracle.accept(again.walk(at_ms=MORNING_MS + 95_000_000))
    new = _values(place.copy("third"), again.subject)
    assert len(new) > 20
    assert not new & kept


def test_the_living_lose_nothing(place: Place) -> None:
    place.erase()
    ben = place.people[1]
    assert place.house.oracle.collectable(ben.subject) == {RULES_SERIES: 2}
    assert place.shoes.find(ben.enrolled()[0].device) == ben.enrolled()[0]
    assert place.house.issuer.issued(RULES_SERIES) == 1
    assert place.house.oracle.anchor().anchored[0].count == 15
    assert len(place.house.keeper.proofs) == 12


def test_nothing_is_written_of_somebody_whose_key_is_gone(place: Place) -> None:
    """Keys go first: until the stores follow, minutes are refused and days of others still close."""
    ann = place.ann
    place.house.tag_keys.erased.add(ann.subject)
    place.house.restart()
    assert place.shoes.find(ann.enrolled()[0].device) is not None, "a key in memory opens until it is dropped"
    place.house.seal.forget(ann.subject)
    with pytest.raises(OracleError, match="KEY_ERASED"):
        place.house.intake.synchronise(ann.enrolled()[0], 2, 0, 0)
    with pytest.raises(OracleError, match="KEY_ERASED"):
        place.house.ledger.credit(ann.subject, NEXT, 5, RULES_SERIES, 5)
    assert place.house.spool.days() == []
    assert place.house.oracle.close_day(NEXT).subjects == 0
    assert place.house.oracle.collectable(ann.subject) == {}
    assert place.house.spool.holds(ann.subject)


def _all_rows(folder: Path, subject: SubjectId) -> list[tuple[object, ...]]:
    tables = {
        "spool.db": ("device", "clock", "filed", "waiting", "refused", "sealing", "pending"),
        "ledger.db": ("paid", "balance", "entitlement", "request"),
        "shoes.db": ("device",),
    }
    found = [_rows(folder, table, subject, file) for file, names in tables.items() for table in names]
    return [row for rows in found for row in rows]


def _values(folder: Path, subject: SubjectId) -> set[bytes]:
    """Every byte string of a person's rows, without the pseudonym."""
    values = {value for row in _all_rows(folder, subject) for value in row if isinstance(value, bytes)}
    return values - {bytes(subject)}


def _rows(folder: Path, table: str, subject: SubjectId | None, file: str = "spool.db") -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / file)) as connection:
        if subject is None:
            return connection.execute(f"SELECT * FROM {table}").fetchall()
        return connection.execute(f"SELECT * FROM {table} WHERE subject = ?", (subject,)).fetchall()
