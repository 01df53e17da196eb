"""Who walks in the demonstration: recorded people, each with a new pair of shoes, a wallet and a made-up identity."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from oracles.links.files import FitbitDay, read_minute_steps
from oracles.shoes import DeviceKey, ShoePair, Walker, make_pair
from protocol.calendar import date_of
from protocol.errors import TideprintError
from protocol.quantities import Day, SubjectId
from tideprint.demo.cast import KEYSTORE_WORK
from wallet import Wallet

NOBODY = SubjectId(b"")
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
FITBIT = SAMPLES / "fitbit" / "minuteStepsWide.csv"
FORCE_WALKS = (SAMPLES / "gaitpdb" / "GaCo01_01.txt.gz", SAMPLES / "gaitpdb" / "GaCo02_01.txt.gz")
FIT_RUN = SAMPLES / "stryd" / "stryd-up-and-down.fit"
"""A foot pod's run: steps without a signature."""


@dataclass(slots=True)
class Wearer:
    """One person of the demonstration."""

    name: str
    """How the report calls them."""
    identity: str
    """A made-up registration number: what the identity map holds, and a canary."""
    wallet: Wallet
    pair: ShoePair
    walker: Walker
    days: dict[Day, tuple[int, ...]] = field(default_factory=dict)
    """Steps in each minute of a day, by the day they are replayed on."""
    subject: SubjectId = NOBODY

    def secrets(self) -> list[tuple[str, bytes]]:
        """What must not be found outside: canaries of this person."""
        left, right = self.pair.left.identity, self.pair.right.identity
        shoes = (left.public_key, right.public_key, left.device, right.device, self.pair.pair)
        return [
            (f"{self.name}: identity", self.identity.encode()),
            (f"{self.name}: pseudonym", self.subject),
            (f"{self.name}: collect credential", self.wallet.keys.credential()),
            *((f"{self.name}: shoe", shoe) for shoe in shoes),
        ]


def recorded_days(people: int, days: int) -> list[list[FitbitDay]]:
    """The first days of the recording, for as many people as asked; somebody who stopped early has fewer days.

    Raises `SAMPLES_TOO_SMALL` if the recording does not hold that much."""
    recorded = read_minute_steps(FITBIT)
    first = min(day.day for day in recorded)
    by_person: dict[str, list[FitbitDay]] = {}
    for day in recorded:
        if day.day < first + days:
            by_person.setdefault(day.person, []).append(day)
    longest = max(len(found) for found in by_person.values())
    if len(by_person) < people or longest < days:
        have = f"the recording holds {len(by_person)} people over {longest} days"
        raise TideprintError("SAMPLES_TOO_SMALL", have, "ask for fewer")
    return list(by_person.values())[:people]


def make_wearers(
    recordings: list[list[FitbitDay]],
    others: int,
    last_day: Day,
    wallets: Path,
    passphrase: str,
    random: Callable[[int], bytes],
) -> list[Wearer]:
    """A wearer for each recording, replayed so that the newest recorded day falls on `last_day`; then some without
    days: one for each force walk, one for the FIT file, and `others`."""
    factory = DeviceKey.generate()
    shift = last_day - max(day.day for recorded in recordings for day in recorded)
    wearers = []
    for number in range(len(recordings) + len(FORCE_WALKS) + 1 + others):
        name = f"wearer {number + 1:02d}"
        wearer = Wearer(
            name,
            f"KR-{random(9).hex()}",
            Wallet.create(wallets / name.replace(" ", "-"), passphrase, random, iterations=KEYSTORE_WORK),
            make_pair(factory),
            Walker(seed=number, mass_kg=55.0 + number),
        )
        if number < len(recordings):
            wearer.days = {Day(day.day + shift): day.minutes for day in recordings[number]}
        wearers.append(wearer)
    return wearers


def span(recordings: list[list[FitbitDay]]) -> str:
    """From when to when the recordings were made, for the report."""
    days = [day.day for recorded in recordings for day in recorded]
    return f"{date_of(min(days))} to {date_of(max(days))}"
