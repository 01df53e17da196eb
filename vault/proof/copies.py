"""All copies ever taken, attacked together with what exists now; and the members of the swarm asked for the blocks."""

from collections.abc import Sequence
from pathlib import Path

from protocol.errors import TideprintError
from vault.blocks import BlockStore
from vault.cids import Cid
from vault.forgetting import attack, listed_cids
from vault.proof.checks import Check, not_run

COPIES = (
    "From the live root secret and the tree rows of every copy and of the live vault, every key that follows is "
    "derived and tried on every sealed row of each copy: records, owners, identity, tickets, standing orders."
)
COPIES_CONTROL = "All rows that were not erased open."
SWARM = "Each member of the block store is asked for each block that an old copy lists for the erased."
SWARM_CONTROL = "Each member says that it has a block of somebody who was not erased."
STOLEN_ROOT = "The root slot that belonged to an old copy is given to the attack."
STOLEN_CONTROL = "Every row of the copy opens, those of the erased too."


def copies_check(name: str, copies: Sequence[Path], live: Path) -> Check:
    """Attack every copy with the rows of all of them. Raises `COPY_UNREADABLE`."""
    found = caught = planted = closed = 0
    for copy in copies:
        others = [other for other in copies if other != copy]
        result = attack(copy, live, more=others)
        found += result.erased_opened
        closed += result.erased_closed
        caught += result.living_opened
        planted += result.living_opened + result.living_closed
    note = f"{len(copies)} copies; {closed} rows of the erased stay shut"
    if not closed:
        return not_run(name, COPIES, f"no copy holds a row that was erased since; {caught} other rows open")
    return Check(name, COPIES, found, COPIES_CONTROL, caught, planted, note)


def swarm_check(copies: Sequence[Path], live: Path, blocks: BlockStore) -> Check:
    """Ask every member for the erased blocks; `found` counts blocks at members."""
    name = "block store, each member"
    erased: set[Cid] = set()
    living: set[Cid] = set()
    for copy in copies:
        dead, alive = listed_cids(copy, live)
        erased |= dead
        living |= alive
    if not erased:
        return not_run(name, SWARM, "no copy lists a block that was erased since")
    try:
        at_members = blocks.count(erased)
        control = blocks.count(sorted(living)[:100])
    except TideprintError as error:
        return not_run(name, SWARM, f"{error.code}: {error.message}")
    note = "; ".join(f"{member}: {number} of {len(erased)}" for member, number in sorted(at_members.items()))
    caught = sum(number > 0 for number in control.values())
    return Check(name, SWARM, sum(at_members.values()), SWARM_CONTROL, caught, len(control), note)


def stolen_root_check(copy: Path, live: Path, root_file: Path) -> Check:
    """The attack itself, put to the test: with the copy's own root slot everything opens."""
    result = attack(copy, live, root_file)
    opened = result.erased_opened + result.living_opened
    return Check("the attack itself", STOLEN_ROOT, 0, STOLEN_CONTROL, opened, opened + result.erased_closed or 1)
