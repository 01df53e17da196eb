"""The access log: a chain that shows what was touched, tags that die with the person, a clock that may not go back."""

import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.canonical import canonical
from protocol.errors import Refusal, RefusalCode
from protocol.merkle import Tree
from protocol.quantities import Reference, Seconds, SubjectId
from protocol.references import Kind, reference_of
from tests.vault.support import Clock, scratch
from vault.access_log import GENESIS, TOKEN_SIZE, Access, AccessLog, Head, PendingLine
from vault.errors import StoreUnavailable, VaultError
from vault.log_anchors import LogAnchor, LogTampered

PATIENT, RELATIVE = SubjectId(bytes(15) + b"\1"), SubjectId(bytes(15) + b"\3")


class Keys(dict[SubjectId, bytes]):
    """Tag keys by person; take one out and the person is erased."""

    def __init__(self) -> None:
        super().__init__({PATIENT: b"p" * 32, RELATIVE: b"r" * 32})

    def __call__(self, subject: SubjectId) -> bytes | None:
        return self.get(subject)


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path, keys: Keys, clock: Clock) -> Iterator[AccessLog]:
    opened = AccessLog(tmp_path / "access.db", keys, clock, create=True)
    yield opened
    opened.close()


def access(
    *, actor: str = "dr-han", person: SubjectId | None = None, decision: str = "ALLOWED", subject: SubjectId = PATIENT
) -> Access:
    """A clinician looks at the patient's days."""
    return Access(
        actor, person, "CLINICIAN", "Seaside Hospital", "ward 3", subject, "RELEASE", "TREAT", "WELLNESS_OBS", decision
    )


def forged(path: Path, *statements: str) -> None:
    """Change the file the way a thief would, past the triggers."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER lines_stay")
        connection.execute("DROP TRIGGER lines_last")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_line_says_who_when_from_where_whose_what_and_why(log: AccessLog, clock: Clock) -> None:
    reference = log.append(access())
    (line,) = log.lines()
    tag = line.record.pop("subject")
    assert line.record == {
        "number": 1,
        "previous": GENESIS.hex(),
        "at": clock.at,
        "actor": "dr-han",
        "role": "CLINICIAN",
        "institution": "Seaside Hospital",
        "origin": "ward 3",
        "task": "RELEASE",
        "purpose": "TREAT",
        "data_class": "WELLNESS_OBS",
        "decision": "ALLOWED",
    }
    assert len(bytes.fromhex(tag)) == 32
    assert line.reference == reference
    assert log.head == Head(1, reference)


def test_a_persons_address_is_not_kept(log: AccessLog) -> None:
    log.append(access(person=RELATIVE, actor=""))
    assert next(log.lines()).record["origin"] == ""


def test_a_person_finds_every_access_and_only_those(log: AccessLog) -> None:
    log.append(access())
    log.append(access(subject=RELATIVE))
    log.append(access(decision="CONSENT_MISSING"))
    assert [line.number for line in log.of_subject(PATIENT)] == [1, 3]
    assert [line.number for line in log.of_subject(RELATIVE)] == [2]


def test_tags_of_one_person_do_not_look_alike(log: AccessLog) -> None:
    for _ in range(3):
        log.append(access(person=PATIENT, actor=""))
    tags = {line.record[place] for line in log.lines() for place in ("actor", "subject")}
    assert len(tags) == 6


def test_after_erasure_the_event_stays_and_no_copy_maps_to_the_person(
    log: AccessLog, tmp_path: Path, keys: Keys, clock: Clock
) -> None:
    log.append(access())
    log.close()
    shutil.copy(tmp_path / "access.db", tmp_path / "copy.db")
    for name in ("access.db", "copy.db"):
        before = AccessLog(tmp_path / name, keys, clock)
        assert len(before.of_subject(PATIENT)) == 1
        before.close()
    del keys[PATIENT]
    for name in ("access.db", "copy.db"):
        after = AccessLog(tmp_path / name, keys, clock)
        assert after.of_subject(PATIENT) == ()
        assert len(list(after.lines())) == 1
        assert PATIENT.hex() not in str(list(after.lines()))
        after.close()


def test_a_stranger_gets_a_tag_like_everybody_else(log: AccessLog) -> None:
    log.append(access(subject=SubjectId(bytes(16))))
    assert len(bytes.fromhex(next(log.lines()).record["subject"])) == 32


def test_each_line_commits_to_all_before_it(log: AccessLog) -> None:
    references = [log.append(access()) for _ in range(4)]
    lines = list(log.lines())
    assert [line.record["previous"] for line in lines] == [GENESIS.hex(), *(each.hex() for each in references[:-1])]
    assert log.verify() == Head(4, references[-1])
    assert log.verify(references[1]) == log.head


def test_a_reference_opens_with_its_salt_and_hides_without(log: AccessLog, tmp_path: Path) -> None:
    reference = log.append(access())
    with sqlite3.connect(tmp_path / "access.db") as connection:
        salt, record = connection.execute("SELECT salt, record FROM lines").fetchone()
    connection.close()
    assert len(salt) == 64
    assert reference_of(Kind.AUDIT, salt, record) == reference
    assert reference_of(Kind.AUDIT, bytes(range(64)), record) != reference


class Chain(dict[bytes, int]):
    """Roots and the numbers of their anchors, as the chain tells."""

    def anchor_of(self, root: bytes) -> int:
        return self.get(root, 0)


def anchored(log: AccessLog, chain: Chain, references: list[Reference], others: int = 0) -> bytes:
    """Batch these lines with some other leaves, anchor and attach; the root."""
    tree = Tree.of([*references, *(Reference(secrets.token_bytes(32)) for _ in range(others))])
    chain[tree.root] = len(chain) + 1
    for reference in references:
        log.attach_proof(reference, chain[tree.root], tree.root, tree.proof(reference))
    return tree.root


def waiting(log: AccessLog) -> list[Reference]:
    return [line.reference for line in log.pending()]


def people(log: AccessLog) -> int:
    return len({line.token for line in log.pending()} - {b""})


def test_lines_wait_for_a_batch_once(log: AccessLog) -> None:
    references = [log.append(access()) for _ in range(3)]
    assert waiting(log) == references
    tree = Tree.of(references)
    for _ in range(2):
        for reference in references[:2]:
            log.attach_proof(reference, 1, tree.root, tree.proof(reference))
    assert waiting(log) == references[2:]
    assert log.verify().count == 3


def test_a_proof_that_proves_nothing_is_not_kept(log: AccessLog) -> None:
    reference, other = log.append(access()), log.append(access())
    tree = Tree.of([reference, other])
    with pytest.raises(VaultError, match="PROOF_INVALID"):
        log.attach_proof(reference, 1, bytes(32), tree.proof(reference))
    log.attach_proof(reference, 1, tree.root, tree.proof(reference))
    with pytest.raises(VaultError, match="PROOF_ATTACHED"):
        log.attach_proof(reference, 2, tree.root, tree.proof(reference))
    assert waiting(log) == [other]


def test_a_batch_that_holds_a_line_the_log_has_lost_stops_the_log(log: AccessLog) -> None:
    tree = Tree.of([Reference(secrets.token_bytes(32))])
    with pytest.raises(LogTampered, match="gone"):
        log.attach_proof(next(iter(tree.places)), 1, tree.root, ())
    with pytest.raises(LogTampered):
        log.append(access())


def test_the_anchors_of_the_log_stand_beside_the_chain(log: AccessLog) -> None:
    chain = Chain()
    first = anchored(log, chain, [log.append(access()) for _ in range(3)], others=3)
    second = anchored(log, chain, [log.append(access(decision="CONSENT_MISSING"))])
    log.append(access())
    expected = (LogAnchor(1, first, 3, 3), LogAnchor(2, second, 1, 0))
    assert log.anchors() == expected
    assert log.check_anchors(chain) == log.check_anchors(chain, {first: 6, second: 1}) == expected


def test_an_inspector_gets_what_shows_one_line_to_be_on_the_chain(log: AccessLog) -> None:
    references = [log.append(access()) for _ in range(5)]
    root = anchored(log, Chain(), references[:4])
    shown = log.proof_of(2)
    assert shown is not None
    assert (shown.number, shown.anchor, shown.root, shown.opening.reference) == (2, 1, root, references[1])
    assert b"dr-han" in shown.opening.record
    assert shown.holds
    assert not replace(shown, opening=replace(shown.opening, record=b"{}")).holds
    assert log.proof_of(5) is log.proof_of(6) is None


def rewritten(path: Path, lines: int, *statements: str) -> None:
    """A forger's work: keep some lines, change every decision, and compute the whole hash chain anew."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER lines_stay")
        connection.execute("DROP TRIGGER lines_last")
        connection.execute("DELETE FROM lines WHERE number > ?", (lines,))
        previous = GENESIS
        for number, salt, record in connection.execute("SELECT number, salt, record FROM lines ORDER BY 1").fetchall():
            changed = orjson.loads(record) | {"previous": previous.hex(), "decision": "CONSENT_MISSING"}
            previous = reference_of(Kind.AUDIT, salt, canonical(changed))
            values = (canonical(changed), previous, number)
            connection.execute("UPDATE lines SET record = ?, reference = ? WHERE number = ?", values)
        connection.execute("UPDATE head SET count = ?, reference = ?", (lines, previous))
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_rewritten_chain_does_not_lead_to_its_roots(log: AccessLog, tmp_path: Path, keys: Keys, clock: Clock) -> None:
    anchored(log, Chain(), [log.append(access()) for _ in range(4)])
    rewritten(tmp_path / "access.db", 4)
    with pytest.raises(LogTampered, match="does not lead to the root"):
        log.verify()
    with pytest.raises(LogTampered):
        log.append(access())
    with pytest.raises(LogTampered):
        AccessLog(tmp_path / "access.db", keys, clock)


def test_cut_lines_leave_their_proofs_behind(log: AccessLog, tmp_path: Path) -> None:
    anchored(log, Chain(), [log.append(access()) for _ in range(4)])
    cut = "UPDATE head SET count = 3, reference = (SELECT reference FROM lines WHERE number = 3)"
    forged(tmp_path / "access.db", "DELETE FROM lines WHERE number = 4", cut)
    with pytest.raises(LogTampered, match="anchored line is gone"):
        log.verify()


FORGERIES = {
    "everything forgotten": ("DELETE FROM batched",),
    "the last anchor forgotten": ("DELETE FROM batched WHERE anchor = 2",),
}


@pytest.mark.parametrize("statements", FORGERIES.values(), ids=FORGERIES.keys())
def test_an_anchor_the_log_forgot_is_found_by_whoever_holds_the_chain(
    log: AccessLog, tmp_path: Path, statements: tuple[str, ...]
) -> None:
    chain = Chain()
    first = anchored(log, chain, [log.append(access()) for _ in range(3)], others=3)
    second = anchored(log, chain, [log.append(access()) for _ in range(2)], others=1)
    log.check_anchors(chain, {first: 6, second: 3})
    cut = "UPDATE head SET count = 3, reference = (SELECT reference FROM lines WHERE number = 3)"
    forged(tmp_path / "access.db", "DELETE FROM lines WHERE number > 3", cut, *statements)
    assert log.verify().count == 3
    with pytest.raises(LogTampered, match="no line"):
        log.check_anchors(chain, {first: 6, second: 3})


def test_a_line_cut_from_the_last_anchor_is_found_by_its_count_of_leaves(log: AccessLog, tmp_path: Path) -> None:
    chain = Chain()
    lines = [log.append(access()), log.append(access(decision="CONSENT_MISSING")), log.append(access())]
    root = anchored(log, chain, lines, others=2)
    log.check_anchors(chain, {root: 5})
    cut = "UPDATE head SET count = 2, reference = (SELECT reference FROM lines WHERE number = 2)"
    path = tmp_path / "access.db"
    forged(path, "DELETE FROM lines WHERE number = 3", "DELETE FROM batched WHERE number = 3", cut)
    assert log.verify().count == 2
    with pytest.raises(LogTampered, match="more than the lines that are left"):
        log.check_anchors(chain, {root: 5})


def test_an_invented_root_is_not_on_the_chain(log: AccessLog, tmp_path: Path) -> None:
    chain = Chain()
    anchored(log, chain, [log.append(access())])
    rewritten(tmp_path / "access.db", 1, "DELETE FROM batched")
    (line,) = log.pending()
    invented = Tree.of([line.reference])
    log.attach_proof(line.reference, 1, invented.root, ())
    assert log.verify().count == 1
    with pytest.raises(LogTampered, match="the chain does not hold"):
        log.check_anchors(chain)
    with pytest.raises(LogTampered):
        log.append(access())


def test_an_anchor_has_one_root(log: AccessLog, tmp_path: Path) -> None:
    anchored(log, Chain(), [log.append(access())])
    anchored(log, Chain(), [log.append(access())])
    with pytest.raises(LogTampered, match="belong together"):
        log.verify()


def test_the_crowd_counts_persons_not_lines(log: AccessLog, keys: Keys) -> None:
    for subject in (PATIENT, PATIENT, RELATIVE, PATIENT):
        log.append(access(subject=subject))
    assert [len(line.token) for line in log.pending()] == [TOKEN_SIZE, 0, TOKEN_SIZE, 0]
    assert people(log) == 2


def test_whoever_asks_for_strangers_does_not_add_to_the_crowd(log: AccessLog, keys: Keys) -> None:
    for _ in range(4):
        log.append(access(subject=SubjectId(secrets.token_bytes(16)), decision="NOT_DATA_SUBJECT"))
    log.append(access())
    del keys[PATIENT]
    log.append(access(decision="NOT_DATA_SUBJECT"))
    assert len(waiting(log)) == 6
    assert people(log) == 1


def test_tokens_are_random_stay_while_a_line_waits_and_then_go(log: AccessLog, tmp_path: Path, clock: Clock) -> None:
    """Nothing ties the lines of a person together, neither of one day nor of two."""
    first = log.append(access())
    (before,) = log.pending()
    clock.at += 3 * 86_400
    second = log.append(access())
    assert log.pending()[0] == before
    assert people(log) == 1, "a person who waits for days still counts once"
    anchored(log, Chain(), [first, second])
    with sqlite3.connect(tmp_path / "access.db") as connection:
        assert connection.execute("SELECT count(*) FROM crowd").fetchone() == (0,)
    connection.close()
    log.append(access())
    (after,) = log.pending()
    assert len(after.token) == TOKEN_SIZE
    assert after.token != before.token


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=25))
@settings(max_examples=30, deadline=None)
def test_a_batch_never_counts_more_persons_than_it_holds(steps: list[tuple[int, bool]]) -> None:
    """Whatever is written while a batch is on its way: 0 is a stranger, the others are persons."""
    keys = Keys()
    keys.update({SubjectId(bytes([each]) * 16): bytes([each]) * 32 for each in range(1, 5)})
    with scratch() as directory:
        log, chain = AccessLog(directory / "access.db", keys, Clock(), create=True), Chain()
        whose: dict[Reference, int] = {}
        built: list[PendingLine] = []
        for who, turn in steps:
            whose[log.append(access(subject=SubjectId(bytes([who]) * 16)))] = who
            if turn and built:
                anchored(log, chain, [line.reference for line in built])
                built = []
            elif turn:
                built = list(log.pending())
                counted = [line for line in built if line.token]
                assert len({line.token for line in counted}) == len({whose[line.reference] for line in counted})
                assert 0 not in {whose[line.reference] for line in counted}
        log.close()


def edited(text: str) -> str:
    return f"UPDATE lines SET record = CAST(replace(CAST(record AS TEXT), {text}) AS BLOB) WHERE number = 2"


TAMPERINGS = {
    "decision edited": (edited("'CONSENT_MISSING', 'ALLOWED'"),),
    "person who asked edited": (edited("'dr-han', 'dr-lim'"),),
    "salt replaced": ("UPDATE lines SET salt = (SELECT salt FROM lines WHERE number = 1) WHERE number = 2",),
    "reference replaced": ("UPDATE lines SET reference = zeroblob(32) WHERE number = 2",),
    "first line removed": ("DELETE FROM lines WHERE number = 1",),
    "middle line removed": ("DELETE FROM lines WHERE number = 2",),
    "middle line removed and the rest moved up": (
        "DELETE FROM lines WHERE number = 2",
        "UPDATE lines SET number = 2 WHERE number = 3",
        "UPDATE head SET count = 2",
    ),
    "last line removed": ("DELETE FROM lines WHERE number = 3",),
    "all lines removed": ("DELETE FROM lines",),
    "lines exchanged": (
        "UPDATE lines SET number = 9 WHERE number = 2",
        "UPDATE lines SET number = 2 WHERE number = 3",
        "UPDATE lines SET number = 3 WHERE number = 9",
    ),
    "line repeated": ("INSERT INTO lines SELECT 4, salt, record, reference FROM lines WHERE number = 3",),
    "head moved": ("UPDATE head SET count = 2",),
    "head removed": ("DELETE FROM head",),
}


@pytest.mark.parametrize("statements", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_tampering_is_found_at_once_and_stops_the_log(
    log: AccessLog, tmp_path: Path, keys: Keys, clock: Clock, statements: tuple[str, ...]
) -> None:
    for decision in ("ALLOWED", "CONSENT_MISSING", "ALLOWED"):
        log.append(access(decision=decision))
    assert log.verify().count == 3
    forged(tmp_path / "access.db", *statements)
    with pytest.raises(LogTampered):
        log.verify()
    with pytest.raises(LogTampered):
        log.append(access())
    with pytest.raises(LogTampered):
        log.pending()
    with pytest.raises(LogTampered):
        AccessLog(tmp_path / "access.db", keys, clock)


def test_a_cut_end_is_noticed_by_the_next_line(log: AccessLog, tmp_path: Path) -> None:
    for _ in range(2):
        log.append(access())
    forged(tmp_path / "access.db", "DELETE FROM lines WHERE number = 2")
    with pytest.raises(LogTampered):
        log.append(access())
    with pytest.raises(LogTampered):
        log.append(access())


def test_an_anchored_reference_finds_what_was_rewritten_with_its_head(
    log: AccessLog, tmp_path: Path, keys: Keys, clock: Clock
) -> None:
    log.append(access())
    anchored = log.append(access())
    log.close()
    head = "UPDATE head SET count = 1, reference = (SELECT reference FROM lines)"
    forged(tmp_path / "access.db", "DELETE FROM lines WHERE number = 2", head)
    rewritten = AccessLog(tmp_path / "access.db", keys, clock)
    with pytest.raises(LogTampered, match="anchored"):
        rewritten.verify(anchored)
    rewritten.close()


def test_lines_in_the_wrong_order_of_time_are_found(tmp_path: Path, keys: Keys) -> None:
    """A chain that somebody built anew, links and head included, with times running backwards."""
    clock = Clock(2_000)
    log = AccessLog(tmp_path / "access.db", keys, clock, create=True)
    log.append(access())
    log._last = Seconds(0)
    clock.at = 1_000
    log.append(access())
    with pytest.raises(LogTampered, match="older"):
        log.verify()
    log.close()


@pytest.mark.parametrize("statement", ["DELETE FROM lines", "UPDATE lines SET record = x'00'"])
def test_the_file_itself_refuses_to_change_lines(log: AccessLog, tmp_path: Path, statement: str) -> None:
    log.append(access())
    connection = sqlite3.connect(tmp_path / "access.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


def test_a_clock_set_back_is_written_down_and_refused(log: AccessLog, clock: Clock) -> None:
    log.append(access())
    assert log.trusts_clock()
    clock.at -= 60
    assert not log.trusts_clock()
    with pytest.raises(Refusal) as caught:
        log.append(access())
    assert caught.value.refusal is RefusalCode.CLOCK_UNTRUSTED
    (incident,) = log.incidents()
    assert incident.record["decision"] == "CLOCK_UNTRUSTED(60 s back)"
    assert incident.record["at"] == clock.at + 60
    clock.at += 60
    log.append(access())
    assert log.verify().count == 3


def test_the_clock_is_remembered_after_a_restart(log: AccessLog, tmp_path: Path, keys: Keys, clock: Clock) -> None:
    log.append(access())
    log.close()
    clock.at -= 1
    again = AccessLog(tmp_path / "access.db", keys, clock)
    assert not again.trusts_clock()
    again.close()


def test_the_file_is_private_and_never_made_anew(log: AccessLog, tmp_path: Path, keys: Keys, clock: Clock) -> None:
    assert (tmp_path / "access.db").stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreUnavailable):
        AccessLog(tmp_path / "gone.db", keys, clock)


WRITER = """
import sys
from pathlib import Path
from tests.vault.test_access_log import Keys, access
from tests.vault.support import Clock
from vault.access_log import AccessLog
log = AccessLog(Path(sys.argv[1]), Keys(), Clock())
while True:
    sys.stdout.write(log.append(access()).hex() + "\\n")
    sys.stdout.flush()
"""


def test_the_chain_goes_on_after_a_kill(log: AccessLog, tmp_path: Path, keys: Keys, clock: Clock) -> None:
    log.close()
    path, told = tmp_path / "access.db", []
    for round_ in range(3):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            told += [Reference(bytes.fromhex(writer.stdout.readline())) for _ in range(5 + 3 * round_)]
            writer.send_signal(signal.SIGKILL)
            told += [Reference(bytes.fromhex(line)) for line in writer.stdout if len(line) == 65]
        again = AccessLog(path, keys, clock)
        written = [line.reference for line in again.lines()]
        assert set(told) <= set(written)
        again.append(access())
        assert again.verify().count == len(written) + 1
        again.close()
    assert len(told) >= 24
