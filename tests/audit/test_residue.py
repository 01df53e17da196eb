"""Scans of files and of a chain: what is planted is found, and a scan that cannot find is refused."""

from pathlib import Path

import pytest
from web3 import Web3

from audit import Canaries, check_control, scan_files, scan_ledger
from audit.residue import CHUNK
from chain import Ledger
from protocol.errors import Refusal, RefusalCode
from tests.support import Consortium, members, send_all

CANARY = b"KR-0102030405060708"


@pytest.fixture
def canaries() -> Canaries:
    watched = Canaries()
    watched.add_identifier("identity", CANARY)
    return watched


def test_a_canary_in_a_file_is_found_with_its_place(tmp_path: Path, canaries: Canaries) -> None:
    (tmp_path / "clean.db").write_bytes(bytes(1_000))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_bytes(b"opened " + CANARY)
    report = scan_files([tmp_path], canaries)
    assert report.places == 2
    assert report.found == {"identity": ["log"]}


def test_a_canary_across_two_chunks_is_found(tmp_path: Path, canaries: Canaries) -> None:
    (tmp_path / "large").write_bytes(b"\x01" * (CHUNK - 5) + CANARY[:8] + b"\x01" * 5)
    assert scan_files([tmp_path], canaries).found == {"identity": ["large"]}


def test_a_clean_tree_is_clean(tmp_path: Path, canaries: Canaries) -> None:
    (tmp_path / "clean").write_bytes(bytes(range(256)) * 10)
    assert scan_files([tmp_path], canaries).found == {}


def test_control_did_not_fail(tmp_path: Path, canaries: Canaries) -> None:
    check_control(canaries, [CANARY], tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(Refusal) as refused:
        check_control(Canaries(), [CANARY], tmp_path)
    assert refused.value.refusal is RefusalCode.CONTROL_DID_NOT_FAIL


def test_control_did_not_fail_where_text_is_not_looked_for(tmp_path: Path) -> None:
    raw_only = Canaries()
    raw_only.add("identity", CANARY)
    with pytest.raises(Refusal):
        check_control(raw_only, [CANARY], tmp_path)


def test_a_canary_in_calldata_is_found_on_the_ledger(consortium: Consortium, canaries: Canaries) -> None:
    """The leaky variant: somebody writes an identifier where only random words belong."""
    ledger: Ledger = consortium.ledger
    assert scan_ledger(consortium.url, canaries).found == {}
    council = ledger.deployment.contracts["Council"]
    contract = ledger.web3.eth.contract(Web3.to_checksum_address(council.address), abi=council.abi)
    data = contract.encode_abi("propose", [council.address, b"\0\0\0\0" + CANARY, bytes(31) + b"\x07"])
    (receipt,) = send_all(ledger.web3, members()[0], [(contract.address, data)], 1_000_000)
    report = scan_ledger(consortium.url, canaries)
    assert report.found == {"identity": [f"block {receipt['blockNumber']}"]}
