"""Where the demonstration lives: the directory, the clock, the actors, and what has come about so far."""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from audit import Canaries
from chain import Ledger
from protocol.calendar import day_of
from protocol.quantities import Day, Seconds
from protocol.rules import RuleSet
from protocol.vouchers import Series
from tideprint.demo.cast import Cast
from tideprint.demo.claims import Claims
from tideprint.demo.people import FORCE_WALKS, Wearer
from tideprint.node_process import NodeProcess
from tideprint.places import Places
from tideprint.platform import Platform, system_seconds
from wallet import Wallet

Item = TypeVar("Item")

REPLAY_ENDS_DAYS_AGO = 3
"""Days are paid once 48 hours have passed."""


@dataclass(slots=True)
class World:
    """Filled stage by stage."""

    places: Places
    people: int
    days: int
    console: Console
    claims: Claims
    cast: Cast
    node: NodeProcess
    passphrase: str
    rules: RuleSet = field(default_factory=RuleSet)
    clock: Callable[[], Seconds] = system_seconds
    random: Callable[[int], bytes] = secrets.token_bytes
    pause: Callable[[float], None] = time.sleep
    wearers: list[Wearer] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    erased: Canaries = field(default_factory=Canaries)
    """What would give the erased wearer away; noted before the erasure."""
    _hospital: Wallet | None = None
    _ledger: Ledger | None = None
    _platform: Platform | None = None

    @property
    def last_day(self) -> Day:
        """The day on which the replay ends."""
        return Day(day_of(self.clock()) - REPLAY_ENDS_DAYS_AGO)

    @property
    def replayed(self) -> list[Day]:
        """The days of the replay, oldest first."""
        return [Day(self.last_day - back) for back in reversed(range(self.days))]

    @property
    def ledger(self) -> Ledger:
        """The chain; there after the founding."""
        assert self._ledger is not None
        return self._ledger

    @ledger.setter
    def ledger(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def platform(self) -> Platform:
        """The rooms; there after the founding."""
        assert self._platform is not None
        return self._platform

    @platform.setter
    def platform(self, platform: Platform) -> None:
        self._platform = platform

    @property
    def hospital(self) -> Wallet:
        """The institution's wallet; there after the enrolment."""
        assert self._hospital is not None
        return self._hospital

    @hospital.setter
    def hospital(self, wallet: Wallet) -> None:
        self._hospital = wallet

    @property
    def walkers(self) -> list[Wearer]:
        """Wearers with replayed days."""
        return [wearer for wearer in self.wearers if wearer.days]

    @property
    def laboratory(self) -> list[Wearer]:
        """The two people of the force recordings."""
        return self.wearers[self.people : self.people + len(FORCE_WALKS)]

    @property
    def runner(self) -> Wearer:
        """The person of the FIT file."""
        return self.wearers[self.people + len(FORCE_WALKS)]

    @property
    def cheats(self) -> list[Wearer]:
        """Those who try to earn without walking."""
        return self.wearers[self.people + len(FORCE_WALKS) + 1 :]

    def track(self, items: Sequence[Item], what: str) -> Iterable[Item]:
        """Show a bar while going through something long; nothing where the output is no terminal."""
        off = not self.console.is_terminal
        return track(items, f"{'':>10}  {what}", console=self.console, transient=True, disable=off)

    def close(self) -> None:
        """Close every file and end the node."""
        if self._platform is not None:
            self._platform.close()
        if self._hospital is not None:
            self._hospital.close()
        for wearer in self.wearers:
            wearer.wallet.close()
        self.node.stop()
