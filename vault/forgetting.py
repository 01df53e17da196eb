"""Does erasure hold against a thief? Everything here attacks: it opens what it can from stolen copies.

The thief holds a full copy of the three stores from before the erasure, without the root slot, and in addition all that
exists now, the live root secret included. `attack` derives every key that follows from it and tries it on every sealed
row of the copy. The controls: neighbours must open, and with the copy's own root slot everything must open.
"""

import mmap
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vault.blocks import check_block
from vault.cids import Cid
from vault.credentials import Credential, load_credentials
from vault.errors import StoreDamaged, StoreUnavailable
from vault.files import CREDENTIALS
from vault.nodes import ERASED, KEY_SIZE, child_key, open_node
from vault.paths import FAN_OUT, SUBJECT_DEPTH, leaf_path, node_id
from vault.paths import Path as TreePath
from vault.payloads import Place, Purpose, unseal
from vault.roots import read_slots, root_key
from vault.vault import BLOCKS_FILE, IDENTITY_FILE, KEYS_FILE, LOCK_FILE, RECORDS_FILE, ROOT_FILE

Row = tuple[TreePath, Purpose, bytes]


@dataclass(frozen=True, slots=True)
class SlotFinding:
    """What the thief could do with the rows of one subject slot. `erased`: tombstones of the live vault cover them."""

    slot: TreePath
    opened: int
    closed: int
    erased: bool


@dataclass(frozen=True, slots=True)
class CopyFindings:
    """The result of an attack on a copy."""

    slots: tuple[SlotFinding, ...]

    @property
    def erased_opened(self) -> int:
        """Rows of erased slots that opened: must be 0."""
        return sum(slot.opened for slot in self.slots if slot.erased)

    @property
    def erased_closed(self) -> int:
        """Rows of erased slots that did not open."""
        return sum(slot.closed for slot in self.slots if slot.erased)

    @property
    def living_opened(self) -> int:
        """Rows of other slots that opened: the control, must be all."""
        return sum(slot.opened for slot in self.slots if not slot.erased)

    @property
    def living_closed(self) -> int:
        """Rows of other slots that did not open: must be 0, else the attack itself is broken."""
        return sum(slot.closed for slot in self.slots if not slot.erased)

    @property
    def holds(self) -> bool:
        """Is everything erased closed, and did the control work?"""
        return self.erased_opened == 0 and self.living_closed == 0 and self.living_opened > 0


def take_copy(directory: Path, destination: Path, *, with_root: bool = False) -> None:
    """Copy a vault's files, or those of several below one directory, as a thief or a backup would; root slots only if
    asked (that copy undoes erasures)."""
    left_out = (LOCK_FILE,) if with_root else (LOCK_FILE, ROOT_FILE)
    for source in sorted(directory.rglob("*")):
        name = source.relative_to(directory).as_posix()
        if source.is_file() and not f"/{name}".endswith(tuple(f"/{each}" for each in left_out)):
            (destination / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy2(source, destination / name)


def attack(copy: Path, live: Path, root_file: Path | None = None, more: Iterable[Path] = ()) -> CopyFindings:
    """Try to open every sealed row of `copy` with all that `copy`, `live` and the copies `more` hold.

    `root_file` replaces the live root slot: with the copy's own one, as the control, everything opens.
    Raises `COPY_UNREADABLE`.
    """
    derivation = derive([copy, *more], live, root_file)
    dead = dead_prefixes(live)
    opened: Counter[tuple[str, bool]] = Counter()
    closed: Counter[tuple[str, bool]] = Counter()
    for path, purpose, block in _sealed_rows(copy):
        counter = opened if derivation.opens(path, purpose, block) else closed
        counter[path[:SUBJECT_DEPTH], path.startswith(dead)] += 1
    found = sorted(opened | closed)
    return CopyFindings(
        tuple(SlotFinding(TreePath(slot), opened[slot, erased], closed[slot, erased], erased) for slot, erased in found)
    )


def derive(copies: Iterable[Path], live: Path, root_file: Path | None = None) -> "Derivation":
    """Every key that follows from the live root slot (or another) and the tree rows of all these vaults. Raises
    `COPY_UNREADABLE`."""
    slot = root_file or live / ROOT_FILE
    try:
        secrets = slot.read_bytes()
    except OSError as error:
        hint = "the attack needs a root secret in a file; with a token or shares nobody has the whole secret to try"
        raise StoreUnavailable("COPY_UNREADABLE", f"{slot.name}: {error}", hint) from error
    return Derivation(secrets, [each / KEYS_FILE for each in (*copies, live)], _credentials(live))


def dead_prefixes(live: Path) -> tuple[str, ...]:
    """What the tombstones of the live vault cover."""
    return tuple(prefix for (prefix,) in _query(live / KEYS_FILE, "SELECT prefix FROM tombstone"))


def facts_of(live: Path) -> tuple[str, int]:
    """A vault's number in hex and its epoch. Raises `COPY_UNREADABLE`."""
    meta = dict(_query(live / KEYS_FILE, "SELECT name, value FROM meta"))
    return bytes(meta["vault id"]).hex(), int(meta["epoch"])


def listed_cids(copy: Path, live: Path) -> tuple[set[Cid], set[Cid]]:
    """The blocks that a copy lists: of what was erased since, and of all others that the live vault still lists."""
    dead = dead_prefixes(live)
    there = {cid for (cid,) in _query(live / RECORDS_FILE, "SELECT cid FROM record")}
    rows = [(leaf_path(number), Cid(cid)) for number, cid in _query(copy / RECORDS_FILE, "SELECT id, cid FROM record")]
    erased = {cid for path, cid in rows if path.startswith(dead)}
    return erased, {cid for path, cid in rows if not path.startswith(dead) and cid in there}


def _credentials(live: Path) -> dict[Purpose, Credential]:
    """What each kind of payload is bound to besides the key tree."""
    found = load_credentials(live / CREDENTIALS)
    return {
        Purpose.RECORD: found.records,
        Purpose.SEGMENT: found.records,
        Purpose.OWNER: found.records,
        Purpose.IDENTITY: found.identity,
    }


class Derivation:
    """Every key that follows from some root secrets and all node rows, old and new."""

    def __init__(self, root_bytes: bytes, key_files: Iterable[Path], credentials: Mapping[Purpose, Credential]) -> None:
        self._credentials = credentials
        epochs, self._rows = set(), dict[int, list[bytes]]()
        secrets = read_slots(root_bytes)
        for file in key_files:
            meta = dict(_query(file, "SELECT name, value FROM meta"))
            self._vault_id = bytes(meta["vault id"])
            epochs.add(int(meta["epoch"]))
            for number, sealed in _query(file, "SELECT id, sealed FROM node"):
                self._rows.setdefault(number, []).append(sealed)
        epochs.update(secrets)
        roots = {root_key(secret, self._vault_id, epoch) for _, _, secret in secrets.values() for epoch in epochs}
        self._keys: dict[str, frozenset[bytes]] = {"": frozenset(roots)}
        self._nodes: dict[str, list[bytearray]] = {}

    def opens(self, path: TreePath, purpose: Purpose, block: bytes) -> bool:
        """Does any key that can be derived for this path open the block?"""
        for key in self.keys_at(path):
            try:
                unseal(self._bound(key, purpose), Place(self._vault_id, path, purpose), block)
            except StoreDamaged:
                continue
            return True
        return False

    def _bound(self, key: bytes, purpose: Purpose) -> bytes:
        """The thief has every store's credential as well."""
        credential = self._credentials.get(purpose)
        return key if credential is None else credential.store_key(key)

    def keys_at(self, path: str) -> frozenset[bytes]:
        """All candidates for the key of a node or leaf."""
        known = self._keys.get(path)
        if known is None:
            known = frozenset(self._children(path[:-1], int(path[-1], FAN_OUT)))
            if len(path) <= SUBJECT_DEPTH:
                self._keys[path] = known
        return known

    def _children(self, parent: str, digit: int) -> Iterable[bytes]:
        for key in self.keys_at(parent):
            yield child_key(key, digit)
        for children in self._open_nodes(parent):
            chosen = bytes(children[KEY_SIZE * digit : KEY_SIZE * (digit + 1)])
            if chosen != ERASED:
                yield chosen

    def _open_nodes(self, path: str) -> list[bytearray]:
        if path not in self._nodes:
            level, index = len(path), int(path or "0", FAN_OUT)
            tries = [
                open_node(key, sealed, self._vault_id, level, index)
                for sealed in self._rows.get(node_id(level, index), ())
                for key in self.keys_at(path)
            ]
            self._nodes[path] = [children for children in tries if children is not None]
        return self._nodes[path]


def _sealed_rows(copy: Path) -> Iterable[Row]:
    """Every sealed thing of the copy: records, owner rows, identity entries, standing orders, erasure tickets."""
    blocks = dict(_query(copy / BLOCKS_FILE, "SELECT cid, bytes FROM block"))
    for number, cid in _query(copy / RECORDS_FILE, "SELECT id, cid FROM record"):
        if cid in blocks:
            yield leaf_path(number), Purpose.RECORD, check_block(cid, blocks[cid])
    for number, sealed in _query(copy / RECORDS_FILE, "SELECT id, sealed FROM owner"):
        yield leaf_path(number), Purpose.OWNER, sealed
    for number, sealed in _query(copy / IDENTITY_FILE, "SELECT id, sealed FROM entry"):
        yield leaf_path(number), Purpose.IDENTITY, sealed
    for number, sealed in _query(copy / RECORDS_FILE, "SELECT leaf, sealed FROM standing"):
        yield leaf_path(number), Purpose.TICKET, sealed
    for path, ticket in _query(copy / RECORDS_FILE, "SELECT ticket_path, ticket FROM erasure WHERE ticket IS NOT NULL"):
        yield TreePath(path), Purpose.TICKET, ticket


def _query(file: Path, statement: str) -> list[tuple[Any, ...]]:
    """All rows of a query on a private copy of a database and its log: the file attacked stays as it is."""
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory) / file.name
        try:
            shutil.copyfile(file, here)
            log = file.with_name(file.name + "-wal")
            if log.exists():
                shutil.copyfile(log, here.with_name(log.name))
            with closing(sqlite3.connect(here)) as connection:
                return connection.execute(statement).fetchall()
        except (OSError, sqlite3.DatabaseError) as error:
            hint = "give a directory with keys, records and identity as the vault lays them out"
            raise StoreUnavailable("COPY_UNREADABLE", f"{file.name}: {error}", hint) from error


@dataclass(frozen=True, slots=True)
class CanaryHit:
    """A planted value found in a file."""

    label: str
    file: str
    times: int


def scan(directory: Path, canaries: Mapping[str, bytes]) -> list[CanaryHit]:
    """Search the raw bytes of every file under a directory for values, as they are and as hex text in either case."""
    hits = []
    for file in sorted(found for found in directory.rglob("*") if found.is_file() and found.stat().st_size):
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for label, value in canaries.items():
                forms = {value, value.hex().encode(), value.hex().upper().encode()}
                times = sum(_times(content, form) for form in forms)
                if times:
                    hits.append(CanaryHit(label, file.relative_to(directory).as_posix(), times))
    return hits


def _times(content: mmap.mmap, form: bytes) -> int:
    times, place = 0, content.find(form)
    while place >= 0:
        times, place = times + 1, content.find(form, place + 1)
    return times
