import asyncio

import pytest
from bleak import BleakClient

from oracles.links import profile
from oracles.links.profile import Operation, Result
from tests.oracles.links.support import meeting
from tests.oracles.shoes.support import walked_pair


class Console:
    """Operations written by hand, and what comes back."""

    def __init__(self, client: BleakClient) -> None:
        self.client = client
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()
        self.records: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(self) -> None:
        await self.client.start_notify(profile.CONTROL, lambda _, value: self.answers.put_nowait(bytes(value)))
        await self.client.start_notify(profile.RECORDS, lambda _, value: self.records.put_nowait(bytes(value)))

    async def write(self, request: bytes) -> bytes:
        await self.client.write_gatt_char(profile.CONTROL, request, response=True)
        return await self.next()

    async def next(self) -> bytes:
        return await asyncio.wait_for(self.answers.get(), 5)


@pytest.mark.parametrize(
    ("request_", "result"),
    [
        (b"\x63", Result.UNKNOWN),
        (bytes((Operation.PULL,)) + bytes(7), Result.OPERAND),
        (bytes((Operation.ACK,)), Result.OPERAND),
        (bytes((Operation.STOP, 1)), Result.OPERAND),
        (bytes((Operation.WIPE,)) + bytes(31), Result.OPERAND),
        (bytes((Operation.STOP,)), Result.OK),
        (profile.pull_request(0, 3), Result.RANGE_NOT_HELD),
        (profile.pull_request(3, 2), Result.RANGE_NOT_HELD),
        (profile.pull_request(1, 4), Result.RANGE_NOT_HELD),
    ],
)
async def test_every_operation_is_answered(request_: bytes, result: Result) -> None:
    async with meeting(walked_pair(3).left) as met, BleakClient(met.devices[0]) as client:
        met.agent.allow(met.devices[0].address)
        await client.pair()
        console = Console(client)
        await console.listen()
        assert await console.write(request_) == profile.answer(request_[0], result)


async def test_one_pull_at_a_time_and_stop_ends_it() -> None:
    shoe = walked_pair(400).left
    async with meeting(shoe) as met, BleakClient(met.devices[0]) as client:
        met.agent.allow(met.devices[0].address)
        await client.pair()
        console = Console(client)
        await console.listen()
        assert await console.write(profile.pull_request(1, 400)) == profile.answer(Operation.PULL, Result.OK)
        assert await console.write(profile.pull_request(1, 1)) == profile.answer(Operation.PULL, Result.NOT_ALLOWED)
        assert await console.write(bytes((Operation.STOP,))) == profile.answer(Operation.STOP, Result.OK)
        assert await console.write(profile.pull_request(5, 6)) == profile.answer(Operation.PULL, Result.OK)
        assert await console.next() == profile.pull_ended(6)
        stopped_early = console.records.qsize()
        assert stopped_early < 402
