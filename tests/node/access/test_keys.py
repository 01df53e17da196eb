"""API keys: kept as hashes, found in constant time, ended by time and by revocation, in a file of one's own."""

import json
from pathlib import Path

import pytest

from node.access.errors import AccessError, AccessRefused
from node.access.files import KeyFile, alone, read_ring, write_ring
from node.access.keys import LENGTH, MOST_KEYS, KeyRecord, KeyRing, digest_of, new_key

KEY = new_key()
RECORD = KeyRecord("wallet", digest_of(KEY), ("eth_*",), 1_000, 2_000)


class Count:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def refusal(ring: KeyRing, key: str, now: float = 1_500) -> str:
    with pytest.raises(AccessRefused) as refused:
        ring.caller(key, now)
    assert key not in str(refused.value)
    return refused.value.code


def test_a_key_is_known_until_it_ends() -> None:
    ring = KeyRing().add(RECORD)
    caller = ring.caller(KEY, 1_999.9)
    assert (caller.kind, caller.name, caller.ends) == ("key", "wallet", 2_000)
    assert caller.rights.allow("eth_call")
    assert not caller.rights.allow("debug_traceCall")
    assert refusal(ring, KEY, 2_000) == "KEY_EXPIRED"
    assert refusal(ring, new_key()) == "KEY_UNKNOWN"
    assert len(KEY) == LENGTH
    assert len({new_key() for _ in range(100)}) == 100


def test_revoked_is_unknown_and_its_name_is_free_again() -> None:
    ring = KeyRing().add(RECORD)
    assert ring.holds(RECORD.digest)
    gone = ring.revoke("wallet")
    assert not gone.holds(RECORD.digest)
    assert refusal(gone, KEY) == "KEY_UNKNOWN"
    second = new_key()
    again = gone.add(KeyRecord("wallet", digest_of(second), ("*",), 1_000))
    assert again.caller(second, 10**12).ends is None
    assert refusal(again.revoke("wallet"), second) == "KEY_UNKNOWN"
    for wrong in (lambda: ring.add(RECORD), lambda: ring.revoke("other"), lambda: gone.revoke("wallet")):
        with pytest.raises(AccessError, match="KEY_NAME"):
            wrong()


def test_keys_are_bounded() -> None:
    full = KeyRing(tuple(KeyRecord(f"n{n}", bytes(32), (), 0) for n in range(MOST_KEYS)))
    with pytest.raises(AccessError, match="KEY_NAME"):
        full.add(RECORD)


def test_the_file_holds_no_key_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "access.json"
    assert read_ring(path) == KeyRing()
    ring = KeyRing().add(RECORD).revoke("wallet")
    with alone(path):
        write_ring(path, ring)
        write_ring(path, ring)
    assert read_ring(path) == ring
    assert path.stat().st_mode & 0o777 == 0o600
    assert KEY not in path.read_text()
    assert KEY.removeprefix("tide_") not in path.read_text()
    path.chmod(0o640)
    with pytest.raises(AccessError, match="ACCESS_FILE_MODE"):
        read_ring(path)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"keys": 5},
        {"keys": [{}]},
        {"keys": [{"name": "a", "sha256": "00", "methods": [], "created": 1, "expires": None, "revoked": False}]},
        {
            "keys": [
                {"name": "a b", "sha256": "00" * 32, "methods": [], "created": 1, "expires": None, "revoked": False}
            ]
        },
        {"keys": [{"name": "a", "sha256": "00" * 32, "methods": ["?"], "created": 1, "expires": None, "revoked": 0}]},
        {"keys": [{"name": "a", "sha256": "00" * 32, "methods": [], "created": 1, "expires": "x", "revoked": 0}]},
    ],
)
def test_a_file_that_is_not_ours_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "access.json"
    path.touch(0o600)
    path.write_text(json.dumps({"version": 1, "keys": []} | change))
    with pytest.raises(AccessError, match="ACCESS_FILE"):
        read_ring(path)


def test_a_running_node_notices_within_a_second(tmp_path: Path) -> None:
    path, elapsed = tmp_path / "access.json", Count()
    keys = KeyFile(path, elapsed)
    write_ring(path, KeyRing().add(RECORD))
    assert not keys.ring().records
    elapsed.seconds = 1.0
    assert keys.ring().holds(RECORD.digest)
    write_ring(path, keys.ring().revoke("wallet"))
    elapsed.seconds = 1.5
    assert keys.ring().holds(RECORD.digest)
    elapsed.seconds = 2.0
    assert not keys.ring().holds(RECORD.digest)


def test_a_file_that_breaks_or_goes_away_holds_no_keys(tmp_path: Path) -> None:
    path, elapsed = tmp_path / "access.json", Count()
    write_ring(path, KeyRing().add(RECORD))
    keys = KeyFile(path, elapsed)
    assert keys.ring().holds(RECORD.digest)
    path.write_text("{")
    keys.reload()
    assert not keys.ring().records
    write_ring(path, KeyRing().add(RECORD))
    keys.reload()
    assert keys.ring().records
    path.unlink()
    keys.reload()
    assert not keys.ring().records
