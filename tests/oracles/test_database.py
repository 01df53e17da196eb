"""The private file: what is deleted is gone from the log too, or it is said that it is not."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from oracles.database import Database
from oracles.errors import FileBusy
from oracles.spool import Spool
from protocol.quantities import SubjectId
from tests.oracles.core_support import House, Wearer

CANARY = b"canary of somebody who wants to be forgotten"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "file.db", "CREATE TABLE IF NOT EXISTS kept (data BLOB)")
    database.rows("PRAGMA busy_timeout = 20")
    with database.transaction() as write:
        write.execute("INSERT INTO kept VALUES (?)", (CANARY,))
    yield database
    database.close()


def forget(database: Database) -> None:
    with database.transaction() as write:
        write.execute("DELETE FROM kept")
    database.scrub()


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("file.db*"))


def reading(path: Path) -> sqlite3.Connection:
    """Somebody in the middle of reading."""
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    return reader


def test_nothing_deleted_survives_in_file_or_log(database: Database, tmp_path: Path) -> None:
    assert CANARY in on_disk(tmp_path)
    forget(database)
    assert CANARY not in on_disk(tmp_path)


def test_a_reader_who_keeps_the_log_alive_is_not_passed_over(database: Database, tmp_path: Path) -> None:
    with closing(reading(tmp_path / "file.db")):
        with pytest.raises(FileBusy, match="STORE_BUSY"):
            forget(database)
        assert CANARY in on_disk(tmp_path)
    database.scrub()
    assert CANARY not in on_disk(tmp_path)


def test_no_store_calls_itself_erased_while_its_log_is_in_use(tmp_path: Path) -> None:
    house = House(tmp_path)
    wearer: Wearer = house.wearers(1)[0]
    house.ledger.credit(wearer.subject, house.spool.days()[0], 7, 1, 5)
    for store, name in ((house.spool, "spool.db"), (house.ledger, "ledger.db")):
        _hasty(store)
        with closing(reading(tmp_path / name)), pytest.raises(FileBusy, match="STORE_BUSY"):
            store.erase(wearer.subject)
        assert store.erase(wearer.subject) == 0
        assert not store.holds(wearer.subject)
    house.close()


def test_closing_does_not_wait_for_a_reader(tmp_path: Path) -> None:
    house = House(tmp_path)
    _hasty(house.spool)
    house.wearers(1)
    with closing(reading(tmp_path / "spool.db")):
        house.close()
    again = Spool(tmp_path / "spool.db", house.seal)
    assert not again.holds(SubjectId(bytes(16)))
    again.close()


def _hasty(store: object) -> None:
    """Give up at once instead of after five seconds."""
    database: Database = getattr(store, "database", None) or store._database  # type: ignore[attr-defined]
    database.rows("PRAGMA busy_timeout = 20")
