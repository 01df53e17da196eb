"""The fuzzer for a short while, and that it would notice: cutting down, judging, looking into the log."""

import json
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.rpc.methods import METHODS
from tests.node import fuzz_rpc
from tests.node.fuzz.grammar import NAMES, Grammar
from tests.node.fuzz.hostile import HEAVY, hostile_transaction
from tests.node.fuzz.world import World
from tests.node.scenes import assembled

ADDRESS, HASH = "0x" + "11" * 20, "0x" + "22" * 32


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_twenty_seconds_find_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz_rpc.main(["--seconds", "20", "--seed", "20210310"]) == 0, capsys.readouterr().out
    assert f"of {len(NAMES)}" in capsys.readouterr().out


def test_every_method_is_asked_and_most_forms_are_right() -> None:
    grammar = Grammar(Random(1), [ADDRESS], [HASH])
    requests = [grammar.request() for _ in range(4_000)]
    asked = {str(request.get("method")) for request in requests if isinstance(request, dict)}
    assert set(METHODS) <= asked
    texts = [grammar.text(request) for request in requests[:500]]
    whole = [text for text in texts if _parses(text)]
    assert 250 < len(whole) < 490, "some are torn, most are not"


def test_the_same_seed_says_the_same() -> None:
    first, second = (Grammar(Random(7), [ADDRESS], [HASH]) for _ in range(2))
    assert [first.text(first.request()) for _ in range(50)] == [second.text(second.request()) for _ in range(50)]
    assert hostile_transaction(Random(3), 5) == hostile_transaction(Random(3), 5)
    assert all(assembled(code) for code in HEAVY.values())


def test_a_finding_is_cut_down_to_what_matters() -> None:
    body = json.dumps([{"id": 1, "method": "a", "params": [1, {"x": 1, "bad": [2, 3]}]}, {"method": "b"}]).encode()
    assert fuzz_rpc.reduced(body, lambda raw: b'"bad"' in raw) == '[{"params": [{"bad": []}]}]'.replace(
        '{"params"', '{"method": "a", "params"'
    )
    assert fuzz_rpc.reduced(b"[torn", lambda _: True) == "[torn"


@pytest.mark.parametrize(
    ("answer", "bad"),
    [
        ((200, b'{"error":{"code":-32603}}'), True),
        ((200, b'[{"result":1},{"error":{"code":-32603}}]'), True),
        ((500, b"oops"), True),
        ((503, b"busy"), False),
        ((413, b"large"), False),
        ((200, b'{"error":{"code":-32602}}'), False),
        ((200, b'{"result":-32603}'), False),
        ((200, b""), False),
    ],
)
def test_which_answers_are_findings(answer: tuple[int, bytes], bad: bool) -> None:
    assert fuzz_rpc.Fuzzer(cast(Any, SimpleNamespace()), 1).is_bad(answer) is bad


def test_tracebacks_in_the_log_are_findings_but_those_about_bad_http(tmp_path: Path) -> None:
    world = World.__new__(World)
    world.log = tmp_path / "node.log"
    ours = "t ERROR node.rpc.dispatch eth_x failed\nTraceback (most recent call last):\n  File\nKeyError: 1\n"
    http = "t ERROR aiohttp.server Error handling request\nTraceback (most recent call last):\n  File\n"
    world.log.write_text(f"t INFO fine\n{ours}{http}aiohttp.http_exceptions.BadHttpMessage: 400\n{http}KeyError: 2\n")
    found, noise = world.complaints()
    assert noise == 1
    assert [line.rpartition("| ")[2] for line in found] == ["KeyError: 1", "KeyError: 2"]


def _parses(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
