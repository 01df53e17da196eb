"""What the demonstration claims, and whether it held. One failed claim fails the run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from protocol.errors import TideprintError


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that was checked."""

    stage: str
    text: str
    held: bool


@dataclass(slots=True)
class Claims:
    """Everything checked and counted in a run."""

    claims: list[Claim] = field(default_factory=list)
    figures: dict[str, int | str] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    refused_minutes: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    stage: str = ""

    def check(self, text: str, held: bool) -> None:
        """Record a claim."""
        self.claims.append(Claim(self.stage, text, bool(held)))

    def count(self, name: str, by: int = 1) -> None:
        """Add to a figure."""
        self.figures[name] = int(self.figures.get(name, 0)) + by

    @contextmanager
    def refused(self, code: str, text: str, reason: str = "") -> Iterator[None]:
        """Claim that what happens inside is refused with exactly this code, and a contract's reason where it is one."""
        try:
            yield
        except TideprintError as error:
            self.refusals[error.code] = self.refusals.get(error.code, 0) + 1
            held = error.code == code and (not reason or reason in error.message)
            told = f"{code} ({reason})" if reason else code
            self.check(f"{text}: {told}" + ("" if held else f", got {error.code}: {error.message}"), held)
        else:
            self.check(f"{text}: {code} (was not refused)", False)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Name the stage and take its time."""
        self.stage = stage
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(time.perf_counter() - start, 2)

    @property
    def all_held(self) -> bool:
        """Did every claim hold, and was there any?"""
        return bool(self.claims) and all(claim.held for claim in self.claims)
