"""Batches and anchoring: k subjects, padding that never counts, proofs that verify, one anchor a root."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.anchoring import Anchoring
from oracles.batches import Batch, BatchBuilder, HeldBack
from oracles.pending import PendingReference
from oracles.sealing import ErasableSeal
from oracles.spool import Spool
from protocol.errors import RefusalCode, TideprintError
from protocol.merkle import verify
from protocol.quantities import Reference, SubjectId
from protocol.references import Kind
from tests.oracles.core_support import DAY, Chain, Crash, Keeper, TagKeys


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool.db", ErasableSeal(TagKeys()))
    yield spool
    spool.close()


def references(subjects: int, each: int = 1, kind: Kind = Kind.READING) -> list[PendingReference]:
    return [
        PendingReference(kind, Reference(secrets.token_bytes(32)), bytes([s]) * 16, f"{s}-{i}")
        for s in range(subjects)
        for i in range(each)
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(5, 40), st.integers(1, 3))
def test_every_proof_leads_to_the_root_and_padding_never_counts(
    tmp_path_factory: pytest.TempPathFactory, subjects: int, each: int
) -> None:
    spool = Spool(tmp_path_factory.mktemp("batch") / "spool.db", ErasableSeal(TagKeys()))
    drawn: list[bytes] = []

    def entropy(size: int) -> bytes:
        drawn.append(secrets.token_bytes(size))
        return drawn[-1]

    items = references(subjects, each)
    builder = BatchBuilder(spool.pending, 5, entropy)
    builder.add(items)
    builder.add(items)
    batch = builder.build(Kind.READING, DAY)
    assert isinstance(batch, Batch)
    assert batch.count == len(items) == len(batch.placed)
    size = len(items) + len(drawn)
    assert size & (size - 1) == 0
    assert len(drawn) < len(items)
    assert {item.reference for item in batch.placed} == {item.reference for item in items}
    assert all(verify(batch.root, item.reference, item.proof) for item in batch.placed)
    assert all(2 ** len(item.proof) == size for item in batch.placed)
    assert builder.unfinished() == [batch]
    assert builder.build(Kind.READING, DAY) is None
    spool.close()


def test_k_counts_subjects_not_leaves_and_what_is_held_merges(spool: Spool) -> None:
    builder = BatchBuilder(spool.pending, 5)
    builder.add(references(4, each=20))
    held = builder.build(Kind.READING, DAY)
    assert held == HeldBack(Kind.READING, DAY, 4, 5)
    assert held.code is RefusalCode.BATCH_BELOW_K
    assert builder.waiting(Kind.READING) == (80, 4)
    builder.add(references(5)[4:])
    batch = builder.build(Kind.READING, DAY)
    assert isinstance(batch, Batch)
    assert batch.count == 81


def test_kinds_never_share_a_batch(spool: Spool) -> None:
    builder = BatchBuilder(spool.pending, 5)
    builder.add([*references(4), *references(5, kind=Kind.ERASURE)])
    assert isinstance(builder.build(Kind.READING, DAY), HeldBack)
    batch = builder.build(Kind.ERASURE, DAY)
    assert isinstance(batch, Batch)
    assert batch.count == 5
    assert builder.build(Kind.AUDIT, DAY) is None


def test_what_counts_for_nobody_is_anchored_but_never_makes_up_the_crowd(spool: Spool) -> None:
    builder = BatchBuilder(spool.pending, 5)
    nobody = [PendingReference(Kind.AUDIT, Reference(secrets.token_bytes(32)), b"", f"receipt {n}") for n in range(9)]
    builder.add([*nobody, *references(4, kind=Kind.AUDIT)])
    held = builder.build(Kind.AUDIT, DAY)
    assert isinstance(held, HeldBack)
    assert held.subjects == 4
    builder.add(references(1, kind=Kind.AUDIT))
    batch = builder.build(Kind.AUDIT, DAY)
    assert isinstance(batch, HeldBack), "the same token again is the same person"
    builder.add([PendingReference(Kind.AUDIT, Reference(secrets.token_bytes(32)), secrets.token_bytes(16), b"line")])
    batch = builder.build(Kind.AUDIT, DAY)
    assert isinstance(batch, Batch)
    assert {item.record_id for item in batch.placed} >= {"receipt 0", "0-0", b"line"}


def test_somebody_whose_key_is_gone_neither_counts_nor_waits(tmp_path: Path) -> None:
    keys, items = TagKeys(), references(5)
    spool = Spool(tmp_path / "spool.db", ErasableSeal(keys))
    BatchBuilder(spool.pending, 5).add(items)
    keys.erased.add(SubjectId(items[0].subject))
    spool.close()
    spool = Spool(tmp_path / "spool.db", ErasableSeal(keys))
    builder = BatchBuilder(spool.pending, 5)
    assert builder.waiting(Kind.READING) == (4, 4)
    with pytest.raises(TideprintError, match="KEY_ERASED"):
        builder.add(items)
    assert spool.holds(SubjectId(items[0].subject))
    assert spool.erase(SubjectId(items[0].subject)) == 1
    spool.close()


def test_an_erased_subject_no_longer_counts_towards_k(spool: Spool) -> None:
    builder = BatchBuilder(spool.pending, 5)
    items = references(5)
    builder.add(items)
    assert spool.erase(items[0].subject) == 1  # type: ignore[arg-type]
    assert isinstance(builder.build(Kind.READING, DAY), HeldBack)


class Faulty:
    """Passes calls on and dies before or after the n-th of them."""

    def __init__(self, inner: object, at: int, *, after: bool) -> None:
        self._inner, self._left, self._after = inner, at, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def call(*args: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Crash
            result = method(*args)
            if self._left == 0:
                raise Crash
            return result

        return call


CALLS = {"builder": 9, "chain": 2, "keeper": 5}
"""How often anchoring a batch of five calls each neighbour."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("where", "at"), [(name, at) for name, calls in CALLS.items() for at in range(1, calls + 1)])
def test_a_crash_at_any_step_of_anchoring_is_made_up_for_without_doubling(
    tmp_path: Path, where: str, at: int, after: bool
) -> None:
    spool, chain, items = Spool(tmp_path / "spool.db", ErasableSeal(TagKeys())), Chain(), references(5)
    keeper = _Keeps()
    builder = BatchBuilder(spool.pending, 5)
    builder.add(items)
    parts: dict[str, Any] = {"builder": builder, "chain": chain, "keeper": keeper}
    parts[where] = Faulty(parts[where], at, after=after)
    with pytest.raises(Crash):
        Anchoring(parts["builder"], parts["chain"], {Kind.READING: parts["keeper"]}).run(Kind.READING, DAY)
    spool.close()
    spool = Spool(tmp_path / "spool.db", ErasableSeal(TagKeys()))
    again = Anchoring(BatchBuilder(spool.pending, 5), chain, {Kind.READING: keeper})
    again.run(Kind.READING, DAY)
    assert len(chain.roots) == 1
    assert chain.counts == [5]
    root = next(iter(chain.roots))
    assert set(keeper.proofs) == {item.record_id for item in items}
    assert all(verify(root, item.reference, keeper.proofs[item.record_id]) for item in items)
    assert spool.database.row("SELECT count(*) FROM pending")[0] == 0
    assert again.run(Kind.READING, DAY).anchored == ()
    spool.close()


class _Keeps:
    def __init__(self) -> None:
        self.proofs: dict[Any, tuple[bytes, ...]] = {}

    def attach_proof(self, record_id: Any, anchor_id: int, root: bytes, proof: Any, /) -> None:
        assert self.proofs.setdefault(record_id, tuple(proof)) == tuple(proof)
        assert anchor_id == 1


def test_a_record_erased_meanwhile_needs_no_proof_and_one_under_erasure_waits(spool: Spool) -> None:
    class Erasing(Keeper):
        codes: dict[Any, str] = {"0-0": "RECORD_UNKNOWN", "1-0": "ERASURE_UNDER_WAY"}  # noqa: RUF012

        def attach_proof(self, record_id: Any, *_: Any) -> None:
            if record_id in self.codes:
                raise TideprintError(self.codes[record_id], "not now")

    builder, keeper = BatchBuilder(spool.pending, 5), Erasing()
    builder.add(references(5))
    anchoring = Anchoring(builder, Chain(), {Kind.READING: keeper})
    report = anchoring.run(Kind.READING, DAY)
    assert report.held is None
    assert [item.record_id for item in builder.unfinished()[0].placed] == ["1-0"]
    keeper.codes = {}
    anchoring.run(Kind.READING, DAY)
    assert builder.unfinished() == []


def test_other_errors_of_a_keeper_stop_the_run(spool: Spool) -> None:
    class Broken(Keeper):
        def attach_proof(self, *_: Any) -> None:
            raise TideprintError("STORE_UNREACHABLE", "no")

    builder = BatchBuilder(spool.pending, 5)
    builder.add(references(5))
    with pytest.raises(TideprintError, match="STORE_UNREACHABLE"):
        Anchoring(builder, Chain(), {Kind.READING: Broken()}).run(Kind.READING, DAY)
    assert builder.unfinished(Kind.READING)[0].anchor == 1
    assert builder.unfinished(Kind.AUDIT) == []


def test_below_k_nothing_reaches_the_chain(spool: Spool) -> None:
    builder, chain = BatchBuilder(spool.pending, 5), Chain()
    builder.add(references(4))
    report = Anchoring(builder, chain, {Kind.READING: Keeper()}).run(Kind.READING, DAY)
    assert report.held is not None
    assert report.held.subjects == 4
    assert chain.roots == {}
