"""Forgetting in a private swarm of three real daemons."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import Refusal, RefusalCode
from tests.vault.blocks.kubo_support import Network, Node, kubo_binary, swarm_settings, wait_for_peers
from vault.blocks import SwarmBlockStore, open_blocks
from vault.blocks.daemon import Daemon
from vault.blocks.kubo import KuboMember, MemberStatus, parse_any
from vault.blocks.repository import RepositoryPlan, init_repository, set_peers
from vault.blocks.rpc import MemberFailed
from vault.cids import Cid, cid_of, cid_text
from vault.errors import StoreDamaged, StoreUnavailable, VaultError

pytestmark = pytest.mark.xdist_group("kubo")
HERE = Path(__file__).parent


def fresh(count: int = 1, size: int = 1024) -> dict[Cid, bytes]:
    """Blocks that were never anywhere."""
    return {cid_of(block): block for block in (os.urandom(size) for _ in range(count))}


@pytest.fixture
def store(nodes: list[Node]) -> Iterator[SwarmBlockStore]:
    opened = open_blocks(swarm_settings(nodes), HERE)
    assert isinstance(opened, SwarmBlockStore)
    yield opened
    opened.close()


@pytest.fixture
def asked(nodes: list[Node]) -> Iterator[list[KuboMember]]:
    members = [node.member() for node in nodes]
    yield members
    for member in members:
        member.close()


def ask_online(member: KuboMember, cid: Cid) -> bytes | None:
    """Get a block the way anybody would: from peers, if it is not here."""
    try:
        return member._rpc.download("/block/get", [cid_text(cid)], {"timeout": "2s"})
    except MemberFailed:
        return None


def test_a_daemon_gives_a_block_the_identifier_that_we_give_it(asked: list[KuboMember]) -> None:
    for size in (0, 1, 512, 1 << 18, 1 << 20):
        block = os.urandom(size)
        found = asked[0]._rpc.request("/block/put", (), {"cid-codec": "raw"}, lambda block=block: iter((block,)))  # type: ignore[misc]
        assert found[0]["Key"] == cid_text(cid_of(block))
        assert asked[0].get(cid_of(block)) == block


def test_what_another_member_still_holds_comes_back(store: SwarmBlockStore, asked: list[KuboMember]) -> None:
    """Why erasing needs every member."""
    blocks = fresh()
    (cid,) = blocks
    store.put(blocks)
    asked[0].remove([cid])
    assert asked[0].get(cid) is None
    assert ask_online(asked[0], cid) == blocks[cid]
    assert store.delete([cid]) == 1
    assert [ask_online(member, cid) for member in asked] == [None, None, None]
    assert store.count([cid]) == dict.fromkeys(store.members, 0)


def test_reading_never_fetches(store: SwarmBlockStore, asked: list[KuboMember]) -> None:
    blocks = fresh()
    (cid,) = blocks
    asked[1].put(blocks)
    assert asked[0].get(cid) is None
    assert asked[0].holds([cid]) == set()
    assert store.get(cid) == blocks[cid]
    assert store.count([cid]) == {"member1": 0, "member2": 1, "member3": 0}


def test_a_member_that_is_down_keeps_an_erasure_open(store: SwarmBlockStore, nodes: list[Node]) -> None:
    blocks = fresh(40)
    store.put(blocks)
    nodes[2].daemon.kill()
    with pytest.raises(Refusal) as refused:
        store.delete(blocks)
    assert refused.value.code == RefusalCode.STORE_UNREACHABLE
    assert refused.value.detail == "member3"
    with pytest.raises(Refusal, match="STORE_UNREACHABLE"):
        store.has(blocks)
    nodes[2].daemon.start()
    assert store.count(blocks) == {"member1": 0, "member2": 0, "member3": 40}
    assert store.delete(blocks) == 40
    assert store.has(blocks) == set()


def test_a_member_restored_from_an_old_disk_is_put_right(
    store: SwarmBlockStore, nodes: list[Node], tmp_path: Path
) -> None:
    erased, kept, later = fresh(3), fresh(2), fresh(2)
    store.put({**erased, **kept})
    nodes[1].daemon.stop()
    shutil.copytree(nodes[1].repository, tmp_path / "old", ignore=shutil.ignore_patterns("*.sock"))
    nodes[1].daemon.start()
    store.delete(erased)
    store.bar(erased)
    store.put(later)
    nodes[1].daemon.stop()
    shutil.rmtree(nodes[1].repository)
    shutil.copytree(tmp_path / "old", nodes[1].repository)
    nodes[1].daemon.start()
    assert store.has(erased) == set(erased)
    done = {each.member: (each.removed, each.brought) for each in store.reconcile({*kept, *later})}
    assert done == {"member1": (0, 0), "member2": (3, 2), "member3": (0, 0)}
    assert store.has(erased) == set()
    store.verify({**kept, **later})


def test_a_barred_block_is_neither_served_nor_fetched_nor_removed(asked: list[KuboMember], nodes: list[Node]) -> None:
    blocks = fresh()
    (cid,) = blocks
    asked[1].put(blocks)
    asked[0].bar([cid])
    deadline = time.monotonic() + 10
    while "blocked" not in why_not(asked[0], cid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert asked[0].get(cid) is None
    assert asked[0].holds([cid]) == set()
    assert asked[0].remove([cid]) == set()
    asked[1].bar([cid])
    while "blocked" not in why_not(asked[1], cid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert asked[1].holds([cid]) == {cid}
    with pytest.raises(StoreDamaged, match="BLOCK_BARRED"):
        asked[1].remove([cid])
    unbar(nodes[1], cid)
    assert asked[1].remove([cid]) == {cid}


def why_not(member: KuboMember, cid: Cid) -> str:
    try:
        member._rpc.request("/block/stat", [cid_text(cid)], {"offline": "true"})
    except MemberFailed as failure:
        return failure.message
    return ""


def unbar(node: Node, cid: Cid) -> None:
    """What the hint of `BLOCK_BARRED` tells the operator to do."""
    node.daemon.stop()
    denylist = node.settings.denylist
    assert denylist is not None
    denylist.write_text(denylist.read_text().replace(f"/ipfs/{cid_text(cid)}\n", ""))
    node.daemon.start()


def test_garbage_is_what_nobody_pinned(store: SwarmBlockStore, asked: list[KuboMember]) -> None:
    pinned, loose = fresh(3), fresh(2)
    store.put({**pinned, **loose})
    asked[0].unpin(loose)
    asked[0].unpin(loose)
    assert asked[0].collect_garbage() == 2
    assert set(asked[0]) == set(pinned)
    assert set(asked[1]) == {*pinned, *loose}


def test_blocks_are_pinned_each_by_itself(store: SwarmBlockStore, asked: list[KuboMember]) -> None:
    """Kubo walks through all recursive pins when it removes a block: with a million, half a minute."""
    blocks = fresh(5)
    store.put(blocks)
    for kind, held in (("direct", set(blocks)), ("recursive", set())):
        found = asked[0]._rpc.request("/pin/ls", (), {"type": kind})[0].get("Keys") or {}
        assert {cid for cid in map(parse_any, found) if cid is not None} == held


def test_enough_copies_are_enough_and_the_missing_one_is_brought(nodes: list[Node]) -> None:
    two, three = (open_blocks(swarm_settings(nodes, copies), HERE) for copies in (2, 3))
    blocks = fresh(5)
    nodes[0].daemon.kill()
    two.put(blocks)
    with pytest.raises(StoreUnavailable, match=r"COPIES_TOO_FEW.*2 of 3"):
        three.put(blocks)
    cid, block = next(iter(blocks.items()))
    assert two.get(cid) == block
    with pytest.raises(VaultError, match="MEMBER_UNREACHABLE"):
        two.get(cid_of(b"never"))
    nodes[0].daemon.start()
    assert next((each.member, each.brought) for each in two.reconcile(set(blocks))) == ("member1", 5)
    two.verify(blocks)
    two.close()
    three.close()


def test_blocks_are_pinned_and_survive_a_killed_daemon(store: SwarmBlockStore, nodes: list[Node]) -> None:
    blocks = fresh(20)
    store.put(blocks)
    for node in nodes:
        node.daemon.kill()
    for node in nodes:
        node.daemon.start()
    store.collect_garbage()
    store.verify(blocks)


def test_a_wrong_secret_opens_nothing(nodes: list[Node], tmp_path: Path) -> None:
    secret = tmp_path / "rpc.secret"
    secret.touch(0o600)
    secret.write_text("guessed")
    settings = swarm_settings(nodes[:1]).members[0]
    for tried in (secret, None):
        member = KuboMember(type(settings)("m", settings.api, tried), swarm_settings(nodes[:1]))
        with pytest.raises(MemberFailed, match="403"):
            set(member)
        member.close()


def test_a_member_says_how_it_is(asked: list[KuboMember]) -> None:
    status = asked[0].status()
    assert status == MemberStatus("0.39.0", status.blocks, status.size, 2)


@pytest.mark.parametrize("key", [None, "another"])
def test_a_stranger_is_not_let_in(daemons: tuple[list[Node], Network], tmp_path: Path, key: str | None) -> None:
    """Neither with another swarm key nor, against all settings, without one."""
    nodes, network = daemons
    plan, before = network.place(90 if key else 91, tmp_path)
    if network.isolated:
        plan = RepositoryPlan(f"/unix{nodes[0].repository.parent}/{key}.sock", plan.swarm)
    repository = tmp_path / "stranger"
    init_repository(kubo_binary(), repository, plan, os.urandom)
    set_peers(repository, [nodes[0].address])
    settings = type(nodes[0].settings)("stranger", plan.api, repository / "rpc.secret")
    stranger = Daemon(kubo_binary(), repository, before)
    if key is None:
        (repository / "swarm.key").unlink()
        with pytest.raises(StoreUnavailable, match=r"KUBO_NOT_PRIVATE.*no swarm\.key"):
            stranger.start()
        return
    stranger.start()
    member = KuboMember(settings, swarm_settings(nodes[:1]))
    try:
        with pytest.raises(MemberFailed, match=r"failed|privnet|dial"):
            member._rpc.request("/swarm/connect", [nodes[0].address], {"timeout": "5s"})
        assert member.status().peers == 0
        blocks = fresh()
        first = nodes[0].member()
        first.put(blocks)
        assert ask_online(member, *blocks) is None
        first.close()
    finally:
        member.close()
        stranger.kill()


def test_the_peers_know_each_other_only(nodes: list[Node], asked: list[KuboMember]) -> None:
    wait_for_peers(nodes)
    for node, member in zip(nodes, asked, strict=True):
        found = {peer["Peer"] for peer in member._rpc.request("/swarm/peers")[0]["Peers"]}
        assert found == {other.identity for other in nodes if other is not node}
