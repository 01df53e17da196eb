"""One visit to a shoe: prove, compare clocks, pull, check, make durable, and only then acknowledge."""

import secrets
from collections.abc import Callable

from oracles.devices import DeviceRegister, EnrolledDevice
from oracles.errors import LinkError
from oracles.intake import Intake, IntakeReport
from oracles.links.clock import read_boot_clock
from oracles.links.link import ShoeLink
from oracles.links.statements import NONCE_SIZE, proof_holds
from protocol.minutes import public_key_of
from protocol.quantities import Seconds


async def pull_shoe(
    link: ShoeLink, shoe: EnrolledDevice, register: DeviceRegister, intake: Intake, now_ms: Callable[[], int]
) -> IntakeReport:
    """Take what a shoe has recorded since the last visit. `now_ms`: UTC milliseconds.

    Raises `LinkError` (`SHOE_UNPROVEN` if the shoe does not sign our nonce with its enrolled key, or what the link
    says); nothing is acknowledged then, and the next visit starts where this one did.
    """
    nonce = secrets.token_bytes(NONCE_SIZE)
    proof = await link.prove(nonce)
    if not proof_holds(public_key_of(shoe.public_key), nonce, proof):
        hint = "look whether the right shoe answers; its battery may have been changed"
        raise LinkError("SHOE_UNPROVEN", "the shoe did not prove that it is the enrolled one", hint)
    clock = await read_boot_clock(link, now_ms)
    now = now_ms()
    intake.synchronise(shoe, clock.boot, now - clock.began_at_ms, now)
    intake.declare_gap(shoe, proof.state.oldest)
    records = [record async for record in link.pull(intake.next_sequence(shoe))]
    report = intake.accept(register, records, Seconds(now_ms() // 1_000))
    acknowledged = report.acknowledged.get(shoe.device)
    if acknowledged is not None:
        await link.acknowledge(acknowledged)
    return report
