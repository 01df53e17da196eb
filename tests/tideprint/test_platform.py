"""The rooms wired together, on a real chain: an erasure that was cut short goes on where it stopped."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.calendar import day_of
from protocol.errors import Refusal
from protocol.quantities import Day, Seconds, SubjectId
from protocol.records import DayRecord, Origin, RecordKind
from protocol.rules import RuleSet
from tests.support import Consortium, account
from tideprint.places import Places
from tideprint.platform import Platform
from vault import ErasureTarget

CREDENTIAL = bytes(range(32))
NOW = Seconds(1_795_000_000)


class Unreachable:
    """A store of somebody else's that does not answer."""

    name = "somebody's cache"
    method = "deleted"
    proof = "looked"
    answers = False

    def count(self, target: ErasureTarget) -> int:
        if not self.answers:
            raise OSError("no answer")
        return 1

    def erase(self, target: ErasureTarget) -> None:
        return None

    def absent(self, target: ErasureTarget) -> bool:
        return True


def opened(consortium: Consortium, home: Path, *, create: bool) -> Platform:
    keys = account("ORACLE"), account("CUSTODIAN")
    return Platform(
        Places(home), consortium.ledger, *keys, RuleSet(), create=create, allow_remnants=True, clock=lambda: NOW
    )


@pytest.fixture
def platform(consortium: Consortium, tmp_path: Path) -> Iterator[Platform]:
    with opened(consortium, tmp_path, create=True) as made:
        yield made


def enroll(platform: Platform) -> SubjectId:
    subject = platform.vault.identity.enroll("anna", [b"a shoe's"], hashlib.sha256(CREDENTIAL).digest())
    day = Day(day_of(NOW) - 1)
    record = DayRecord(day, Origin.IMPORTED, 5_000, 0, 60, 10, 0, 0)
    platform.oracle.import_day(subject, record)
    assert list(platform.vault.records.records_of(subject, [RecordKind.DAY]))
    return subject


def test_not_data_subject_without_the_credential(platform: Platform) -> None:
    subject = enroll(platform)
    with pytest.raises(Refusal, match="NOT_DATA_SUBJECT"):
        platform.erase(bytes(32))
    assert subject in platform.vault.identity


def test_asking_again_gives_the_same_certificate(platform: Platform) -> None:
    subject = enroll(platform)
    certificate = platform.erase(CREDENTIAL)
    assert certificate.body["state"] == "CERTIFIED"
    assert subject not in platform.vault.identity
    assert platform.erase(CREDENTIAL) == certificate
    assert not platform.spool.holds(subject)


def test_a_store_that_did_not_answer_keeps_the_erasure_open(platform: Platform) -> None:
    enroll(platform)
    cache = Unreachable()
    platform.vault.erasures.register(cache)
    for _ in range(2):
        with pytest.raises(Refusal, match="STORE_UNREACHABLE"):
            platform.erase(CREDENTIAL)
    cache.answers = True
    certificate = platform.erase(CREDENTIAL)
    assert "somebody's cache" in {store["name"] for store in certificate.body["stores"]}


def test_an_erasure_cut_short_goes_on_when_the_platform_opens(consortium: Consortium, tmp_path: Path) -> None:
    with opened(consortium, tmp_path, create=True) as platform:
        subject = enroll(platform)
        erasures = platform.vault.erasures
        erasures.register(PowerCut(platform))
        with pytest.raises(KeyboardInterrupt):
            platform.erase(CREDENTIAL)
        assert erasures.unfinished()
    with opened(consortium, tmp_path, create=False) as again:
        assert not again.spool.holds(subject)
        assert not again.vault.erasures.unfinished()
        assert len(again.vault.certificates.pending()) == 1


class PowerCut(Unreachable):
    """The process dies while this store is asked."""

    name = "patient notes"

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def count(self, target: ErasureTarget) -> int:
        raise KeyboardInterrupt
