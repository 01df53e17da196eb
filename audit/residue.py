"""T8, residue: search ledger and raw files for canaries. The count must be zero, and a planted one must be found."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from web3 import HTTPProvider, Web3

from audit.canaries import WINDOW, Canaries
from protocol.errors import Refusal, RefusalCode

CHUNK = 4 * 2**20
OVERLAP = 1_024
"""Bytes that neighbouring chunks share: more than any identifier has as text."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan saw."""

    places: int
    """Blocks or files."""
    scanned: int
    """Bytes."""
    found: dict[str, list[str]] = field(default_factory=dict)
    """Canary name -> where."""


def scan_ledger(url: str, canaries: Canaries, *, progress: Callable[[int, int], None] | None = None) -> Report:
    """Search every block, transaction, receipt and event that a node serves at `url`."""
    web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 30}))
    height = int(web3.eth.block_number)
    scanned = 0
    found: dict[str, list[str]] = {}
    for number in range(height + 1):
        data = _block_bytes(web3, number)
        scanned += len(data)
        _note(found, canaries.found_in(data), f"block {number}")
        if progress:
            progress(number, height)
    return Report(height + 1, scanned, found)


def scan_files(paths: Iterable[Path], canaries: Canaries) -> Report:
    """Search the raw bytes of files, and of all files below directories: data, write-ahead logs, free pages."""
    places = scanned = 0
    found: dict[str, list[str]] = {}
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                places += 1
                for piece in _pieces(file):
                    scanned += len(piece)
                    _note(found, canaries.found_in(piece), file.name)
    return Report(places, scanned, found)


def check_control(canaries: Canaries, planted: Sequence[bytes], folder: Path) -> None:
    """Plant canaries in a file below `folder`, raw and as hexadecimal text, and demand that a scan finds every one: a
    scan that cannot fail proves nothing. The file is deleted again.

    Raises `CONTROL_DID_NOT_FAIL`."""
    for data in planted:
        for form in (data, data.hex().encode()):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                (Path(place) / "planted").write_bytes(bytes(CHUNK - 5) + form + bytes(1_003))
                if scan_files([Path(place)], canaries).found:
                    continue
            raise Refusal(
                RefusalCode.CONTROL_DID_NOT_FAIL,
                "a planted canary was not found, so the scan proves nothing",
                "do not rely on this report",
            )


def _block_bytes(web3: Web3, number: int) -> bytes:
    """Everything variable in a block: header fields, calldata, accounts, topics and data of events."""
    block = web3.eth.get_block(number, full_transactions=True)
    parts = [bytes(block["extraData"]), bytes(block["stateRoot"]), bytes(block["hash"])]
    for transaction in block["transactions"]:
        assert not isinstance(transaction, bytes)
        parts += [bytes(transaction["input"]), bytes(transaction["hash"]), bytes.fromhex(transaction["from"][2:])]
    if block["transactions"]:
        for receipt in web3.eth.get_block_receipts(number):
            for event in receipt["logs"]:
                parts += [bytes(topic) for topic in event["topics"]] + [bytes(event["data"])]
    return bytes(WINDOW).join(parts)


def _pieces(file: Path) -> Iterator[bytes]:
    """A file in chunks that overlap, so that nothing is cut in two."""
    with file.open("rb") as stream:
        tail = b""
        while chunk := stream.read(CHUNK):
            piece = tail + chunk
            if piece.strip(b"\0"):
                yield piece
            tail = chunk[-OVERLAP:]


def _note(found: dict[str, list[str]], names: set[str], where: str) -> None:
    for name in names:
        found.setdefault(name, []).append(where)
