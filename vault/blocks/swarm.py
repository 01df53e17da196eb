"""The block store of a private swarm: every member holds every block, and forgetting needs all of them.

No message makes peers delete, and a block that one member still holds comes back to any other that asks for it. So a
block counts as deleted when each member, asked offline, says that it is not there. A member that was away or was
restored from an old disk is put right by `reconcile`: what no record row points to goes, what it missed comes.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from protocol.errors import Refusal, RefusalCode
from vault.blocks.kubo import KuboMember
from vault.blocks.rpc import MemberFailed, MemberUnreachable
from vault.blocks.store import Reconciled, check_block, missing
from vault.cids import Cid
from vault.errors import StoreDamaged, StoreUnavailable, VaultError

log = logging.getLogger(__name__)
T = TypeVar("T")
PAGE = 500
"""Blocks that reconciling moves at a time."""


class SwarmBlockStore:
    """Blocks at the members of a private swarm, in the order in which they are asked."""

    method = "unpinned and removed at every member of the swarm"
    proof = "every member asked offline for each identifier"

    def __init__(self, members: Sequence[KuboMember], copies: int | None = None) -> None:
        """`copies`: how many members must have a block before it counts as stored; all if None."""
        if not members or len({member.name for member in members}) < len(members):
            raise VaultError("SWARM_INVALID", "a swarm has one or more members, each with a name of its own")
        self._members = tuple(members)
        self._copies = len(members) if copies is None else copies
        if not 1 <= self._copies <= len(members):
            raise VaultError("SWARM_INVALID", f"{self._copies} copies at {len(members)} members")
        self._threads = ThreadPoolExecutor(len(members), "swarm")

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the members."""
        return tuple(member.name for member in self._members)

    def put(self, blocks: Mapping[Cid, bytes]) -> None:
        """Store and pin blocks at every member, as an archive to each: fetching from a peer takes ten times longer."""
        for cid, block in blocks.items():
            check_block(cid, block)
        done, failures = self._ask_each(lambda member: member.put(blocks))
        for name, failure in failures.items():
            log.warning("blocks not stored at %s: %s", name, failure.code)
        if len(done) < self._copies:
            hint = "bring the members back and repeat; what was stored meanwhile does no harm"
            first = next(iter(failures.values()))
            text = f"{len(done)} of {len(self._members)} members took the blocks, {self._copies} are needed: {first}"
            raise StoreUnavailable("COPIES_TOO_FEW", text, hint) from first

    def get(self, cid: Cid) -> bytes:
        """The block from the first member that has it whole."""
        damage: StoreDamaged | None = None
        silent: VaultError | None = None
        for member in self._members:
            try:
                block = member.get(cid)
                if block is not None:
                    return check_block(cid, block)
            except StoreDamaged as found:
                damage = found
            except (MemberUnreachable, MemberFailed) as failure:
                silent = failure
        raise damage or silent or missing(cid)

    def has(self, cids: Iterable[Cid]) -> set[Cid]:
        """Which of these any member holds."""
        wanted = set(cids)
        found: set[Cid] = set()
        return found.union(*self._at_each(lambda member: member.holds(wanted)).values())

    def count(self, cids: Iterable[Cid]) -> dict[str, int]:
        """How many of these each member holds."""
        wanted = set(cids)
        return self._at_each(lambda member: len(member.holds(wanted)))

    def verify(self, cids: Iterable[Cid]) -> None:
        """Read every member's copy of each and hash it."""
        for cid in cids:
            for block in self._at_each(lambda member, cid=cid: member.get(cid)).values():  # type: ignore[misc]
                if block is None:
                    raise missing(cid)
                check_block(cid, block)

    def delete(self, cids: Iterable[Cid]) -> int:
        """Unpin and remove blocks at every member."""
        wanted = set(cids)
        removed: set[Cid] = set()
        return len(removed.union(*self._at_each(lambda member: member.remove(wanted)).values()))

    def bar(self, cids: Iterable[Cid]) -> None:
        """Append to the denylists of the members on this host."""
        gone = set(cids)
        for member in self._members:
            member.bar(gone)

    def reconcile(self, wanted: Set[Cid]) -> list[Reconciled]:
        """Remove at every member what is not wanted, then bring to each what it lacks and another has."""
        removed = self._at_each(lambda member: len(member.remove(cid for cid in member if cid not in wanted)))
        brought = self._at_each(lambda member: self._bring(member, wanted))
        return [Reconciled(name, removed[name], brought[name]) for name in self.members]

    def _bring(self, member: KuboMember, wanted: Set[Cid]) -> int:
        lacking = iter(sorted(wanted - set(member)))
        brought = 0
        while page := list(islice(lacking, PAGE)):
            member.put({cid: self.get(cid) for cid in page})
            brought += len(page)
        return brought

    def collect_garbage(self) -> None:
        """Drop what is not pinned. Raises `KUBO_NOT_PRIVATE` if a member's configuration was changed."""
        self._at_each(KuboMember.collect_garbage)

    def __iter__(self) -> Iterator[Cid]:
        """Every identifier that any member holds, in the order of the hashes."""
        everything: set[Cid] = set()
        yield from sorted(everything.union(*self._at_each(set).values()))

    def close(self) -> None:
        """Close the connections; the daemons go on."""
        self._threads.shutdown()
        for member in self._members:
            member.close()

    def _at_each(self, act: Callable[[KuboMember], T]) -> dict[str, T]:
        """Do it at every member; then refuse `STORE_UNREACHABLE` if some did not answer. Their names are the detail."""
        done, failures = self._ask_each(act)
        if failures:
            names = ", ".join(failures)
            hint = "bring these members back, then repeat: nothing counts as erased before they have answered"
            cause = next(iter(failures.values()))
            raise Refusal(RefusalCode.STORE_UNREACHABLE, f"no answer from: {names}", hint, names) from cause
        return done

    def _ask_each(self, act: Callable[[KuboMember], T]) -> tuple[dict[str, T], dict[str, VaultError]]:
        """Do it at all members at once; what they gave, and why the others did not."""
        done: dict[str, T] = {}
        failures: dict[str, VaultError] = {}
        answers = {member.name: self._threads.submit(act, member) for member in self._members}
        wait(answers.values())
        for name, answer in answers.items():
            try:
                done[name] = answer.result()
            except (MemberUnreachable, MemberFailed) as failure:
                failures[name] = failure
        return done, failures
