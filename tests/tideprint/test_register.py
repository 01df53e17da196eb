"""The register of places: every file of a running member is named, every store it names is registered."""

from pathlib import Path

import pytest

from protocol.errors import Refusal
from protocol.records import RecordKind
from tests.support import Consortium
from tests.tideprint.test_platform import CREDENTIAL, enroll, opened
from tideprint.register import OWN_STORES, PLACES, missing_stores, place_of, unknown_files


def test_every_file_of_a_running_member_has_a_place_and_every_place_its_store(
    consortium: Consortium, tmp_path: Path
) -> None:
    with opened(consortium, tmp_path, create=True) as platform:
        subject = enroll(platform)
        assert list(platform.vault.records.records_of(subject, [RecordKind.DAY]))
        assert unknown_files(tmp_path) == []
        assert missing_stores(platform.vault.erasures.register_names) == []
        (tmp_path / "oracle" / "dead letters").write_bytes(b"what nobody thought of")
        assert unknown_files(tmp_path) == ["oracle/dead letters"]
        named = {place.store for place in PLACES} - {None, "silo"}
        assert named == set(platform.vault.erasures.register_names)
        body = platform.erase(CREDENTIAL).body
        assert {store["name"] for store in body["stores"]} == named
        with pytest.raises(Refusal, match="NOT_DATA_SUBJECT"):
            platform.due(CREDENTIAL, 1)


def test_a_store_that_nobody_registered_is_missed() -> None:
    registered = [place.store for place in PLACES if place.store not in (None, *OWN_STORES, "oracle-spool")]
    assert missing_stores(str(name) for name in registered) == ["oracle-spool"]


def test_a_log_of_a_database_goes_with_it() -> None:
    assert place_of("oracle/spool.db-wal") is place_of("oracle/spool.db") is not None
    assert place_of("elsewhere/spool.db") is None
