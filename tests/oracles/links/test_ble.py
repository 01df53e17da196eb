import asyncio
import dataclasses
import time

import pytest
from bleak import BleakClient
from bleak.exc import BleakError

from oracles.emulation import emulated_radio
from oracles.errors import LinkError
from oracles.links import certified, profile, proof_holds, read_boot_clock, wipe_holds
from oracles.links.agent import PairingAgent, pairing_agent
from oracles.links.ble import BleShoeLink, Patience
from oracles.links.scan import find_shoes
from oracles.shoes import DeviceKey, Shoe
from protocol.minutes import SignedMinute, public_key_of, verify_minute
from tests.oracles.links.support import HASTY, meeting, pulled, sequences
from tests.oracles.shoes.support import STEADY, walked_pair

NONCE = bytes(range(32))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_two_shoes_hand_over_their_backlog_at_once() -> None:
    factory = DeviceKey.generate()
    pair = walked_pair(300, factory)
    async with meeting(pair.left, pair.right) as met:

        async def sync(number: int, shoe: Shoe) -> None:
            async with met.link(number) as link:
                identity = await link.identity()
                assert certified(public_key_of(factory.public_bytes), identity)
                key = public_key_of(identity.public_key)
                assert proof_holds(key, NONCE, await link.prove(NONCE))
                records = await pulled(link)
                assert records == list(shoe.records(1, 300))
                assert all(verify_minute(key, SignedMinute.from_bytes(record)) for record in records)
                assert shoe.log.acknowledged == 0
                await link.acknowledge(300)
                assert (await link.state()).acknowledged == shoe.log.acknowledged == 300

        await asyncio.gather(sync(0, pair.left), sync(1, pair.right))


async def test_a_pull_resumes_after_link_losses_without_loss_or_doubling() -> None:
    shoe = walked_pair(200).left
    async with meeting(shoe) as met:
        met.radio.shoes[0].faults.cut_after = [10, 60, 100]
        async with met.link() as link:
            assert sequences(await pulled(link)) == list(range(1, 201))
        assert met.radio.shoes[0].faults.cut_after == []


async def test_a_link_lost_between_operations_is_made_again() -> None:
    shoe = walked_pair(3).left
    async with meeting(shoe) as met, met.link() as link:
        await met.radio.shoes[0].drop_link()
        await link.acknowledge(2)
        assert (await link.state()).acknowledged == 2


async def test_a_pull_begins_where_it_is_told_and_where_the_log_begins() -> None:
    shoe = walked_pair(20).left
    shoe.log.capacity = 20
    shoe.close_minute(STEADY, 1_460_516_400_000 + 20 * 60_000)
    async with meeting(shoe) as met, met.link() as link:
        assert sequences(await pulled(link, first=18)) == [18, 19, 20, 21]
        assert sequences(await pulled(link, first=1)) == list(range(2, 22))
        assert await pulled(link, first=22) == []


async def test_gaps_are_asked_for_again_a_bounded_number_of_times() -> None:
    shoe = walked_pair(80).left
    async with meeting(shoe) as met, met.link() as link:
        faults = met.radio.shoes[0].faults
        faults.lose = {1: 1, 7: 2, 8: 2, 80: 1, 40: 1_000}
        assert sequences(await pulled(link)) == [sequence for sequence in range(1, 81) if sequence != 40]
        assert 1_000 - faults.lose[40] <= 3 * HASTY.attempts


async def test_corrupt_records_come_through_for_the_quarantine() -> None:
    """Content, signature, length or sequence wrong: the pull goes on, and the signature tells."""
    shoe = walked_pair(10).left
    key = public_key_of(shoe.identity.public_key)
    async with meeting(shoe) as met, met.link() as link:
        met.radio.shoes[0].faults.corrupt = {
            2: lambda record: record[:40] + b"\xff" + record[41:],
            4: lambda record: record[:-1] + bytes((record[-1] ^ 1,)),
            6: lambda record: record[:100],
            8: lambda record: record[:24] + b"\xee\xee\xee\xee" + record[28:],
        }
        records = await pulled(link)
    whole = [SignedMinute.from_bytes(record) for record in records if len(record) == 160]
    good = [minute.record.sequence for minute in whole if verify_minute(key, minute)]
    assert good == [1, 3, 5, 7, 9, 10]
    assert len(records) == 10
    assert len(whole) == 9


async def test_a_shoe_without_the_key_it_claims_cannot_prove_itself() -> None:
    pair = walked_pair(3)
    impostor = pair.left
    impostor.identity = dataclasses.replace(impostor.identity, public_key=pair.right.identity.public_key)
    async with meeting(impostor) as met, met.link() as link:
        claimed = public_key_of((await link.identity()).public_key)
        assert not proof_holds(claimed, NONCE, await link.prove(NONCE))


async def test_another_shoe_at_the_same_address_is_noticed_after_a_reconnect() -> None:
    pair = walked_pair(30)
    async with meeting(pair.left) as met, met.link() as link:
        emulated = met.radio.shoes[0]
        await emulated.drop_link()
        emulated.shoe = pair.right
        with pytest.raises(LinkError, match="SHOE_CHANGED"):
            await link.state()


async def test_a_wipe_over_the_air_is_signed() -> None:
    shoe = walked_pair(5).left
    async with meeting(shoe) as met, met.link() as link:
        key = public_key_of(shoe.identity.public_key)
        assert wipe_holds(key, NONCE, await link.wipe(NONCE))
        assert await pulled(link) == []


async def test_the_boot_clock_is_read_over_the_air() -> None:
    shoe = walked_pair(0).left
    booted = now_ms() - 3_600_000
    shoe.boot(booted)
    async with meeting(shoe) as met, met.link() as link:
        clock = await read_boot_clock(link, now_ms)
        assert abs(clock.began_at_ms - booted) < 200


async def test_what_a_shoe_refuses_is_said() -> None:
    shoe = walked_pair(2).left
    async with meeting(shoe) as met, met.link() as link:
        with pytest.raises(LinkError, match=r"SHOE_REFUSED.*OPERAND to ACK"):
            await link.acknowledge(3)
        with pytest.raises(LinkError, match=r"SHOE_REFUSED.*OPERAND to PROVE"):
            await link.prove(bytes(31))


async def test_a_link_that_splits_records_is_refused() -> None:
    async with meeting(walked_pair(1).left) as met:
        met.radio.shoes[0].limit_mtu(100)
        with pytest.raises(LinkError, match="MTU_TOO_SMALL"):
            await met.link().__aenter__()


async def test_values_are_readable_only_over_an_encrypted_link() -> None:
    async with meeting(walked_pair(1).left) as met:
        async with BleakClient(met.devices[0]) as client:
            with pytest.raises(BleakError):
                await client.read_gatt_char(profile.IDENTITY)
            with pytest.raises(BleakError):
                await client.write_gatt_char(profile.CONTROL, profile.pull_request(1, 1), response=True)
        async with met.link() as link:
            assert (await link.state()).newest == 1


async def test_a_bonded_shoe_reconnects_without_pairing_again() -> None:
    async with meeting(walked_pair(1).left) as met:
        async with met.link() as link:
            first = await link.identity()
        stranger_to_all = dataclasses.replace(met, agent=type(met.agent)())
        async with stranger_to_all.link() as link:
            assert await link.identity() == first


async def test_pairing_fails_without_an_agent_and_with_one_that_does_not_know_the_shoe() -> None:
    async with emulated_radio(walked_pair(1).left):
        (device,) = await find_shoes(expected=1)
        for _ in range(2):
            with pytest.raises(LinkError, match="PAIRING_FAILED"):
                await BleShoeLink(device, PairingAgent(), HASTY).__aenter__()
            async with pairing_agent():
                with pytest.raises(LinkError, match="PAIRING_FAILED"):
                    await BleShoeLink(device, PairingAgent(), HASTY).__aenter__()


async def test_a_silent_shoe_is_given_up() -> None:
    shoe = walked_pair(2).left
    async with meeting(shoe) as met, met.link(patience=dataclasses.replace(HASTY, silence=0.1)) as link:
        met.radio.shoes[0]._perform = _say_nothing  # type: ignore[method-assign, assignment]
        with pytest.raises(LinkError, match="SHOE_SILENT"):
            await link.prove(NONCE)
        with pytest.raises(LinkError, match="SHOE_SILENT"):
            await pulled(link)


async def _say_nothing(*_: object) -> None:
    return


async def test_a_shoe_that_went_away_is_a_lost_link() -> None:
    shoe = walked_pair(2).left
    async with meeting(shoe) as met, met.link(patience=Patience(connect=2.0, attempts=1)) as link:
        await met.radio.shoes[0].stop()
        with pytest.raises(LinkError, match="LINK_LOST"):
            await link.state()


async def test_a_link_must_be_made_before_it_is_used() -> None:
    async with meeting(walked_pair(1).left) as met:
        with pytest.raises(LinkError, match="LINK_LOST"):
            await BleShoeLink(met.devices[0], met.agent).identity()


async def test_missing_shoes_are_said() -> None:
    async with meeting(walked_pair(1).left):
        with pytest.raises(LinkError, match="SHOE_NOT_FOUND"):
            await find_shoes(expected=2, seconds=0.3)


async def test_without_a_bluetooth_service_scanning_and_pairing_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    with pytest.raises(LinkError, match="BLUETOOTH_UNAVAILABLE"):
        await find_shoes(seconds=0.1)
    with pytest.raises(LinkError, match="BLUETOOTH_UNAVAILABLE"):
        async with pairing_agent():
            pass


async def test_a_device_without_the_profile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with meeting(walked_pair(1).left) as met:
        monkeypatch.setattr(profile, "RECORDS", profile.RECORDS.replace("7d3f", "7d40"))
        with pytest.raises(LinkError, match="PROFILE_MISSING"):
            await met.link().__aenter__()
