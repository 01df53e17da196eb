"""One byte string per record: JSON as RFC 8785 (JCS) writes it, with integers and text only.

Floats are refused, so a record means the same on every machine: units are chosen so that integers suffice.
"""

import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from protocol.errors import TideprintError

MAX_SAFE_INTEGER = 2**53 - 1
ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True)
"""Writes what RFC 8785 writes where all is ASCII, several times faster; beyond it, keys are ordered by UTF-16 units."""


class NotCanonical(TideprintError):
    """A value that a canonical record may not hold."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__("NOT_CANONICAL", f"{where}: {why}", "use integers, text, booleans, lists and maps of these")


def canonical(record: Mapping[str, Any]) -> bytes:
    """The canonical bytes of a record. Raises `NotCanonical` for floats, bytes, large integers, other types, and
    text that is not Unicode."""
    plain = dict(record)
    _check(plain, "record")
    text = ENCODER.encode(plain)
    return text.encode() if text.isascii() else bytes(rfc8785.dumps(plain))


def _check(value: Any, where: str) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _check_text(value, where)
        return
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise NotCanonical(where, "integer beyond 2^53-1")
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotCanonical(where, "a key that is not text")
            _check_text(key, where)
            _check(item, f"{where}.{key}")
        return
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]")
        return
    raise NotCanonical(where, f"a {type(value).__name__}")


def _check_text(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotCanonical(where, "half a surrogate pair") from None
