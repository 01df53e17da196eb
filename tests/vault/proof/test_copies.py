"""Every copy ever taken against what exists now, over several epochs; and the members asked for the blocks."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from protocol.errors import Refusal, RefusalCode
from tests.vault.support import options, seal_days
from vault import Cause, Vault
from vault.blocks import SqliteBlockStore
from vault.cids import Cid
from vault.files import BLOCKS_FILE, ROOT_FILE
from vault.forgetting import derive, take_copy
from vault.paths import parse
from vault.proof.checks import Outcome
from vault.proof.copies import copies_check, stolen_root_check, swarm_check
from vault.standing import OrderKind


def epochs(home: Path, place: Path) -> list[Path]:
    """A vault that lived on after each of several copies; anna is erased after the third."""
    copies = []
    with Vault.create(home, options()) as vault:
        people = {name: vault.identity.enroll(name, []) for name in ("anna", "ben", "cleo", "dan")}
        vault.orders.add(OrderKind.END, people["anna"], {"cause": Cause.CONTRACT_END, "day": 30_000})
        for number in range(5):
            for subject in people.values():
                seal_days(vault, subject, 2)
            copies.append(place / f"copy {number}")
            take_copy(home, copies[-1], with_root=number == 0)
            if number == 1:
                vault.erase(people.pop("cleo"), Cause.CONTRACT_END)
            elif number == 2:
                vault.erase(people.pop("anna"), Cause.CONTRACT_END)
            else:
                vault.refresh(every=True)
    shutil.move(copies[0] / ROOT_FILE, place / "root of the first copy")
    return copies


def test_all_copies_together_open_nothing_of_the_erased(home: Path, tmp_path: Path) -> None:
    copies = epochs(home, tmp_path)
    check = copies_check("copies", copies, home)
    assert (check.outcome, check.found) == (Outcome.HOLDS, 0)
    assert check.caught == check.planted == sum(2 * (2 * number + 1 + 1) for number in range(1, 6))
    assert "31 rows of the erased" in check.why


def test_one_stolen_root_secret_is_enough_and_the_attack_shows_it(home: Path, tmp_path: Path) -> None:
    copies = epochs(home, tmp_path)
    shown = stolen_root_check(copies[0], home, tmp_path / "root of the first copy")
    assert (shown.outcome, shown.caught) == (Outcome.HOLDS, 17)
    shutil.copy(tmp_path / "root of the first copy", home / ROOT_FILE)
    assert copies_check("copies", copies, home).outcome is Outcome.FAILED


def test_the_closure_holds_the_neighbours_keys_and_not_the_victims(home: Path, tmp_path: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna, ben = vault.identity.enroll("anna", []), vault.identity.enroll("ben", [])
        ids = {name: seal_days(vault, each, 3) for name, each in (("anna", anna), ("ben", ben))}
        keys = {record: vault._keys.key(parse(record)) for records in ids.values() for record in records}
        copies = []
        for number in range(4):
            copies.append(tmp_path / f"copy {number}")
            take_copy(home, copies[-1])
            if number == 1:
                vault.erase(anna, Cause.CONTRACT_END)
            vault.refresh(every=number % 2 == 0)
    closure = derive(copies, home)
    assert not any(keys[record] in closure.keys_at(record) for record in ids["anna"])
    assert all(keys[record] in closure.keys_at(record) for record in ids["ben"])


def test_without_anything_erased_nothing_is_shown(home: Path, tmp_path: Path) -> None:
    with Vault.create(home, options()) as vault:
        seal_days(vault, vault.identity.enroll("anna", []), 1)
        take_copy(home, tmp_path / "copy")
    assert copies_check("copies", [tmp_path / "copy"], home).outcome is Outcome.NOT_RUN
    with_blocks = SqliteBlockStore(home / BLOCKS_FILE)
    assert swarm_check([tmp_path / "copy"], home, with_blocks).outcome is Outcome.NOT_RUN
    with_blocks.close()


class Swarm(SqliteBlockStore):
    """Two members, one of which brings a block back or does not answer."""

    silent = False
    back = 0

    def count(self, cids: Iterable[Cid]) -> dict[str, int]:
        if self.silent:
            raise Refusal(RefusalCode.STORE_UNREACHABLE, "no answer from: second", "", "second")
        return {"first": len(self.has(cids)), "second": len(self.has(cids)) + self.back}


def test_every_member_is_asked_and_one_block_that_came_back_is_found(home: Path, tmp_path: Path) -> None:
    copies = epochs(home, tmp_path)
    swarm = Swarm(home / BLOCKS_FILE)
    check = swarm_check(copies, home, swarm)
    assert (check.outcome, check.caught, check.planted) == (Outcome.HOLDS, 2, 2)
    swarm.back = 1
    assert swarm_check(copies, home, swarm).outcome is Outcome.FAILED
    swarm.silent = True
    check = swarm_check(copies, home, swarm)
    assert (check.outcome, check.why) == (Outcome.NOT_RUN, "STORE_UNREACHABLE: no answer from: second")
    swarm.close()
