"""What a daemon says when it is ill, and what we make of it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import Refusal, RefusalCode
from tests.vault.blocks.pretender import Pretender, lines, trouble
from vault.blocks import MemberSettings, SwarmBlockStore, SwarmSettings
from vault.blocks.kubo import KuboMember
from vault.cids import cid_of, cid_text
from vault.errors import StoreDamaged, StoreUnavailable, VaultError

BLOCK = b"a block"
CID = cid_of(BLOCK)


@pytest.fixture
def daemon() -> Iterator[Pretender]:
    pretender = Pretender()
    yield pretender
    pretender.close()


@pytest.fixture
def member(daemon: Pretender) -> Iterator[KuboMember]:
    opened = daemon.member()
    yield opened
    opened.close()


def test_an_error_inside_an_item_is_an_error(daemon: Pretender, member: KuboMember) -> None:
    member.put({CID: BLOCK})
    daemon.script["block/rm"] = lambda _: lines({"Hash": cid_text(CID), "Error": "pinned: recursive"})
    with pytest.raises(VaultError, match=r"MEMBER_FAILED.*pinned: recursive"):
        member.remove([CID])
    daemon.script["refs/local"] = lambda _: lines({"Ref": "", "Err": "disk gone"})
    with pytest.raises(VaultError, match="disk gone"):
        set(member)
    daemon.script["repo/gc"] = lambda _: lines({"Error": "could not lock"})
    with pytest.raises(VaultError, match="could not lock"):
        member.collect_garbage()


def test_a_pin_that_failed_is_an_error(daemon: Pretender, member: KuboMember) -> None:
    daemon.script["pin/add"] = lambda _: trouble("no room")
    with pytest.raises(VaultError, match="no room"):
        member.put({CID: BLOCK})
    daemon.script["pin/add"] = lambda _: lines({"Pins": [cid_text(cid_of(b"other"))]})
    with pytest.raises(VaultError, match="did not say that it pinned"):
        member.put({CID: BLOCK})


def test_an_error_at_the_end_of_a_list_is_an_error(daemon: Pretender, member: KuboMember) -> None:
    daemon.script["refs/local"] = lambda _: lines({"Ref": cid_text(CID)}, {"Message": "cut", "Type": "error"})
    with pytest.raises(VaultError, match=r"MEMBER_FAILED.*cut"):
        set(member)


@pytest.mark.parametrize("answer", [(403, b"Forbidden"), (200, b"<html>"), trouble("out of memory")])
def test_any_other_answer_is_a_failure_and_not_an_absence(
    daemon: Pretender, member: KuboMember, answer: tuple[int, bytes]
) -> None:
    daemon.script["block/stat"] = lambda _: answer
    with pytest.raises(VaultError, match="MEMBER_FAILED"):
        member.holds([CID])


def test_silence_is_tried_again_with_growing_pauses(daemon: Pretender) -> None:
    pauses: list[float] = []
    held = threading.Event()
    daemon.script["block/stat"] = lambda _: (held.wait(5), trouble("late"))[1]
    member = daemon.member("slow", pauses.append)
    with pytest.raises(VaultError, match=r"MEMBER_UNREACHABLE.*slow"):
        member.holds([CID])
    held.set()
    assert pauses == [0.2, 0.8]
    assert daemon.asked == ["block/stat"] * 3
    member.close()


def test_it_answers_at_the_second_try(daemon: Pretender, member: KuboMember) -> None:
    held = threading.Event()

    def once(_: list[str]) -> tuple[int, bytes]:
        del daemon.script["block/stat"]
        held.wait(5)
        return trouble("late")

    daemon.script["block/stat"] = once
    assert member.holds([CID]) == set()
    held.set()


def test_one_dead_member_refuses_by_name_and_the_others_have_deleted(daemon: Pretender) -> None:
    dead = Pretender()
    store = SwarmBlockStore([daemon.member("alive"), dead.member("dead")], copies=1)
    store.put({CID: BLOCK})
    dead.close()
    with pytest.raises(Refusal) as refused:
        store.delete([CID])
    assert refused.value.code == RefusalCode.STORE_UNREACHABLE
    assert refused.value.detail == "dead"
    assert daemon.blocks == {}
    with pytest.raises(Refusal, match="STORE_UNREACHABLE"):
        store.has([CID])
    with pytest.raises(VaultError, match="MEMBER_UNREACHABLE"):
        store.get(CID)
    with pytest.raises(StoreUnavailable, match="COPIES_TOO_FEW"):
        SwarmBlockStore([daemon.member("alive"), dead.member("dead")]).put({CID: BLOCK})
    store.close()


def test_a_damaged_copy_is_passed_over(daemon: Pretender) -> None:
    whole = Pretender()
    store = SwarmBlockStore([daemon.member("torn"), whole.member("whole")])
    store.put({CID: BLOCK})
    daemon.blocks[CID] = b"a bl"
    assert store.get(CID) == BLOCK
    with pytest.raises(StoreDamaged, match="BLOCK_DAMAGED"):
        store.verify([CID])
    whole.blocks.clear()
    with pytest.raises(StoreDamaged, match="BLOCK_DAMAGED"):
        store.get(CID)
    store.close()
    whole.close()


def test_nothing_is_sent_to_a_daemon_that_is_not_private(daemon: Pretender, member: KuboMember) -> None:
    daemon.configuration["Routing"]["Type"] = "auto"
    with pytest.raises(StoreUnavailable, match=r"KUBO_NOT_PRIVATE.*Routing\.Type is 'auto'"):
        member.put({CID: BLOCK})
    assert "dag/import" not in daemon.asked


def test_identifiers_of_other_kinds_are_left_alone(daemon: Pretender, member: KuboMember) -> None:
    daemon.script["refs/local"] = lambda _: lines({"Ref": "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn", "Err": ""})
    assert set(member) == set()


def test_a_barred_block_that_came_back_needs_the_operator(daemon: Pretender, member: KuboMember) -> None:
    member.put({CID: BLOCK})
    for name in ("block/stat", "block/rm", "pin/rm"):
        daemon.script[name] = lambda _: trouble(f"/ipfs/{cid_text(CID)} is blocked and cannot be provided")
    assert member.holds([CID]) == {CID}
    with pytest.raises(StoreDamaged, match="BLOCK_BARRED"):
        member.remove([CID])


@pytest.mark.parametrize(("mode", "code"), [(0o644, "RPC_SECRET_EXPOSED"), (None, "RPC_SECRET_MISSING")])
def test_the_secret_lies_in_a_file_of_its_owner_alone(tmp_path: Path, mode: int | None, code: str) -> None:
    secret = tmp_path / "rpc.secret"
    if mode is not None:
        secret.write_text("word")
        secret.chmod(mode)
    settings = MemberSettings("m", "/ip4/127.0.0.1/tcp/1", secret)
    with pytest.raises(StoreUnavailable, match=code):
        KuboMember(settings, SwarmSettings((settings,)))


@pytest.mark.parametrize(("names", "copies"), [((), None), (("a", "a"), None), (("a",), 2), (("a",), 0)])
def test_a_swarm_that_makes_no_sense_is_refused(daemon: Pretender, names: tuple[str, ...], copies: int | None) -> None:
    with pytest.raises(VaultError, match="SWARM_INVALID"):
        SwarmBlockStore([daemon.member(name) for name in names], copies)
