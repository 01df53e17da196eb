"""Logs: readable or JSON, never a secret, never the same line for ever."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from node.config import Logs
from node.logs import HIDDEN, Repeats, configure, without_secrets

KEY = "tide_" + "9hv2iRKuzM1J2uAeh-xFLgpJ_8K3rWMcE2CAC7x2t0Q"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJlLW9mLWl0"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key {KEY}", KEY),
        (f"GET /k/{KEY}?x=1", KEY),
        ("POST /k/short HTTP/1.1", "short"),
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("{'Authorization': 'Bearer opaque-token-1'}", "opaque-token-1"),
        ("<CIMultiDictProxy('Host': 'x', 'X-API-Key': 'abcdef123')>", "abcdef123"),
        (f"token {TOKEN} was", TOKEN),
        ('passphrase="correct horse battery"', "correct horse battery"),
        ("password = hunter2hunter2", "hunter2hunter2"),
        ("private key: 0x4c0883a69102937d", "0x4c0883a69102937d"),
        ("Bearer abc.def", "abc.def"),
    ],
)
def test_secrets_are_taken_out(text: str, secret: str) -> None:
    assert secret not in without_secrets(text)
    assert HIDDEN in without_secrets(text)


def test_hashes_and_words_stay() -> None:
    for text in (f"transaction 0x{'ab' * 32} left the pool", "block 7: 3 transactions", "12 access keys", "basic"):
        assert without_secrets(text) == text


@pytest.mark.parametrize("form", ["text", "json"])
def test_messages_arguments_extras_and_tracebacks(root: logging.Logger, form: str) -> None:
    stream = io.StringIO()
    configure(Logs(format=form), stream)
    log = logging.getLogger("node.test")
    log.warning("refused %s at %s", KEY, f"/k/{KEY}", extra={"shown": f"Bearer {TOKEN}"})
    try:
        raise ValueError(f"Authorization: Bearer {TOKEN}, passphrase={KEY[5:]}")
    except ValueError:
        log.exception("it broke")
    log.debug("not shown")
    lines = stream.getvalue().splitlines()
    assert not [secret for secret in (KEY, KEY[5:], TOKEN) if secret in stream.getvalue()]
    assert "ValueError" in stream.getvalue()
    if form == "json":
        first, second = (json.loads(line) for line in lines)
        assert (first["level"], first["logger"], first["message"]) == (
            "warning",
            "node.test",
            f"refused {HIDDEN} at /k/{HIDDEN}",
        )
        assert first["time"].endswith("Z")
        assert first["shown"] == f"Bearer {HIDDEN}"
        assert "Traceback" in second["error"]
    else:
        assert "WARNING node.test refused" in lines[0]


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("n", logging.WARNING, "", 0, message, arguments, None)


def test_the_same_warning_is_written_so_often_and_then_counted() -> None:
    now = [0.0]
    repeats = Repeats(3, lambda: now[0])
    assert [repeats.filter(record("lost %d", n)) for n in range(10)] == [True] * 3 + [False] * 7
    assert repeats.filter(record("another"))
    now[0] = 60.0
    last = record("lost %d", 10)
    assert repeats.filter(last)
    assert last.getMessage() == "lost 10 (7 more like this were not written)"


def test_kinds_are_bounded() -> None:
    repeats = Repeats(1, lambda: 0.0)
    for n in range(2_000):
        assert repeats.filter(record(f"kind {n}"))
    assert len(repeats._seen) <= 512
