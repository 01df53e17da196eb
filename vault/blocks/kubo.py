"""One member of the swarm: what the vault asks of a Kubo daemon, and nothing else of its many commands.

Blocks are single raw blocks, pinned one by one; neither MFS nor the filestore is used, so nothing else keeps them.
Reading and looking is offline: a daemon asked for a block it does not have must not fetch it from a peer that still
has it. Identifiers are compared as bytes, as daemons write them in several bases.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from vault.blocks.car import write_car
from vault.blocks.privacy import check_private
from vault.blocks.rpc import BLOCKED, NOT_FOUND, NOT_PINNED, KuboRpc, MemberFailed
from vault.blocks.settings import MemberSettings, SwarmSettings
from vault.cids import Cid, cid_of, cid_text, parse_cid
from vault.errors import StoreDamaged, VaultError

BATCH = 400
"""Identifiers in one request; they travel in its address, which Kubo reads up to 1 MiB of."""
ARCHIVE_BLOCKS, ARCHIVE_BYTES = 2000, 1 << 24
"""Most that one archive holds."""
FEW = 32
"""Up to this many blocks are looked for one by one, above by one listing."""
OFFLINE = {"offline": "true"}
OWN = frozenset({cid_of(b"\x0a\x02\x08\x01")})
"""Blocks that every daemon makes for itself: the empty directory."""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """A daemon at a glance."""

    version: str
    blocks: int
    size: int
    """Bytes in its repository."""
    peers: int


class KuboMember:
    """One daemon. Every method may be repeated; all raise `MEMBER_UNREACHABLE` and `MEMBER_FAILED`."""

    def __init__(
        self, settings: MemberSettings, limits: SwarmSettings, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = settings.name
        self._rpc = KuboRpc(settings, limits, sleep)
        self._private = False
        self._denylist = settings.denylist

    def put(self, blocks: Mapping[Cid, bytes]) -> None:
        """Store and pin blocks, in archives of bounded size. Raises `KUBO_NOT_PRIVATE` before anything is sent."""
        self.check_private()
        for batch in _by_size(blocks):
            self._rpc.request("/dag/import", (), {"pin-roots": "false"}, lambda batch=batch: _archive(batch))  # type: ignore[misc]
            self._pin(batch)

    def _pin(self, cids: Iterable[Cid]) -> None:
        """Pin blocks that are here, each by itself: removing one would walk through all recursive pins there are."""
        for batch in _batches(cids):
            pinned: set[Cid | None] = set()
            answered = self._rpc.request(
                "/pin/add", [cid_text(cid) for cid in batch], {"recursive": "false", **OFFLINE}
            )
            for item in answered:
                pinned.update(parse_any(text) for text in item.get("Pins") or ())
            if not pinned >= set(batch):
                raise MemberFailed(self.name, "did not say that it pinned all blocks")

    def get(self, cid: Cid) -> bytes | None:
        """The block as this member has it, unchecked, or None. Nothing is fetched from peers."""
        try:
            return self._rpc.download("/block/get", (cid_text(cid),), OFFLINE)
        except MemberFailed as failure:
            if NOT_FOUND in failure.message or BLOCKED in failure.message:
                return None
            raise

    def unpin(self, cids: Iterable[Cid]) -> None:
        """Unpin blocks; those not pinned are fine."""
        for batch in _batches(cids):
            try:
                self._rpc.request("/pin/rm", [cid_text(cid) for cid in batch], OFFLINE)
            except MemberFailed:
                for cid in batch:
                    self._unpin_one(cid)

    def _unpin_one(self, cid: Cid) -> None:
        try:
            self._rpc.request("/pin/rm", (cid_text(cid),), OFFLINE)
        except MemberFailed as failure:
            if NOT_PINNED not in failure.message:
                raise

    def remove(self, cids: Iterable[Cid]) -> set[Cid]:
        """Unpin blocks and delete them; returns those that were there. Raises `BLOCK_BARRED`, see `bar`."""
        removed = set()
        wanted = self._here(cids)
        try:
            self.unpin(wanted)
            for batch in _batches(wanted):
                for item in self._rpc.request("/block/rm", [cid_text(cid) for cid in batch]):
                    if not item.get("Error"):
                        removed.add(parse_any(item.get("Hash", "")))
                    elif NOT_FOUND not in item["Error"]:
                        raise MemberFailed(self.name, item["Error"])
        except MemberFailed as failure:
            if BLOCKED in failure.message:
                raise barred(self.name) from failure
            raise
        return {cid for cid in removed if cid is not None}

    def _here(self, cids: Iterable[Cid]) -> list[Cid]:
        """Those that are here: barred ones that are not must not be asked to be removed, as it answers an error."""
        return sorted(self.holds(cids))

    def holds(self, cids: Iterable[Cid]) -> set[Cid]:
        """Which of these are here, asked offline."""
        wanted = set(cids)
        if len(wanted) > FEW:
            return wanted & set(self)
        try:
            return {cid for cid in wanted if self._is_here(cid)}
        except MemberFailed as failure:
            if BLOCKED not in failure.message:
                raise
            return wanted & set(self)  # a listing says it of barred blocks too

    def _is_here(self, cid: Cid) -> bool:
        try:
            self._rpc.request("/block/stat", (cid_text(cid),), OFFLINE)
        except MemberFailed as failure:
            if NOT_FOUND in failure.message:
                return False
            raise
        return True

    def __iter__(self) -> Iterator[Cid]:
        """Every raw block in the repository but the daemon's own."""
        for item in self._rpc.request("/refs/local"):
            if item.get("Err"):
                raise MemberFailed(self.name, item["Err"])
            cid = parse_any(item.get("Ref", ""))
            if cid is not None and cid not in OWN:
                yield cid

    def bar(self, cids: Iterable[Cid]) -> None:
        """Append to the member's denylist (IPIP-383) if it is on this host: it neither serves nor fetches them again.

        A barred block cannot be unpinned or removed any more, so bar only what is gone.
        """
        if self._denylist is not None:
            lines = "".join(f"/ipfs/{cid_text(cid)}\n" for cid in sorted(cids))
            descriptor = os.open(self._denylist, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, lines.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def collect_garbage(self) -> int:
        """Drop what is not pinned; returns how many blocks went. It locks the whole repository meanwhile."""
        self.check_private(again=True)
        dropped = 0
        for item in self._rpc.request("/repo/gc"):
            if item.get("Error"):
                raise MemberFailed(self.name, item["Error"])
            dropped += 1
        return dropped

    def status(self) -> MemberStatus:
        """Version, size, peers."""
        version = self._rpc.request("/version")[0]["Version"]
        stat = self._rpc.request("/repo/stat")[0]
        peers = self._rpc.request("/swarm/peers")[0].get("Peers") or ()
        return MemberStatus(version, stat["NumObjects"], stat["RepoSize"], len(peers))

    def check_private(self, *, again: bool = False) -> None:
        """Raises `KUBO_NOT_PRIVATE` with the setting at fault; asks the daemon once, or `again`."""
        if again or not self._private:
            self._private = False
            check_private(self._rpc.request("/config/show")[0])
            self._private = True

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()


def parse_any(text: str) -> Cid | None:
    """The identifier of a raw block, or None for any other."""
    try:
        return parse_cid(text)
    except VaultError:
        return None


def barred(member: str) -> StoreDamaged:
    """What to raise for a block that came back after it was barred."""
    hint = "stop the daemon, move its denylist away, start it, reconcile the store, put the denylist back"
    return StoreDamaged("BLOCK_BARRED", f"member {member} holds a block that it was told never to touch", hint)


def _archive(blocks: Mapping[Cid, bytes]) -> Iterator[bytes]:
    return write_car(tuple(blocks), blocks.items())


def _batches(cids: Iterable[Cid]) -> Iterator[Sequence[Cid]]:
    source = iter(cids)
    while batch := tuple(islice(source, BATCH)):
        yield batch


def _by_size(blocks: Mapping[Cid, bytes]) -> Iterator[dict[Cid, bytes]]:
    batch: dict[Cid, bytes] = {}
    size = 0
    for cid, block in blocks.items():
        if batch and (size + len(block) > ARCHIVE_BYTES or len(batch) == ARCHIVE_BLOCKS):
            yield batch
            batch, size = {}, 0
        batch[cid] = block
        size += len(block)
    if batch:
        yield batch
