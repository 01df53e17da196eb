"""Anchored lines prove that they are, and the queue counts people without naming them."""

import secrets
import sqlite3
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.canonical import canonical
from protocol.merkle import Tree
from protocol.quantities import Reference, SubjectId
from protocol.references import Kind, reference_of
from tests.vault.log_support import PATIENT, RELATIVE, Chain, Keys, access, anchored, forged, people, waiting
from tests.vault.support import Clock, scratch
from vault.access_log import GENESIS, TOKEN_SIZE, AccessLog, PendingLine
from vault.errors import VaultError
from vault.log_anchors import LogAnchor, LogTampered


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
