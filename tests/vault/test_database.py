import os
import sqlite3
from pathlib import Path

import pytest

from vault.database import Database
from vault.errors import StoreDamaged, StoreUnavailable

SCHEMA = "CREATE TABLE item(id INTEGER PRIMARY KEY, text TEXT);"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "items.db"


def filled(path: Path, rows: int = 1) -> Database:
    database = Database(path, SCHEMA, create=True)
    database.execute_many("INSERT INTO item VALUES (?, ?)", [(i, "x" * 500) for i in range(rows)])
    return database


def test_rows_survive_and_the_file_is_private(path: Path) -> None:
    filled(path).close()
    database = Database(path, "")
    assert database.value("SELECT count(*) FROM item") == 1
    assert database.value("SELECT id FROM item WHERE id = 9") is None
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    database.close()


def test_a_commit_is_durable_and_deletes_overwrite(path: Path) -> None:
    database = filled(path)
    assert database.value("PRAGMA synchronous") == 2
    assert database.value("PRAGMA secure_delete") == 1
    assert database.value("PRAGMA journal_mode") == "wal"
    database.close()


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    database = filled(path)

    def insert_twice() -> None:
        with database.transaction():
            database.execute("INSERT INTO item VALUES (5, 'five')")
            database.execute("INSERT INTO item VALUES (0, 'again')")

    with pytest.raises(sqlite3.IntegrityError):
        insert_twice()
    assert database.value("SELECT count(*) FROM item") == 1
    database.close()


def test_an_existing_file_is_not_made_anew(path: Path) -> None:
    filled(path).close()
    with pytest.raises(StoreUnavailable, match="DATABASE_EXISTS"):
        Database(path, SCHEMA, create=True)


def test_a_missing_file_is_not_made_silently(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="DATABASE_MISSING"):
        Database(path, SCHEMA)
    assert not path.exists()


def test_no_directory_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="DATABASE_READ_ONLY"):
        Database(tmp_path / "none" / "items.db", SCHEMA, create=True)


def test_a_file_that_cannot_be_written_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path).close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreUnavailable, match="DATABASE_READ_ONLY"):
        Database(path, "")


def test_bytes_that_are_no_database_say_so(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreDamaged, match="DATABASE_DAMAGED"):
        Database(path, "")


def test_a_cut_file_says_so_when_it_is_read(path: Path) -> None:
    database = filled(path, 400)
    database.checkpoint()
    database.close()
    os.truncate(path, 3 * 4096)
    with pytest.raises(StoreDamaged, match="DATABASE_DAMAGED"):
        Database(path, "").rows("SELECT * FROM item")


def test_a_checkpoint_empties_the_log(path: Path) -> None:
    database = filled(path, 40)
    log = path.with_name("items.db-wal")
    assert log.stat().st_size
    database.checkpoint()
    assert not log.stat().st_size
    database.close()


def test_a_checkpoint_that_a_reader_keeps_from_the_log_says_so(path: Path) -> None:
    database = filled(path, 40)
    database.execute("PRAGMA busy_timeout = 20")
    database.execute("UPDATE item SET text = 'a secret to be overwritten' WHERE id = 7")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM item").fetchone()
    database.execute("DELETE FROM item WHERE id = 7")
    log = path.with_name("items.db-wal")
    assert b"a secret to be overwritten" in log.read_bytes()
    with pytest.raises(StoreUnavailable, match="DATABASE_BUSY"):
        database.checkpoint()
    reader.close()
    database.checkpoint()
    assert not log.stat().st_size
    assert b"a secret to be overwritten" not in path.read_bytes()
    database.close()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("attempt to write a readonly database", "DATABASE_READ_ONLY"),
        ("database is locked", "DATABASE_BUSY"),
        ("database or disk is full", "DATABASE_FULL"),
        ("disk I/O error", "DATABASE_DAMAGED"),
    ],
)
def test_each_failure_of_the_engine_has_its_code(path: Path, text: str, code: str) -> None:
    database = filled(path)

    class Failing(sqlite3.Connection):
        def execute(self, *_: object) -> sqlite3.Cursor:
            raise sqlite3.OperationalError(text)

    real, database._connection = database._connection, Failing(":memory:")
    with pytest.raises((StoreUnavailable, StoreDamaged), match=code):
        database.execute("SELECT 1")
    database.close()
    real.close()
