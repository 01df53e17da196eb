"""Real walks become signed minutes, checked days, sealed records and anchored references."""

import asyncio
import hashlib
from collections import Counter

from oracles.days import imported
from oracles.devices import EnrolledDevice
from oracles.emulation import emulated_radio
from oracles.intake import IntakeReport
from oracles.links.agent import pairing_agent
from oracles.links.ble import BleShoeLink
from oracles.links.files import read_fit, read_force
from oracles.links.scan import find_shoes
from oracles.refusals import Reason
from oracles.shoes import MINUTE_MS, DirectLink, Shoe, record_minutes, record_walk
from protocol.calendar import day_of, start_of
from protocol.minutes import SignedMinute
from protocol.quantities import Seconds
from protocol.records import RecordKind
from protocol.references import Kind
from tideprint.demo.cast import KEYSTORE_WORK
from tideprint.demo.people import FIT_RUN, FORCE_WALKS, Wearer, make_wearers, recorded_days, span
from tideprint.demo.world import World
from wallet import Wallet

MORNING_MS = 10 * 3_600_000
CHEATS = ("one shoe in a bag", "shaken all day")
SHAKEN_MINUTES, SHAKEN_STEPS = 400, 200
"""80,000 steps."""


def enroll(world: World) -> None:
    """Everybody gets a pseudonym, a wallet and a pair of shoes that proved their keys."""
    recordings = recorded_days(world.people, world.days)
    world.claims.figures["recording"] = f"Fitbit, {len(recordings)} people, {span(recordings)}"
    world.wearers = make_wearers(
        recordings, len(CHEATS), world.last_day, world.places.wallets, world.passphrase, world.random
    )
    world.hospital = Wallet.create(
        world.places.wallets / "hospital", world.passphrase, world.random, iterations=KEYSTORE_WORK
    )
    for wearer in world.wearers:
        credential = hashlib.sha256(wearer.wallet.keys.credential()).digest()
        shoes = [_enrolled(shoe, wearer) for shoe in (wearer.pair.left, wearer.pair.right)]
        devices = [shoe.device for shoe in shoes]
        wearer.subject = world.platform.vault.identity.enroll(wearer.identity, devices, credential)
        for shoe in (wearer.pair.left, wearer.pair.right):
            world.platform.shoes.enroll(_enrolled(shoe, wearer))
    world.claims.figures["wearers"] = len(world.wearers)


def walk_days(world: World) -> None:
    """Recorded minutes are walked again in signing shoes, pulled and checked."""
    arrived = Counter[str]()
    for wearer in world.track(world.walkers, "wearers"):
        wearer.pair.boot(start_of(min(wearer.days)) * 1_000 - MINUTE_MS)
        for day, minutes in sorted(wearer.days.items()):
            record_minutes(wearer.walker, wearer.pair.left, wearer.pair.right, minutes, start_of(day) * 1_000)
        for shoe in (wearer.pair.left, wearer.pair.right):
            _note(world, arrived, asyncio.run(_pull_direct(world, shoe, wearer)))
    recorded = sum(sum(1 for steps in minutes if steps) for w in world.walkers for minutes in w.days.values())
    world.claims.count("signed_minutes_accepted", arrived["accepted"])
    world.claims.check(
        f"all {2 * recorded:,} signed minutes of honest walkers accepted", arrived["accepted"] == 2 * recorded
    )


def walk_with_bluetooth(world: World) -> None:
    """Two laboratory walks (force under both feet) come over Bluetooth from emulated shoes, four at once on the air."""
    walkers = world.laboratory
    began = start_of(world.last_day) * 1_000 + MORNING_MS
    for wearer, file in zip(walkers, FORCE_WALKS, strict=True):
        wearer.pair.boot(began - MINUTE_MS)
        record_walk(wearer.pair.left, wearer.pair.right, read_force(file), began)
    arrived = Counter[str]()
    for report in asyncio.run(_pull_radio(world, walkers)):
        _note(world, arrived, report)
    held = sum(shoe.log.newest for wearer in walkers for shoe in (wearer.pair.left, wearer.pair.right))
    world.claims.count("signed_minutes_accepted", arrived["accepted"])
    world.claims.count("of_these_over_Bluetooth_LE", arrived["accepted"])
    world.claims.check(f"{held} minutes pulled over Bluetooth LE, each once", arrived["accepted"] == held > 0)
    shoe = walkers[0].pair.left
    world.claims.check("the shoe was acknowledged only what is durable", shoe.log.acknowledged == shoe.log.newest)


def import_file(world: World) -> None:
    """A foot pod's FIT file: sealed like any day, but nothing vouches for it, so it never earns."""
    runner = world.runner
    activity = read_fit(FIT_RUN)
    record = imported(world.last_day, [activity.steps], activity.distance_m)
    world.platform.oracle.import_day(runner.subject, record)
    world.claims.count("days_imported_from_files_unpaid", 1)
    world.claims.check(f"a FIT run of {activity.steps} steps sealed and not paid", not _collectable(world, runner))


def cheat(world: World) -> None:
    """Five ways to earn without walking."""
    bagged, shaken = world.cheats
    noon = start_of(world.last_day) * 1_000 + MORNING_MS
    for cheater in world.cheats:
        cheater.pair.boot(noon - MINUTE_MS)
    record_minutes(bagged.walker, bagged.pair.left, bagged.pair.right, [100] * 30, noon)
    record_minutes(shaken.walker, shaken.pair.left, shaken.pair.right, [SHAKEN_STEPS] * SHAKEN_MINUTES, noon)
    arrived = Counter[str]()
    for cheater, shoe in ((bagged, bagged.pair.left), (shaken, shaken.pair.left), (shaken, shaken.pair.right)):
        _note(world, arrived, asyncio.run(_pull_direct(world, shoe, cheater)))
    world.claims.count("signed_minutes_accepted", arrived["accepted"])
    honest = world.walkers[0].pair.left
    genuine = next(iter(honest.records(honest.log.newest, honest.log.newest)))
    attempts = [
        ("a minute sent twice", genuine, Reason.REPLAY),
        ("a minute without its shoe's signature", _forged(genuine), Reason.SIGNATURE_INVALID),
        ("half a record", genuine[:90], Reason.MALFORMED),
    ]
    for text, minute, reason in attempts:
        report = world.platform.oracle.accept([minute])
        _note(world, arrived, report)
        world.claims.check(f"{text}: {reason}", report.refused == {reason: 1} and report.accepted == 0)


def close_days(world: World) -> None:
    """Each day is judged, sealed and paid; its references are anchored in one root, or wait below k."""
    own_reasons = Counter[Reason]()
    anchors = 0
    for day in world.track(world.platform.oracle.open_days(), "days"):
        report = world.platform.oracle.close_day(day)
        world.claims.count("days_sealed", report.subjects)
        world.claims.count("records_sealed", report.records)
        world.claims.count("health_tokens_earned", report.units)
        own_reasons += Counter(report.reasons)
        anchored = world.platform.oracle.anchor(Kind.READING, day)
        anchors += len(anchored.anchored)
        world.claims.count("references_anchored", sum(batch.count for batch in anchored.anchored))
    world.claims.count("batches_anchored", anchors)
    judged = {reason: count for reason, count in own_reasons.items() if reason in _JUDGED}
    for reason, count in judged.items():
        world.claims.refused_minutes[reason.value] = count
    world.claims.check("a batch for each day is on the chain", anchors >= world.days)
    world.claims.check("one shoe in a bag earns nothing: SHOE_MISSING", judged.get(Reason.SHOE_MISSING, 0) == 30)
    world.claims.check("80,000 steps are held for review: DAY_IMPLAUSIBLE", judged.get(Reason.DAY_IMPLAUSIBLE) == 1)
    world.claims.check("cheats may collect nothing", not any(_collectable(world, cheater) for cheater in world.cheats))


def check_anchors(world: World) -> None:
    """Every wearer's first day can be shown to be in a batch, by anybody, with the chain's own verdict."""
    records = world.platform.vault.records
    good = 0
    for wearer in world.walkers:
        first = next(iter(records.records_of(wearer.subject, [RecordKind.DAY])))
        proof = records.proof_of(first.record_id)
        good += proof is not None and world.ledger.verify(proof.anchor_id, first.opening.reference, proof.proof)
    world.claims.check(f"the chain verifies a day of each of {len(world.walkers)} wearers", good == len(world.walkers))


def hold_back_small_batch(world: World) -> None:
    """Three walkers on a holiday: their references wait, for three are no crowd."""
    day = day_of(Seconds(world.clock() - 86_400))
    for wearer in world.walkers[:3]:
        world.platform.oracle.import_day(wearer.subject, imported(day, [1_000]))
    report = world.platform.oracle.anchor(Kind.READING, day)
    held = report.held
    if held is not None:
        world.claims.refusals[held.code.value] = world.claims.refusals.get(held.code.value, 0) + 1
    world.claims.check(
        f"three walkers on a holiday are held back: {held.code.value if held else 'anchored'}",
        held is not None and held.subjects == 3 and not report.anchored,
    )


_JUDGED = frozenset(
    {
        Reason.SHOE_MISSING,
        Reason.PAIR_DISAGREES,
        Reason.TWO_PAIRS_AT_ONCE,
        Reason.DURATION_IMPLAUSIBLE,
        Reason.STEPS_IMPLAUSIBLE,
        Reason.STANCE_IMPLAUSIBLE,
        Reason.FORCE_IMPLAUSIBLE,
        Reason.TOO_REGULAR,
        Reason.DAY_IMPLAUSIBLE,
    }
)
"""Reasons found when a day is closed; the others are found on arrival."""


def _enrolled(shoe: Shoe, wearer: Wearer) -> EnrolledDevice:
    identity = shoe.identity
    return EnrolledDevice(identity.device, identity.public_key, identity.side, identity.pair, wearer.subject)


async def _pull_direct(world: World, shoe: Shoe, wearer: Wearer) -> IntakeReport:
    link = DirectLink(shoe, lambda: world.clock() * 1_000)
    return await world.platform.oracle.pull(link, _enrolled(shoe, wearer))


async def _pull_radio(world: World, wearers: list[Wearer]) -> list[IntakeReport]:
    """Scan, connect, pair, prove, pull, acknowledge: every shoe on the air, with bleak as in production."""
    by_device = {shoe.identity.device: _enrolled(shoe, w) for w in wearers for shoe in (w.pair.left, w.pair.right)}
    shoes = [shoe for wearer in wearers for shoe in (wearer.pair.left, wearer.pair.right)]
    reports = []
    async with emulated_radio(*shoes, now_ms=lambda: world.clock() * 1_000), pairing_agent() as agent:
        for device in await find_shoes(len(shoes)):
            async with BleShoeLink(device, agent) as link:
                identity = await link.identity()
                reports.append(await world.platform.oracle.pull(link, by_device[identity.device]))
    return reports


def _note(world: World, arrived: Counter[str], report: IntakeReport) -> None:
    arrived["accepted"] += report.accepted
    for reason, count in report.refused.items():
        world.claims.refused_minutes[reason.value] = world.claims.refused_minutes.get(reason.value, 0) + count


def _forged(minute: bytes) -> bytes:
    """The same minute with a hundred more steps: the next sequence, so that only the signature can tell."""
    record = SignedMinute.from_bytes(minute)
    raw = bytearray(record.raw)
    raw[24:28] = (int.from_bytes(raw[24:28], "little") + 1).to_bytes(4, "little")
    raw[40:42] = (100).to_bytes(2, "little")
    return bytes(raw) + record.signature


def _collectable(world: World, wearer: Wearer) -> dict[int, int]:
    return {series: count for series, count in world.platform.oracle.collectable(wearer.subject).items() if count}
