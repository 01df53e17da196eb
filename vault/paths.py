"""Paths of the key tree: 14 digits base 16, written as lower-case hex text, so that a prefix is a prefix of the text.

    tenant(2) / period(3) / subject slot(5) / record slot(4)          256 / 4096 / 1 048 576 / 65 536

A period is a calendar month counted from January 2000 as 1; period 0 holds what belongs to no month (identity entries
and erasure tickets). A leaf index is the path read as a number, below 2^56; tree nodes have dense ids below 2^53.
"""

import re
from typing import NewType

from protocol.calendar import month_of
from protocol.quantities import Day
from vault.errors import VaultError

FAN_OUT = 16
TENANT_DIGITS, PERIOD_DIGITS, SUBJECT_DIGITS, RECORD_DIGITS = 2, 3, 5, 4
PERIOD_DEPTH = TENANT_DIGITS + PERIOD_DIGITS
SUBJECT_DEPTH = PERIOD_DEPTH + SUBJECT_DIGITS
DEPTH = SUBJECT_DEPTH + RECORD_DIGITS
SUBJECT_SLOTS = FAN_OUT**SUBJECT_DIGITS
RECORD_SLOTS = FAN_OUT**RECORD_DIGITS
TIMELESS_PERIOD = 0
FIRST_YEAR = 2000
WRITTEN = re.compile(f"[0-9a-f]{{1,{DEPTH}}}")

Path = NewType("Path", str)
"""1 to 14 lower-case hex digits; 14 name a leaf, fewer a prefix."""


def parse(text: str) -> Path:
    """A path from text. Raises `PATH_INVALID`."""
    if WRITTEN.fullmatch(text) is None:
        raise VaultError("PATH_INVALID", "a path is 1 to 14 lower-case hex digits")
    return Path(text)


def tenant_path(tenant: int) -> Path:
    """The prefix of a tenant, 0 to 255."""
    return _extend("", tenant, TENANT_DIGITS)


def period_path(tenant: int, period: int) -> Path:
    """The prefix of a tenant's period."""
    return _extend(tenant_path(tenant), period, PERIOD_DIGITS)


def subject_path(period: Path, slot: int) -> Path:
    """The prefix of a subject slot in a period."""
    return _extend(period, slot, SUBJECT_DIGITS)


def record_path(subject: Path, slot: int) -> Path:
    """The leaf of a record slot under a subject prefix."""
    return _extend(subject, slot, RECORD_DIGITS)


def _extend(prefix: str, value: int, digits: int) -> Path:
    if not 0 <= value < FAN_OUT**digits:
        raise VaultError("SLOTS_EXHAUSTED", f"no slot {value} at this level", "use a further tenant number")
    return Path(f"{prefix}{value:0{digits}x}")


def period_of(day: Day) -> int:
    """The period (1 to 4095) of a day in Seoul: its month counted from January 2000."""
    year, month = divmod(month_of(day), 100)
    return (year - FIRST_YEAR) * 12 + month


def leaf_index(path: Path) -> int:
    """The number under which a row of this leaf is stored."""
    if len(path) != DEPTH:
        raise VaultError("PATH_INVALID", "a leaf has 14 digits")
    return int(path, FAN_OUT)


def leaf_path(index: int) -> Path:
    """The leaf with this number."""
    return Path(f"{index:0{DEPTH}x}")


def leaf_range(prefix: Path) -> tuple[int, int]:
    """First leaf index under a prefix and the one after its last."""
    span = FAN_OUT ** (DEPTH - len(prefix))
    first = int(prefix, FAN_OUT) * span
    return first, first + span


LEVEL_OFFSETS = tuple((FAN_OUT**level - 1) // (FAN_OUT - 1) for level in range(DEPTH + 1))


def node_id(level: int, index: int) -> int:
    """The dense number of the `index`-th node of a level; the root, level 0, is 0."""
    offset: int = LEVEL_OFFSETS[level]
    return offset + index
