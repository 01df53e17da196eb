"""The gate: what is shown decides; a wrong key is never taken for nobody's."""

from pathlib import Path

import jwt
import pytest

from node.access.errors import AccessRefused
from node.access.files import write_ring
from node.access.gate import Gate, Shown, open_gate
from node.access.keys import KeyRecord, KeyRing, digest_of, new_key
from node.config import Access, Config, Jwt

KEY, SECRET = new_key(), bytes(range(32))


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return self.time

    def elapsed(self) -> float:
        return self.time


def opened(folder: Path, clock: Clock, with_tokens: bool = True) -> Gate:
    write_ring(folder / "access.json", KeyRing().add(KeyRecord("wallet", digest_of(KEY), ("eth_*",), 0, 2_000)))
    (folder / "jwt").touch(0o600)
    (folder / "jwt").write_text(SECRET.hex())
    tokens = Jwt("HS256", "jwt") if with_tokens else Jwt()
    return open_gate(folder, Config(access=Access(("net_*",)), jwt=tokens), clock)


def refusal(gate: Gate, **shown: str) -> str:
    with pytest.raises(AccessRefused) as refused:
        gate.identify(Shown(**shown))
    assert not any(secret in str(refused.value) for secret in shown.values() if len(secret) > 8)
    return refused.value.code


def test_who_shows_what(tmp_path: Path) -> None:
    gate = opened(tmp_path, Clock())
    made = jwt.encode({"exp": 1_500, "sub": "x", "methods": ["*"]}, SECRET, "HS256")
    assert gate.identify(Shown()).kind == "anonymous"
    assert gate.identify(Shown()).rights.allow("net_version")
    assert not gate.identify(Shown()).rights.allow("eth_call")
    for shown in (Shown(f"Bearer {KEY}"), Shown(header_key=KEY), Shown(path_key=KEY)):
        assert gate.identify(shown).name == "wallet"
    assert gate.identify(Shown(f"bearer  {made}")).kind == "token"


def test_what_is_refused(tmp_path: Path) -> None:
    gate = opened(tmp_path, Clock())
    assert refusal(gate, authorization=f"Bearer {KEY}", path_key=KEY) == "CREDENTIALS_TWICE"
    assert refusal(gate, authorization="Basic eDp5") == "CREDENTIALS_MALFORMED"
    assert refusal(gate, authorization="Bearer ") == "CREDENTIALS_MALFORMED"
    assert refusal(gate, authorization="Bearer x.y.z") == "TOKEN_INVALID"
    assert refusal(gate, header_key=new_key()) == "KEY_UNKNOWN"
    assert refusal(gate, path_key="short") == "KEY_UNKNOWN"
    assert refusal(gate, path_key="é" * len(KEY)) == "KEY_UNKNOWN"
    assert refusal(opened(tmp_path, Clock(), False), authorization="Bearer x.y.z") == "TOKEN_INVALID"


def test_callers_end_with_time_and_revocation(tmp_path: Path) -> None:
    clock = Clock()
    gate = opened(tmp_path, clock)
    nobody, holder = gate.identify(Shown()), gate.identify(Shown(path_key=KEY))
    bearer = gate.identify(Shown("Bearer " + jwt.encode({"exp": 1_500, "methods": ["*"]}, SECRET, "HS256")))
    clock.time = 1_504
    assert all(gate.valid(caller) for caller in (nobody, holder, bearer))
    clock.time = 1_505
    assert [gate.valid(caller) for caller in (nobody, holder, bearer)] == [True, True, False]
    (tmp_path / "access.json").unlink()
    gate.reload()
    assert [gate.valid(caller) for caller in (nobody, holder)] == [True, False]


def test_without_settings_everything_is_open(tmp_path: Path) -> None:
    assert open_gate(tmp_path, Config(), Clock()).identify(Shown()).rights.allow("debug_traceCall")
