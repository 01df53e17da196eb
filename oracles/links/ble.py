"""A shoe over Bluetooth LE: bleak, the vendor profile, and patience with a link that comes and goes.

A pull works in windows of records. Records that did not come are asked for again, a bounded number of times; a lost
link is made again and the window goes on where it stopped, so nothing is lost or doubled. Nothing is acknowledged here:
only the caller knows what is durable.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDBusError, BleakError

from oracles.errors import LinkError
from oracles.links import profile
from oracles.links.agent import PairingAgent
from oracles.links.inbox import Inbox, LinkLost, Silence
from oracles.links.profile import Operation, Result
from oracles.links.statements import ShoeIdentity, ShoeProof, ShoeState
from oracles.links.window import Window

AUTHENTICATION = "org.bluez.Error.Authentication"
"""How the names of BlueZ's errors of pairing begin."""

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a link is kept up; times in seconds."""

    connect: float = 15.0
    silence: float = 5.0
    """After this long without a word a shoe is taken to have stopped."""
    pause: float = 0.2
    """Before connecting again; doubles with every attempt."""
    attempts: int = 4
    """For connecting, and for asking again for what did not come."""
    window: int = 256
    """Records held before they are handed on."""


class BleShoeLink:
    """A `ShoeLink` over Bluetooth; use it as an async context manager.

    One caller at a time. Errors: `LinkError` with LINK_LOST (not made again within `attempts`), PAIRING_FAILED,
    PROFILE_MISSING, MTU_TOO_SMALL, SHOE_CHANGED (another key after a reconnect), SHOE_REFUSED, SHOE_SILENT, or
    a MALFORMED code of `statements`.
    """

    def __init__(self, device: BLEDevice, agent: PairingAgent, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._agent = agent
        self._inbox = Inbox()
        self._identity: ShoeIdentity | None = None
        self._device = device
        self._client = BleakClient(
            device, disconnected_callback=lambda _: self._inbox.lose(), timeout=self._patience.connect, pair=True
        )

    async def __aenter__(self) -> "BleShoeLink":
        await self._connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._disconnect()

    async def identity(self) -> ShoeIdentity:
        """Who the shoe says it is; read at the first connection and compared at every later one."""
        if self._identity is None:
            raise LinkError("LINK_LOST", "the link was never made", "use the link as a context manager")
        return self._identity

    async def state(self) -> ShoeState:
        """How the shoe stands now."""
        return await self._patiently(self._state)

    async def prove(self, nonce: bytes) -> ShoeProof:
        """The shoe's signature over a fresh nonce of 32 bytes."""
        return await self._patiently(lambda: self._signed(Operation.PROVE, nonce))

    async def wipe(self, nonce: bytes) -> ShoeProof:
        """Erase the shoe's log; the signature says that it was done."""
        return await self._patiently(lambda: self._signed(Operation.WIPE, nonce))

    async def acknowledge(self, sequence: int) -> None:
        """Let the shoe overwrite everything up to here."""
        await self._patiently(lambda: self._ask(profile.acknowledgement(sequence)))

    async def pull(self, first: int) -> AsyncIterator[bytes]:
        """Every record from `first` to the newest, in order; what is not as it should be comes as it is."""
        state = await self.state()
        at = max(first, state.oldest)
        while at <= state.newest:
            window = Window(at, min(at + self._patience.window - 1, state.newest))
            await self._fill(window)
            for record in window.records():
                yield record
            at = window.last + 1

    async def _fill(self, window: Window) -> None:
        """Ask until everything came, or nothing new comes in `attempts` rounds. Only what a shoe that answers well
        does not deliver stays missing; a lost link or silence is an error."""
        idle = 0
        while not window.complete:
            missing, trouble = window.missing_count, None
            try:
                await self._ask_for_missing(window)
            except LinkLost:
                trouble = _lost()
                await self._connect()
            except Silence:
                trouble = _silent()
            idle = 0 if window.missing_count < missing else idle + 1
            if idle < self._patience.attempts:
                continue
            if trouble is not None:
                raise trouble
            logger.warning("a shoe did not deliver %d of the records it holds", window.missing_count)
            return

    async def _ask_for_missing(self, window: Window) -> None:
        for first, last in window.missing():
            result = await self._answer(profile.pull_request(first, last))
            if result is Result.RANGE_NOT_HELD:
                window.give_up_below((await self._state()).oldest)
                return
            if result is not Result.OK:
                raise _refused(Operation.PULL, result)
            try:
                await self._inbox.until_pull_ended(window.take, self._patience.silence)
            except Silence:
                await self._answer(bytes((Operation.STOP,)))
                raise

    async def _signed(self, operation: Operation, nonce: bytes) -> ShoeProof:
        await self._ask(bytes((operation,)) + nonce)
        return ShoeProof.unpack(await self._inbox.proof(self._patience.silence))

    async def _ask(self, request: bytes) -> None:
        result = await self._answer(request)
        if result is not Result.OK:
            raise _refused(Operation(request[0]), result)

    async def _answer(self, request: bytes) -> Result:
        self._inbox.clear()
        await self._call(lambda: self._client.write_gatt_char(profile.CONTROL, request, response=True))
        return await self._inbox.answer(request[0], self._patience.silence)

    async def _state(self) -> ShoeState:
        return ShoeState.unpack(bytes(await self._call(lambda: self._client.read_gatt_char(profile.STATE))))

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        """One call of bleak's. A failure on a lost link is `LinkLost`, any other is the shoe's."""
        if not self._client.is_connected:
            raise LinkLost
        try:
            return await asyncio.wait_for(call(), self._patience.connect)
        except (BleakError, OSError, EOFError, TimeoutError) as error:
            if self._client.is_connected and not isinstance(error, TimeoutError):
                raise LinkError("SHOE_REFUSED", f"the shoe refuses: {type(error).__name__}", "pair it again") from error
            raise LinkLost from error

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something again after a lost link; also when the shoe falls silent."""
        for _ in range(self._patience.attempts):
            try:
                return await work()
            except LinkLost:
                await self._connect()
            except Silence:
                logger.info("a shoe does not answer; asking again")
        raise _silent()

    async def _connect(self) -> None:
        pause = self._patience.pause
        for attempt in range(self._patience.attempts):
            if attempt:
                await asyncio.sleep(pause)
                pause *= 2
            try:
                await self._open()
            except (BleakError, OSError, EOFError, TimeoutError, LinkLost) as error:
                if isinstance(error, BleakDBusError) and error.dbus_error.startswith(AUTHENTICATION):
                    await self._disconnect()
                    raise LinkError("PAIRING_FAILED", "the shoe was not paired", "is an agent registered?") from error
                logger.info("connecting to a shoe failed: %s", type(error).__name__)
                failure: BaseException = error
            except LinkError:
                await self._disconnect()
                raise
            else:
                return
        await self._disconnect()
        raise _lost() from failure

    async def _open(self) -> None:
        await self._disconnect()
        self._agent.allow(self._device.address)
        self._inbox.open()
        await self._client.connect()
        records = self._client.services.get_characteristic(profile.RECORDS)
        if records is None or self._client.services.get_characteristic(profile.CONTROL) is None:
            raise LinkError("PROFILE_MISSING", "the device has no shoe's profile", "it is no shoe of ours")
        mtu = records.max_write_without_response_size + 3
        if mtu < profile.MTU_REQUIRED:
            hint = f"records need {profile.MTU_REQUIRED} and are never split"
            raise LinkError("MTU_TOO_SMALL", f"the link carries {mtu} bytes", hint)
        identity = ShoeIdentity.unpack(bytes(await self._client.read_gatt_char(profile.IDENTITY)))
        if self._identity is not None and identity.public_key != self._identity.public_key:
            raise LinkError("SHOE_CHANGED", "another shoe answers at this address", "scan again")
        self._identity = identity
        for uuid, handler in (
            (profile.CONTROL, self._inbox.on_control),
            (profile.RECORDS, self._inbox.on_record),
            (profile.PROOF, self._inbox.on_proof),
        ):
            await self._client.start_notify(uuid, handler)

    async def _disconnect(self) -> None:
        """Also after a lost link: what bleak still holds of it is released here only."""
        try:
            await self._client.disconnect()
        except (BleakError, OSError, EOFError, TimeoutError):
            logger.debug("the link was closed already", exc_info=True)


def _lost() -> LinkError:
    return LinkError(
        "LINK_LOST", "the link to the shoe is lost", "bring it nearer and pull again; it keeps its records"
    )


def _silent() -> LinkError:
    return LinkError("SHOE_SILENT", "the shoe does not answer", "bring it nearer and try again")


def _refused(operation: Operation, result: Result) -> LinkError:
    return LinkError("SHOE_REFUSED", f"the shoe answers {result.name} to {operation.name}", "read its state again")
