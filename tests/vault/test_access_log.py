"""The access log: a chain that shows what was touched, tags that die with the person, a clock that may not go back."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Reference, Seconds, SubjectId
from protocol.references import Kind, reference_of
from tests.vault.log_support import PATIENT, RELATIVE, Keys, access, forged
from tests.vault.support import Clock
from vault.access_log import GENESIS, AccessLog, Head
from vault.errors import StoreUnavailable
from vault.log_anchors import LogTampered


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
