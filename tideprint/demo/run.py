"""Runs the stages one after the other, tells what is going on, and reports."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from protocol.errors import TideprintError
from tideprint.demo import report
from tideprint.demo.cast import make_cast
from tideprint.demo.claims import Claims
from tideprint.demo.stages import forgetting, founding, lasting, rewards, sharing, walking
from tideprint.demo.world import World
from tideprint.node_process import NodeProcess
from tideprint.places import Places

PASSPHRASE_BYTES = 16


def run(people: int, days: int, keep: Path | None, console: Console) -> Claims:
    """The whole demonstration. With `keep` its directory stays; otherwise it is deleted.

    Raises `DIRECTORY_NOT_EMPTY`; any other error of a stage becomes a failed claim."""
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise TideprintError("DIRECTORY_NOT_EMPTY", f"{keep} holds something already", "name a new directory")
    directory = keep if keep is not None else Path(tempfile.mkdtemp(prefix="tideprint-"))
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    world = _new_world(Places(directory.resolve()), people, days, console)
    try:
        _walk_through(world)
    except TideprintError as error:
        world.claims.check(f"{error.code}: {error.message} ({error.hint})", False)
    finally:
        world.close()
        if keep is None:
            shutil.rmtree(directory, ignore_errors=True)
    return world.claims


def _new_world(places: Places, people: int, days: int, console: Console) -> World:
    passphrase = os.urandom(PASSPHRASE_BYTES).hex()
    with os.fdopen(os.open(places.passphrase, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(passphrase)
    return World(
        places=places,
        people=people,
        days=days,
        console=console,
        claims=Claims(),
        cast=make_cast(os.urandom),
        node=NodeProcess(places.node),
        passphrase=passphrase,
    )


def _walk_through(world: World) -> None:
    """The main path, once through."""
    _stage(world, "node", "a node of a fresh chain comes up", founding.start_node)
    _stage(world, "found", "ape deploys the contracts, the council takes its first decisions", founding.found)
    _stage(world, "enrol", "wearers, wallets, shoes", walking.enroll)
    _stage(world, "series", "the council opens the month's voucher series", founding.open_series)
    _stage(world, "walk", "recorded minutes walked again in signing shoes", walking.walk_days)
    _stage(world, "bluetooth", "two laboratory walks over Bluetooth LE", walking.walk_with_bluetooth)
    _stage(world, "files", "a foot pod's FIT file", walking.import_file)
    _stage(world, "cheats", "five ways to earn without walking", walking.cheat)
    _stage(world, "days", "days judged, sealed, paid and anchored", walking.close_days)
    _stage(world, "anchors", "anchors verified by the chain", walking.check_anchors)
    _stage(world, "crowd", "a batch that is too small", walking.hold_back_small_batch)
    _stage(world, "vouchers", "vouchers signed blindly", rewards.collect)
    _stage(world, "redeem", "vouchers become tokens at fresh addresses", rewards.redeem)
    _stage(world, "pay", "tokens pay for public services only", rewards.pay)
    _say(world, "agree", "a contract of three and a consent")
    with world.claims.timed("agree"):
        agreed = sharing.agree(world)
    _stage(world, "read", "the family member reads", lambda world: sharing.read(world, agreed))
    _stage(world, "refuse", "what comes near, but was not agreed", lambda world: sharing.refuse(world, agreed))
    _stage(world, "withdraw", "consent withdrawn in mid-session", lambda world: sharing.withdraw(world, agreed))
    _stage(world, "log", "every decision logged and anchored", sharing.read_own)
    _stage(world, "copy", "a copy of every store", forgetting.copy_stores)
    _stage(world, "erase", "one wearer is forgotten", lambda world: forgetting.erase(world, agreed))
    _stage(world, "attack", "a thief works on the copy", lambda world: forgetting.attack_copy(world, agreed))
    _stage(world, "scan", "ledger and files searched", lambda world: forgetting.scan_for_canaries(world, agreed))
    _stage(world, "restart", "the node is killed and started again", lambda world: lasting.restart(world, agreed))


def _stage(world: World, name: str, text: str, work: Callable[[World], None]) -> None:
    _say(world, name, text)
    with world.claims.timed(name):
        work(world)


def _say(world: World, name: str, text: str) -> None:
    world.console.print(f"[cyan]{name:>10}[/]  {text}", highlight=False)


def tell(claims: Claims, console: Console, json_file: Path | None) -> None:
    """Show the table and write the figures."""
    report.show(claims, console)
    if json_file is not None:
        report.write_json(claims, json_file)
