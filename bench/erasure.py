"""Forgetting one person of many, against a flat file of as many keys that is encrypted anew each time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bench import vault_keys
from bench.measuring import ROUNDS, Against, Result, Scale, Setting, Waits, seconds
from bench.plain import FlatKeyFile
from protocol.quantities import Day, SubjectId
from protocol.records import RecordKind
from vault import Cause, Draft, Vault, VaultOptions

Work = Callable[[], object]
BENCH = "erasure"
TODAY = Day(20_780)
COMMIT = 5_000
FILLING = 50
"""Records of those who stay, each."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    records: tuple[int, ...]
    """In the whole vault."""
    light: int
    """Subjects with one record, erased in a round."""
    heavy: int
    """Subjects with many, erased in a round."""
    heavy_records: int


SIZES = {Scale.SMALL: _Sizes((300,), 3, 1, 50), Scale.NORMAL: _Sizes((10_000, 100_000), 12, 2, 1_000)}


@dataclass(frozen=True, slots=True)
class _People:
    light: list[SubjectId]
    heavy: list[SubjectId]


def measure(setting: Setting) -> list[Result]:
    """Milliseconds until one person is forgotten, and certified; before that, of the key tree alone at any size."""
    certified = [result for records in SIZES[setting.scale].records for result in _at_size(setting, records)]
    return [*vault_keys.measure(setting), *certified]


def _at_size(setting: Setting, records: int) -> list[Result]:
    sizes, folder = SIZES[setting.scale], setting.folder / f"of {records}"
    setting.say(f"filling a vault with {records:,} records")
    with Vault.create(folder / "vault", VaultOptions(allow_remnants=True)) as vault:
        people = _fill(vault, sizes, records)
        flat = FlatKeyFile(folder / "flat", records)
        setting.say(f"forgetting, {records:,} records")
        epochs = _waits([[vault.refresh] * sizes.light] * ROUNDS, partial(flat.forget, 0, 1))
        light = _waits(_erasures(vault, people.light), partial(flat.forget, 0, 1))
        heavy = _waits(_erasures(vault, people.heavy), partial(flat.forget, 0, sizes.heavy_records))
    name, of = "flat key file", f" of {records:,}"
    return [
        *epochs.compare(BENCH, "key tree alone, one epoch" + of, name, Against.PEER),
        *light.compare(BENCH, "certified, 1 record" + of, name, Against.PEER),
        *heavy.compare(BENCH, f"certified, {sizes.heavy_records:,} records" + of, name, Against.PEER),
    ]


def _fill(vault: Vault, sizes: _Sizes, records: int) -> _People:
    """A vault with exactly that many records."""
    people = _People(_enroll(vault, "light", sizes.light * ROUNDS), _enroll(vault, "heavy", sizes.heavy * ROUNDS))
    owners = people.light + people.heavy * sizes.heavy_records
    rest = records - len(owners)
    staying = _enroll(vault, "staying", max(1, rest // FILLING))
    owners += [staying[at % len(staying)] for at in range(rest)]
    drafts = [Draft(owner, RecordKind.DAY, TODAY, {"steps": at}) for at, owner in enumerate(owners)]
    for start in range(0, len(drafts), COMMIT):
        vault.records.seal_many(drafts[start : start + COMMIT])
    return people


def _enroll(vault: Vault, name: str, count: int) -> list[SubjectId]:
    return [vault.identity.enroll(f"{name} {number}", []) for number in range(count)]


def _erasures(vault: Vault, people: list[SubjectId]) -> list[list[Work]]:
    """People in as many parts as there are rounds."""
    erasures = [partial(vault.erase, who, Cause.PURPOSE_ACHIEVED) for who in people]
    return [list(erasures[at::ROUNDS]) for at in range(ROUNDS)]


def _waits(parts: Sequence[Sequence[Work]], forget: Work) -> Waits:
    """Ours and the flat file by turns, one operation each: a shared disk is fast one second and slow the next."""
    waits = Waits([], [])
    for part in parts:
        pairs = [(seconds(work) * 1_000, seconds(forget) * 1_000) for work in part]
        waits.ours.append([ours for ours, _ in pairs])
        waits.other.append([other for _, other in pairs])
    return waits
