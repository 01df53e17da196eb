"""The vault's records against plain SQLite: sealing and putting, and reading."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.measuring import Against, Comparison, Result, Scale, Setting, by_turns, seconds
from bench.plain import PlainStores, PlainTable
from protocol.quantities import Day
from protocol.records import RecordKind
from vault import Draft, RecordId, Vault, VaultOptions

BENCH = "vault"
BLOCK = 1_024
RECORD = {"filling": "x" * 740}
"""With its salt and what goes with it, sealed into one block of 1 KiB."""
TODAY = Day(20_780)
PLAIN_COMMIT = 1_000
COMMITS = (100, 1_000)
SQLITE = f"SQLite, {PLAIN_COMMIT:,} a commit, not encrypted"


@dataclass(frozen=True, slots=True)
class _Sizes:
    subjects: int
    records: int
    """Sealed, inserted or read in a round."""


SIZES = {Scale.SMALL: _Sizes(20, 200), Scale.NORMAL: _Sizes(500, 4_000)}


def measure(setting: Setting) -> list[Result]:
    """Records a second, sealed and read."""
    sizes = SIZES[setting.scale]
    with _stores(setting) as (vault, table):
        subjects = [vault.identity.enroll(f"person {number}", []) for number in range(sizes.subjects)]
        drafts = [Draft(subjects[at % len(subjects)], RecordKind.DAY, TODAY, RECORD) for at in range(sizes.records)]
        rows = [os.urandom(BLOCK) for _ in range(sizes.records)]
        ids = [receipt.record_id for receipt in vault.records.seal_many(drafts)]
        table.insert(rows, PLAIN_COMMIT)
        results: list[Result] = []
        for commit in COMMITS:
            setting.say(f"sealing, {commit} a commit")
            results.append(_sealing(vault, table, drafts, rows, commit))
        setting.say("sealing, against the same rows")
        results.append(_same_rows(vault, setting, drafts))
        setting.say("reading")
        return [*results, _reading(vault, table, ids)]


@contextmanager
def _stores(setting: Setting) -> Iterator[tuple[Vault, PlainTable]]:
    with Vault.create(setting.folder / "vault", VaultOptions(allow_remnants=True)) as vault:
        table = PlainTable(setting.folder / "plain.db")
        try:
            yield vault, table
        finally:
            table.close()


def _sealing(vault: Vault, table: PlainTable, drafts: list[Draft], rows: list[bytes], commit: int) -> Result:
    ours, other = by_turns(
        lambda: len(drafts) / seconds(lambda: _seal(vault, drafts, commit)),
        lambda: len(rows) / seconds(lambda: table.insert(rows, PLAIN_COMMIT)),
    )
    what = f"seal and put 1 KiB, {commit:,} a commit"
    return Comparison(BENCH, what, "records/s", tuple(ours), SQLITE, tuple(other), Against.PEER)


def _same_rows(vault: Vault, setting: Setting, drafts: list[Draft]) -> Result:
    """What of the distance to plain SQLite is the keys, seals and identifiers, and what the shape of the rows."""
    stores = PlainStores(setting.folder / "same rows")

    def insert() -> float:
        rows = stores.rows(len(drafts), BLOCK)
        return len(rows) / seconds(lambda: stores.insert(rows, PLAIN_COMMIT))

    try:
        ours, other = by_turns(lambda: len(drafts) / seconds(lambda: _seal(vault, drafts, PLAIN_COMMIT)), insert)
    finally:
        stores.close()
    what = f"seal and put 1 KiB, {PLAIN_COMMIT:,} a commit"
    name = "SQLite, the same rows in two files"
    return Comparison(BENCH, what, "records/s", tuple(ours), name, tuple(other), Against.LIMIT)


def _seal(vault: Vault, drafts: list[Draft], commit: int) -> None:
    for start in range(0, len(drafts), commit):
        vault.records.seal_many(drafts[start : start + commit])


def _reading(vault: Vault, table: PlainTable, ids: list[RecordId]) -> Result:
    order = list(range(len(ids)))
    random.Random(1).shuffle(order)
    ours, other = by_turns(
        lambda: len(ids) / seconds(lambda: [vault.records.open(ids[at]) for at in order]),
        lambda: len(ids) / seconds(lambda: [table.read(at + 1) for at in order]),
    )
    what = "read and open 1 KiB, at random"
    return Comparison(BENCH, what, "records/s", tuple(ours), "SQLite, not encrypted", tuple(other), Against.PEER)
