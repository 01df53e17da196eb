import shutil
from pathlib import Path

import pytest

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day, SubjectId
from tests.vault.support import TODAY, Clock, Crash, options, seal_days
from vault import Cause, ErasureTarget, Hold, RecordId, State, Vault, VaultError
from vault.erasure import STEPS
from vault.errors import KeyErased
from vault.forgetting import scan
from vault.paths import parse, period_of

SHOE = b"SHOE-001"


class Spool:
    """A store of somebody else's: what an oracle still holds of a subject."""

    name = "spool"
    method = "entries deleted"
    proof = "asked again"

    def __init__(self, *subjects: SubjectId) -> None:
        self.entries = list(subjects)
        self.reachable = True
        self.hold: Hold | None = None
        self.forgetful = True

    def count(self, target: ErasureTarget) -> int:
        if not self.reachable:
            raise ConnectionError("no answer")
        return sum(entry == target.subject for entry in self.entries)

    def erase(self, target: ErasureTarget) -> Hold | None:
        if self.forgetful:
            self.entries = [entry for entry in self.entries if entry != target.subject]
        return self.hold

    def absent(self, target: ErasureTarget) -> bool:
        return target.subject not in self.entries


def two_people(vault: Vault) -> tuple[SubjectId, SubjectId]:
    anna, ben = vault.identity.enroll("anna", [SHOE]), vault.identity.enroll("ben", [])
    for subject in (anna, ben):
        seal_days(vault, subject, 2)
        seal_days(vault, subject, 1, Day(TODAY - 40))
    return anna, ben


def forget(vault: Vault, subject: SubjectId, **more: str) -> None:
    vault.erase(subject, Cause.ERASURE_REQUEST, identity_verified=True, **more)


def all_steps(home: Path) -> list[str]:
    """Every step that an erasure with a foreign store goes through, in order."""
    steps: list[str] = []
    with Vault.create(home, options(on_step=steps.append)) as vault:
        anna, _ = two_people(vault)
        vault.erasures.register(Spool(anna))
        steps.clear()
        forget(vault, anna)
    shutil.rmtree(home)
    return steps


def test_every_state_but_the_last_two_has_a_step() -> None:
    assert set(STEPS) == {state for state in State if not state.final}
    assert list(STEPS) == list(State)[:5]


def test_the_states_come_in_order_and_keys_die_first(home: Path) -> None:
    steps = all_steps(home)
    states = [step for step in steps if step in set(State)]
    assert states == ["REQUESTED", "IDENTITY_VERIFIED", "HOLD_CHECK", "EXECUTING", "VERIFIED", "CERTIFIED"]
    stores = [step.split()[0] for step in steps if step.endswith("verified")]
    assert stores == ["keys", "blocks", "records", "identity", "spool"]


def test_after_an_erasure_nothing_is_left_and_others_keep_all(vault: Vault, home: Path) -> None:
    anna, ben = two_people(vault)
    ids = [found.record_id for found in vault.records.records_of(anna)]
    salts = {f"salt {found.record_id}": found.opening.salt for found in vault.records.records_of(anna)}
    cids = [cid for (cid,) in vault._rows.rows("SELECT cid FROM record")]
    target = vault.target_of(anna)
    forget(vault, anna)
    for prefix in target.prefixes:
        with pytest.raises(KeyErased):
            vault._keys.key(prefix)
    for record_id in ids:
        with pytest.raises(VaultError, match="RECORD_UNKNOWN"):
            vault.records.open(record_id)
    assert len(vault._blocks.has(cids)) == 3
    assert scan(home, {"shoe": SHOE, "subject": anna, **salts}) == []
    assert len(list(vault.records.records_of(ben))) == 3
    status = vault.status()
    assert (status.subjects, status.records, status.open_erasures, status.certificates) == (1, 3, 0, 1)


def test_killed_at_any_step_it_resumes_and_ends_the_same(home: Path) -> None:
    for place, name in enumerate(steps := all_steps(home)):
        left = [place]

        def crash(_: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == -1:
                raise Crash

        with Vault.create(home, options()) as vault:
            anna, ben = two_people(vault)
            vault.erasures.register(Spool(anna))
        spool = Spool(anna, ben)
        with Vault.open(home, options(on_step=crash)) as vault:
            vault.erasures.register(spool)
            with pytest.raises(Crash):
                forget(vault, anna)
        with Vault.open(home, options()) as vault:
            vault.erasures.register(spool)
            ended = bool(vault.certificates.all())
            assert ended == (name == "CERTIFIED"), name
            if not ended:
                check_stopped(vault, anna, name)
                for erasure in vault.erasures.unfinished():
                    vault.erasures.run(erasure.id, identity_verified=True)
            check_gone(vault, anna, ben, spool)
        shutil.rmtree(home)
    assert len(steps) > 20


def check_stopped(vault: Vault, subject: SubjectId, step: str) -> None:
    """Between request and certificate nothing is read or written, wherever it was interrupted."""
    assert not vault.status().locked, step
    with pytest.raises(VaultError, match=r"ERASURE_UNDER_WAY|SUBJECT_UNKNOWN"):
        seal_days(vault, subject, 1)
    with pytest.raises(VaultError, match=r"ERASURE_UNDER_WAY|SUBJECT_UNKNOWN"):
        list(vault.records.records_of(subject))


def check_gone(vault: Vault, gone: SubjectId, other: SubjectId, spool: Spool) -> None:
    (certificate,) = vault.certificates.all()
    assert {store["name"]: store["rows"] for store in certificate.body["stores"]} == {
        "keys": certificate.body["keys_destroyed"], "blocks": 3, "records": 3, "identity": 1, "spool": 1,
    }  # fmt: skip
    assert certificate.body["keys_destroyed"] >= 7
    assert vault.identity.subject_of("anna") is None
    assert spool.entries == [other]
    assert vault.erasures.unfinished() == []
    assert len(list(vault.records.records_of(other))) == 3
    assert not vault.status().locked
    assert vault._rows.rows("SELECT ticket, ticket_path FROM erasure") == [(None, None)]
    assert len(vault._root.epochs()) == 1


def test_reads_and_writes_stop_with_the_request(vault: Vault) -> None:
    anna, ben = two_people(vault)
    record_id = next(vault.records.records_of(anna)).record_id
    listing = vault.records.records_of(anna)
    next(listing)
    vault.erasures.request(Cause.ERASURE_REQUEST, vault.target_of(anna))
    for use in (
        lambda: vault.records.open(record_id),
        lambda: list(vault.records.records_of(anna)),
        lambda: next(listing),
        lambda: seal_days(vault, anna, 1),
        lambda: vault.records.attach_proof(record_id, 1, bytes(32), []),
    ):
        with pytest.raises(VaultError, match="ERASURE_UNDER_WAY"):
            use()
    assert len(list(vault.records.records_of(ben))) == 3


def test_a_second_request_is_the_same_erasure(vault: Vault) -> None:
    anna, _ = two_people(vault)
    first = vault.erasures.request(Cause.ERASURE_REQUEST, vault.target_of(anna), "request-1")
    assert vault.erasures.request(Cause.PURPOSE_ACHIEVED, vault.target_of(anna)) == first
    assert vault.erasures.request(Cause.ERASURE_REQUEST, vault.target_of(anna), "request-1") == first
    one = vault.erase(anna, Cause.ERASURE_REQUEST, identity_verified=True, request_key="request-1")
    two = vault.erase(anna, Cause.ERASURE_REQUEST, identity_verified=True, request_key="request-1")
    assert one == two
    assert vault.certificates.all() == [one]
    with pytest.raises(VaultError, match="SUBJECT_UNKNOWN"):
        forget(vault, anna)


def test_an_unverified_request_waits_and_can_be_taken_back(vault: Vault) -> None:
    anna, _ = two_people(vault)
    with pytest.raises(Refusal) as refused:
        vault.erase(anna, Cause.ERASURE_REQUEST)
    assert refused.value.refusal is RefusalCode.IDENTITY_UNVERIFIED
    (erasure,) = vault.erasures.unfinished()
    assert erasure.state is State.REQUESTED
    assert vault.erasures.resume() == []
    vault.erasures.cancel(erasure.id)
    assert len(list(vault.records.records_of(anna))) == 3
    with pytest.raises(VaultError, match="ERASURE_UNKNOWN"):
        vault.erasures.get(erasure.id)


@pytest.mark.parametrize("cause", [cause for cause in Cause if not cause.needs_identity])
def test_causes_that_nobody_asks_for_need_no_identity(vault: Vault, cause: Cause) -> None:
    anna, _ = two_people(vault)
    assert vault.erase(anna, cause).body["cause"] == cause


def test_a_legal_hold_keeps_it_open_and_names_basis_and_end(vault: Vault) -> None:
    anna, _ = two_people(vault)
    vault.erasures.hold_check = lambda _: Hold("MEDICAL_RECORD", Day(TODAY + 10))
    with pytest.raises(Refusal) as refused:
        forget(vault, anna)
    assert refused.value.refusal is RefusalCode.LEGAL_HOLD
    assert refused.value.detail == f"MEDICAL_RECORD, until {TODAY + 10}"
    (erasure,) = vault.erasures.unfinished()
    assert erasure.state is State.IDENTITY_VERIFIED
    with pytest.raises(VaultError, match="ERASURE_BEGUN"):
        vault.erasures.cancel(erasure.id)
    assert [found.state for found in vault.erasures.resume()] == [State.IDENTITY_VERIFIED]
    vault.erasures.hold_check = lambda _: None
    assert [found.state for found in vault.erasures.resume()] == [State.CERTIFIED]


def test_an_unreachable_store_keeps_it_open_while_the_others_forget(vault: Vault) -> None:
    anna, _ = two_people(vault)
    spool = Spool(anna)
    spool.reachable = False
    vault.erasures.register(spool)
    with pytest.raises(Refusal) as refused:
        forget(vault, anna)
    assert (refused.value.refusal, refused.value.detail) == (RefusalCode.STORE_UNREACHABLE, "spool")
    assert vault.certificates.all() == []
    assert vault.identity.subject_of("anna") is None
    assert vault.status().records == 3
    spool.reachable = True
    assert [found.state for found in vault.erasures.resume()] == [State.CERTIFIED]
    assert spool.entries == []


def test_a_store_registered_once_is_missed_after_a_restart(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna, _ = two_people(vault)
        vault.erasures.register(Spool(anna))
    with Vault.open(home, options()) as vault:
        with pytest.raises(Refusal) as refused:
            forget(vault, anna)
        assert (refused.value.refusal, refused.value.detail) == (RefusalCode.STORE_UNREACHABLE, "spool")
    with Vault.open(home, options()) as vault:
        spool = Spool(anna)
        vault.erasures.register(spool)
        assert [found.state for found in vault.erasures.resume()] == [State.CERTIFIED]
        assert spool.entries == []


def test_a_store_that_only_says_it_erased_is_not_certified(vault: Vault) -> None:
    anna, _ = two_people(vault)
    spool = Spool(anna)
    spool.forgetful = False
    vault.erasures.register(spool)
    with pytest.raises(Refusal, match="STORE_UNREACHABLE"):
        forget(vault, anna)
    assert vault.certificates.all() == []


def test_an_own_store_that_fails_stops_with_its_own_error(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, _ = two_people(vault)
    with monkeypatch.context() as patched:
        patched.setattr(vault._blocks, "delete", lambda _: 0)
        with pytest.raises(VaultError, match="STILL_THERE"):
            forget(vault, anna)
    assert vault.erasures.resume()[0].state is State.CERTIFIED


def test_what_a_law_keeps_elsewhere_is_on_the_certificate(vault: Vault) -> None:
    anna, _ = two_people(vault)
    spool = Spool(anna)
    spool.hold = Hold("MEDICAL_RECORD", Day(TODAY + 3650))
    vault.erasures.register(spool)
    certificate = vault.erase(anna, Cause.ERASURE_REQUEST, identity_verified=True)
    assert certificate.body["state"] == State.PARTIAL_RETAINED
    assert certificate.body["retained"] == [{"basis": "MEDICAL_RECORD", "store": "spool", "until": TODAY + 3650}]


def test_a_period_is_erased_in_one_go_and_identities_stay(vault: Vault) -> None:
    anna, ben = two_people(vault)
    certificate = vault.erase_period(period_of(Day(TODAY - 40)))
    assert (certificate.body["cause"], certificate.body["salts_destroyed"]) == ("RETENTION_END", 2)
    for subject in (anna, ben):
        assert [found.day for found in vault.records.records_of(subject)] == [TODAY, TODAY + 1]
    assert len(vault.identity) == 2
    with pytest.raises(VaultError, match="PATH_INVALID"):
        vault.erase_period(0)


@pytest.mark.parametrize("days", [(TODAY - 40, TODAY), (TODAY, TODAY - 40)])
def test_an_erased_period_stays_forgotten_after_a_restart(home: Path, days: tuple[int, int]) -> None:
    with Vault.create(home, options()) as vault:
        anna = vault.identity.enroll("anna", [])
        for day in days:
            seal_days(vault, anna, 1, Day(day))
        assert len(vault.target_of(anna).prefixes) == 3
        vault.erase_period(period_of(Day(TODAY - 40)))
        slots = vault.target_of(anna).prefixes
    with Vault.open(home, options()) as vault:
        assert vault.target_of(anna).prefixes == slots
        assert len(slots) == 2


def test_a_period_under_erasure_is_not_read_or_written(vault: Vault) -> None:
    anna, _ = two_people(vault)
    record_id = RecordId(seal_days(vault, anna, 1)[0])
    vault.erasures.request(Cause.ERASURE_REQUEST, ErasureTarget(None, (parse(record_id[:5]),)))
    with pytest.raises(VaultError, match="ERASURE_UNDER_WAY"):
        vault.records.open(record_id)
    with pytest.raises(VaultError, match="ERASURE_UNDER_WAY"):
        seal_days(vault, anna, 1)


def test_times_come_from_the_clock(home: Path) -> None:
    clock = Clock(1000)
    with Vault.create(home, options(clock=clock)) as vault:
        anna, _ = two_people(vault)
        vault.erasures.request(Cause.ERASURE_REQUEST, vault.target_of(anna))
        clock.at = 1600
        body = vault.erase(anna, Cause.ERASURE_REQUEST, identity_verified=True).body
    assert (body["requested_at"], body["certified_at"]) == (1000, 1600)


def test_the_table_of_erasures_tells_nothing_of_whom(vault: Vault, home: Path) -> None:
    anna, _ = two_people(vault)
    vault.erasures.request(Cause.ERASURE_REQUEST, vault.target_of(anna), "request-1")
    assert scan(home, {"subject": anna, "key": b"request-1"}) == []
