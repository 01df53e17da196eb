"""What the gate leaves in the queue of the oracle: enough to count people, no names, and a proof for every line."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from eth_account import Account

from chain import Ledger, writes
from protocol.errors import Refusal
from protocol.quantities import Address, Day, Seconds, SubjectId
from protocol.references import Kind
from protocol.rules import DataClass, Purpose, RuleSet
from protocol.typed_data import CONSENT_DOMAIN, Domain
from tideprint.places import Places
from tideprint.platform import Platform
from vault import Cause
from vault.gate import Request, Role

NOW, TODAY = Seconds(1_795_000_000), Day(20_775)


class Chain:
    """Anchors, as the registry would number them, and the count of leaves each was sent with."""

    domain = Domain(CONSENT_DOMAIN, 20210310, Address("0x" + "ab" * 20))

    def __init__(self) -> None:
        self.leaves: dict[bytes, int] = {}

    def anchor_of(self, kind: Kind, root: bytes) -> int:
        return list(self.leaves).index(root) + 1 if root in self.leaves else 0

    def write(self, write: Any, _account: object) -> None:
        assert isinstance(write, writes.Anchor)
        self.leaves[bytes(write.root)] = write.count


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def platform(tmp_path: Path, chain: Chain) -> Iterator[Platform]:
    oracle, custodian = Account.create(), Account.create()
    with Platform(
        Places(tmp_path),
        cast(Ledger, chain),
        oracle,
        custodian,
        RuleSet(),
        create=True,
        allow_remnants=True,
        clock=lambda: NOW,
    ) as opened:
        yield opened


def own(subject: SubjectId, purpose: str = Purpose.PATRQT) -> Request:
    """A wearer asks for the own days."""
    return Request(
        actor=subject.hex(),
        role=Role.WEARER,
        institution="Seaside Hospital",
        subject=subject,
        data_class=DataClass.WELLNESS_OBS,
        fields=("steps",),
        first_day=TODAY,
        last_day=TODAY,
        purpose=purpose,
    )


def persons(platform: Platform, count: int) -> list[SubjectId]:
    return [platform.vault.identity.enroll(f"person {number}", []) for number in range(count)]


def holding(platform: Platform, needle: bytes) -> list[str]:
    """Files of oracle and gate in which these bytes stand."""
    places = (platform.places.oracle, platform.places.vault / "gate")
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    assert len(files) > 4
    return [file.name for file in files if needle in file.read_bytes()]


def test_a_person_is_counted_once_however_often_asked_for(platform: Platform) -> None:
    first, second = persons(platform, 2)
    for subject in (first, first, second, first):
        platform.release(own(subject))
    with pytest.raises(Refusal, match="PURPOSE_NOT_ALLOWED"):
        platform.release(own(second, "HMARKT"))
    assert platform.builder.waiting(Kind.AUDIT) == (5 + 4, 2)


def test_strangers_do_not_make_a_crowd(platform: Platform, chain: Chain) -> None:
    (person,) = persons(platform, 1)
    platform.release(own(person))
    for _ in range(9):
        with pytest.raises(Refusal):
            platform.release(own(SubjectId(secrets.token_bytes(16))))
    assert platform.builder.waiting(Kind.AUDIT) == (11, 1)
    assert platform.oracle.anchor(Kind.AUDIT).held is not None
    assert not chain.leaves


def test_nobody_is_named_in_the_queue(platform: Platform) -> None:
    for subject in persons(platform, 2):
        platform.release(own(subject))
        assert holding(platform, subject) == holding(platform, subject.hex().encode()) == []


def test_asking_for_somebody_erased_brings_no_pseudonym_back(platform: Platform) -> None:
    gone, _ = persons(platform, 2)
    platform.release(own(gone))
    platform.vault.erase(gone, Cause.ERASURE_REQUEST, identity_verified=True)
    counted = platform.builder.waiting(Kind.AUDIT)[1]
    with pytest.raises(Refusal):
        platform.release(own(gone))
    assert platform.builder.waiting(Kind.AUDIT)[1] == counted
    assert holding(platform, gone) == []


def test_every_line_of_a_batch_leads_to_its_root(platform: Platform, chain: Chain) -> None:
    known = persons(platform, 5)
    for subject in known:
        platform.release(own(subject))
    platform.vault.erase(known[0], Cause.ERASURE_REQUEST, identity_verified=True)
    (batch,) = platform.oracle.anchor(Kind.AUDIT).anchored
    assert (batch.count, chain.leaves[batch.root]) == (10, 10)
    log = platform.access_log
    (anchor,) = log.check_anchors(chain, chain.leaves)
    assert (anchor.number, anchor.root, anchor.lines, anchor.releases) == (1, batch.root, 5, 5)
    proofs = [log.proof_of(number) for number in range(1, 6)]
    assert all(proof and proof.holds and proof.root == batch.root for proof in proofs)
    assert log.pending() == ()
    assert platform.builder.waiting(Kind.AUDIT) == (0, 0)
