"""Measure the vault on this machine: `python -m tests.vault.measure [DIRECTORY]`; the figures are in docs/vault.md."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from protocol.records import RecordKind
from tests.vault.support import TODAY, options
from vault import Cause, Draft, Vault

SUBJECTS, BATCH, BATCHES, ERASURES = 500, 1000, 5, 100
RECORD = {"filling": "x" * 740}
"""One block of 1 KiB."""


def milliseconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def measure(directory: Path) -> dict[str, float]:
    """Rates and medians, by name."""
    home, figures = directory / "vault", {}
    with Vault.create(home, options()) as vault:
        subjects = [vault.identity.enroll(f"person {i}", []) for i in range(SUBJECTS)]
        drafts = [Draft(subjects[i % SUBJECTS], RecordKind.DAY, TODAY, RECORD) for i in range(BATCH)]
        vault.records.seal_many(drafts)
        took = statistics.median(milliseconds(lambda: vault.records.seal_many(drafts)) for _ in range(BATCHES))
        figures["records sealed per second, 1 KiB, 1000 a commit"] = BATCH / took * 1000
        one = statistics.median(milliseconds(lambda: vault.records.seal_many(drafts[:1])) for _ in range(50))
        figures["ms to seal one record"] = one
        ids = [found.record_id for found in vault.records.records_of(subjects[0])]
        reads = milliseconds(lambda: [vault.records.open(record_id) for record_id in ids])
        figures["ms to open one record"] = reads / len(ids)
    opening = milliseconds(lambda: Vault.open(home, options()).close())
    figures["ms to open the vault, per 1000 subjects"] = opening / SUBJECTS * 1000
    with Vault.open(home, options()) as vault:
        epochs = [milliseconds(vault.refresh) for _ in range(ERASURES)]
        figures["ms for one epoch of the key tree, p50"] = statistics.median(epochs)
        whole = [milliseconds(partial(vault.erase, subject, Cause.PURPOSE_ACHIEVED)) for subject in subjects[:ERASURES]]
        figures["ms to erase a subject with certificate, p50"] = statistics.median(whole)
        figures["ms to erase a subject with certificate, p99"] = statistics.quantiles(whole, n=100)[98]
    return figures


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as place:
        for name, figure in measure(Path(place)).items():
            sys.stdout.write(f"{figure:10.1f}  {name}\n")
