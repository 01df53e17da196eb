"""Which rows changed: a journal in each database, written by triggers, so that a backup can ship changes only.

`change` holds a number that only grows, the table and the primary key of a row that was written or deleted; never the
row itself. Shipping reads the row as it is then, or its absence. Applying is idempotent: replace by key, or delete.
"""

# ruff: noqa: S608  tables and columns come from the schema of the file itself

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from vault.database import Database

JOURNAL = "change"
SCHEMA = f"CREATE TABLE IF NOT EXISTS {JOURNAL}(number INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT, row);"
MISSING = (
    "SELECT count(*) FROM sqlite_master t WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'change'"
    " AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = 'change_' || t.name || '_insert')"
)
_EVENTS = {"INSERT": "NEW.", "UPDATE": "NEW.", "DELETE": "OLD."}


def install_journal(database: Database) -> None:
    """Give every table of a database its triggers. A table that is new since the last time counts as changed."""
    if database.rows(MISSING) == [(0,)]:
        return
    with database.transaction():
        begun = database.value("SELECT 1 FROM sqlite_master WHERE name = ?", (JOURNAL,)) is not None
        database.execute(SCHEMA)
        known = {name for (name,) in database.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
        for table in tables_of(database):
            if f"{JOURNAL}_{table}_insert" in known:
                continue
            for event, row in _EVENTS.items():
                insert = f"INSERT INTO {JOURNAL}(source, row) VALUES ('{table}', {_key(database, table, row)})"
                name = f"{JOURNAL}_{table}_{event.lower()}"
                database.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {insert}; END")
            if begun:
                key = _key(database, table)
                database.execute(f"INSERT INTO {JOURNAL}(source, row) SELECT '{table}', {key} FROM {table}")


def prune_journal(database: Database, mark: int) -> None:
    """Forget the changes up to a mark: every backup that starts there has them."""
    with database.transaction():
        database.execute(f"DELETE FROM {JOURNAL} WHERE number <= ?", (mark,))


def tables_of(database: Database) -> list[str]:
    """The tables that hold something of the store itself."""
    found = database.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return sorted(name for (name,) in found if name != JOURNAL)


def mark_of(database: Database) -> int:
    """The number of the last change."""
    return int(database.value(f"SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{JOURNAL}'") or 0)


def changes_since(database: Database, mark: int) -> Iterator[list[Any]]:
    """[table, key, values or None if deleted] of every row changed after a mark, as JSON holds it."""
    query = f"SELECT DISTINCT source, row FROM {JOURNAL} WHERE number > ? ORDER BY source"
    for table, key in database.rows(query, (mark,)):
        rows = database.rows(f"SELECT * FROM {table} WHERE {_key(database, table)} = ?", (key,))
        yield [table, _shown(key), [_shown(value) for value in rows[0]] if rows else None]


def apply_changes(database: Database, changes: Iterable[list[Any]]) -> None:
    """Write changed rows over what is there, in one commit."""
    with database.transaction():
        for table, key, values in changes:
            database.execute(f"DELETE FROM {table} WHERE {_key(database, table)} = ?", (_read(key),))
            if values is not None:
                places = ", ".join("?" for _ in values)
                database.execute(f"INSERT INTO {table} VALUES ({places})", [_read(value) for value in values])


def _key(database: Database, table: str, row: str = "") -> str:
    """The expression of a table's primary key."""
    facts = database.rows(f"PRAGMA table_info({table})")
    columns = [row + name for _, (_, name, _, _, _, place) in sorted((f[5], f) for f in facts) if place]
    if not columns:
        return f"{row}rowid"
    return columns[0] if len(columns) == 1 else " || ',' || ".join(f"quote({column})" for column in columns)


def _shown(value: Any) -> Any:
    return {"b": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _read(value: Any) -> Any:
    return base64.b64decode(value["b"]) if isinstance(value, dict) else value
