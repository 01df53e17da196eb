"""Logs: lines for people or JSON for machines, without secrets, and without the same line for ever.

A secret is anything that looks like one of ours: an API key, a token, what follows `Authorization:`, `Bearer`, `/k/` or
a word like passphrase. It is taken out of the finished line, so of messages, arguments and tracebacks alike.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from typing import TextIO

from node.config import Logs

HIDDEN = "[hidden]"
_SECRETS = (
    (re.compile(r"tide_[A-Za-z0-9_%-]{8,}"), HIDDEN),
    (re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?"), HIDDEN),
    (re.compile(r"/k/[^\s\"'?#)>]+"), f"/k/{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',)]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)([\"']?\b(?:authorization|x-api-key|passphrase|password|secret|private[ _-]?key)\b[\"']?"
                r"\s*[:=]\s*)"
                r"(\"[^\"]*\"|'[^']*'|(?!\[hidden\])(?:(?:bearer|basic)\s+)?[^\s,;)}]+)"), rf"\1{HIDDEN}"),
)  # fmt: skip
WINDOW = 60.0
MOST_KINDS = 512
FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def without_secrets(text: str) -> str:
    """The text with everything that looks like a secret taken out."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class Readable(logging.Formatter):
    """A line, in UTC."""

    def __init__(self) -> None:
        super().__init__(FORMAT)
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Without secrets."""
        return without_secrets(super().format(record))


class Structured(logging.Formatter):
    """A JSON object in a line: time (UTC, RFC 3339), level, logger, message, error, and what `extra` carries."""

    def __init__(self) -> None:
        super().__init__()
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Without secrets."""
        fields: dict[str, object] = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        if record.exc_info:
            fields["error"] = without_secrets(self.formatException(record.exc_info))
        extra = {name: value for name, value in record.__dict__.items() if name not in STANDARD}
        fields |= {name: without_secrets(str(value)) for name, value in extra.items()}
        return json.dumps(fields, ensure_ascii=False)


class Repeats(logging.Filter):
    """At most so many records of one kind (logger, level, unfilled message) in a minute; then says how many it kept."""

    def __init__(self, most: int, elapsed: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most, self._elapsed = most, elapsed
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Is this one let through?"""
        kind, now = (record.name, record.levelno, str(record.msg)), self._elapsed()
        since, count = self._seen.get(kind, (now, 0))
        if now - since >= WINDOW:
            if count > self._most:
                record.msg = f"{record.getMessage()} ({count - self._most} more like this were not written)"
                record.args = ()
            since, count = now, 0
        if len(self._seen) >= MOST_KINDS:
            self._seen = {known: seen for known, seen in self._seen.items() if now - seen[0] < WINDOW}
        if len(self._seen) < MOST_KINDS or kind in self._seen:
            self._seen[kind] = since, count + 1
        return count < self._most


def configure(settings: Logs, stream: TextIO | None = None) -> None:
    """Write the whole process's log to `stream`, standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Structured() if settings.format == "json" else Readable())
    handler.addFilter(Repeats(settings.repeats))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
