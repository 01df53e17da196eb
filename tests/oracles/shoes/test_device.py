import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.errors import DeviceError
from oracles.links import StateFlag, certified, proof_holds, wipe_holds
from oracles.shoes import DeviceKey, Shoe, ShoeLog, make_pair
from protocol.minutes import (
    P256_ORDER,
    Algorithm,
    MinuteFlag,
    MinuteMalformed,
    Side,
    SignedMinute,
    chain_prefix,
    public_key_of,
    verify_minute,
    verify_signature,
)
from tests.oracles.shoes.support import NOON_MS, STEADY, walked_pair

NONCE = bytes(range(32))


def shoe_on(log: ShoeLog | None = None) -> Shoe:
    shoe = Shoe(DeviceKey.generate(), Side.LEFT, bytes(8), log=log)
    shoe.boot(NOON_MS)
    return shoe


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_minute_verifies_with_the_shoes_key_and_with_no_other(algorithm: Algorithm) -> None:
    pair = walked_pair(1, algorithm=algorithm)
    minute = SignedMinute.from_bytes(next(pair.left.records(1, 1)))
    assert verify_minute(public_key_of(pair.left.identity.public_key), minute)
    assert not verify_minute(public_key_of(pair.right.identity.public_key), minute)
    assert minute.record.device == pair.left.identity.device
    assert minute.record.algorithm == algorithm


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_signatures_have_a_low_s(message: bytes) -> None:
    key = DeviceKey.generate()
    signature = key.sign(message)
    s = int.from_bytes(signature[32:], "big")
    public = public_key_of(key.public_bytes)
    assert 0 < s <= P256_ORDER // 2
    assert verify_signature(public, message, signature)
    twin = signature[:32] + (P256_ORDER - s).to_bytes(32, "big")
    assert not verify_signature(public, message, twin)


steps_of_a_life = st.lists(
    st.one_of(
        st.tuples(st.just("minute"), st.integers(1, 200_000)),
        st.tuples(st.just("boot"), st.just(0)),
        st.tuples(st.just("wipe"), st.just(0)),
        st.tuples(st.just("ack"), st.integers(0, 1_000)),
    ),
    max_size=40,
)


@given(steps_of_a_life, st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_a_shoes_life_keeps_its_laws(life: list[tuple[str, int]], capacity: int) -> None:
    """Sequences run on by one, every record links to the one before or declares a gap, the log is bounded."""
    shoe = shoe_on(ShoeLog(capacity))
    now, minutes = NOON_MS, []
    for step, number in life:
        if step == "minute":
            now += 60_000 + number
            minutes.append(shoe.close_minute(STEADY, now - 60_000))
        elif step == "boot":
            shoe.boot(now)
        elif step == "wipe":
            assert wipe_holds(public_key_of(shoe.identity.public_key), NONCE, shoe.wipe(NONCE, now))
        elif number <= shoe.log.newest:
            shoe.acknowledge(number)
        state = shoe.state(now)
        assert state.newest - state.oldest + 1 <= capacity
        assert state.acknowledged <= state.newest
    assert [minute.record.sequence for minute in minutes] == list(range(1, len(minutes) + 1))
    for before, after in itertools.pairwise(minutes):
        linked = after.record.previous == chain_prefix(before.raw)
        assert linked or (after.record.flags & MinuteFlag.GAP_BEFORE and after.record.previous == bytes(16))
        if after.record.boot == before.record.boot:
            assert after.record.start_ms >= before.record.start_ms + before.record.duration_ms
        else:
            assert after.record.boot > before.record.boot
    held = [SignedMinute.from_bytes(raw) for raw in shoe.records(state.oldest, state.newest)] if _holds(shoe) else []
    assert held == minutes[len(minutes) - len(held) :]


def _holds(shoe: Shoe) -> bool:
    return shoe.log.oldest <= shoe.log.newest


def test_a_full_log_overwrites_the_oldest_and_says_so_only_if_it_was_not_acknowledged() -> None:
    shoe = shoe_on(ShoeLog(2))
    for minute in range(2):
        shoe.close_minute(STEADY, NOON_MS + minute * 60_000)
    shoe.acknowledge(1)
    shoe.close_minute(STEADY, NOON_MS + 120_000)
    assert not shoe.state(NOON_MS).flags & StateFlag.RECORDS_LOST
    shoe.close_minute(STEADY, NOON_MS + 180_000)
    state = shoe.state(NOON_MS)
    assert state.flags & StateFlag.RECORDS_LOST
    assert (state.oldest, state.newest) == (3, 4)


def test_a_resent_record_is_byte_identical() -> None:
    shoe = walked_pair(3).left
    assert list(shoe.records(1, 3)) == list(shoe.records(1, 3))


def test_prove_covers_nonce_and_state() -> None:
    shoe = walked_pair(3).left
    key = public_key_of(shoe.identity.public_key)
    proof = shoe.prove(NONCE, NOON_MS + 1_000)
    assert proof_holds(key, NONCE, proof)
    assert not proof_holds(key, bytes(32), proof)
    assert not proof_holds(key, NONCE, dataclasses.replace(proof, state=dataclasses.replace(proof.state, newest=9)))
    assert not wipe_holds(key, NONCE, proof)


def test_a_wipe_empties_the_log_and_a_proof_of_life_does_not_pass_for_one() -> None:
    shoe = walked_pair(3).left
    key = public_key_of(shoe.identity.public_key)
    proof = shoe.wipe(NONCE, NOON_MS)
    assert wipe_holds(key, NONCE, proof)
    assert not wipe_holds(key, bytes(32), proof)
    assert not wipe_holds(key, NONCE, shoe.prove(NONCE, NOON_MS))
    with pytest.raises(DeviceError, match="RANGE_NOT_HELD"):
        shoe.records(1, 3)


def test_the_factory_vouches_for_key_side_and_pair() -> None:
    factory = DeviceKey.generate()
    identity = make_pair(factory).left.identity
    trusted = public_key_of(factory.public_bytes)
    assert certified(trusted, identity)
    assert not certified(trusted, dataclasses.replace(identity, side=Side.RIGHT))
    assert not certified(trusted, dataclasses.replace(identity, pair=bytes(8)))
    assert not certified(public_key_of(DeviceKey.generate().public_bytes), identity)


def test_both_shoes_of_a_pair_carry_its_id() -> None:
    pair = walked_pair(1)
    left, right = (SignedMinute.from_bytes(next(shoe.records(1, 1))).record for shoe in (pair.left, pair.right))
    assert (left.side, right.side) == (Side.LEFT, Side.RIGHT)
    assert left.pair == right.pair == pair.pair


def test_what_a_shoe_refuses() -> None:
    shoe = Shoe(DeviceKey.generate(), Side.LEFT, bytes(8))
    with pytest.raises(DeviceError, match="NOT_BOOTED"):
        shoe.close_minute(STEADY, NOON_MS)
    shoe.boot(NOON_MS)
    with pytest.raises(DeviceError, match="MINUTE_BEFORE_BOOT"):
        shoe.close_minute(STEADY, NOON_MS - 1)
    shoe.close_minute(STEADY, NOON_MS)
    with pytest.raises(DeviceError, match="MINUTE_OVERLAPS"):
        shoe.close_minute(STEADY, NOON_MS + 59_999)
    with pytest.raises(MinuteMalformed):
        shoe.close_minute(dataclasses.replace(STEADY, peak_force_n=70_000), NOON_MS + 60_000)
    with pytest.raises(DeviceError, match="ACK_BEYOND_LOG"):
        shoe.acknowledge(2)
    for sign in (shoe.prove, shoe.wipe):
        with pytest.raises(DeviceError, match="NONCE_LENGTH"):
            sign(bytes(31), NOON_MS)
    assert shoe.log.newest == 1
    with pytest.raises(DeviceError, match="PAIR_ID_LENGTH"):
        Shoe(DeviceKey.generate(), Side.LEFT, bytes(7))
    with pytest.raises(DeviceError, match="LOG_CAPACITY"):
        ShoeLog(0)


def test_a_minute_that_was_not_signed_leaves_the_chain_whole() -> None:
    shoe = shoe_on()
    first = shoe.close_minute(STEADY, NOON_MS)
    with pytest.raises(MinuteMalformed):
        shoe.close_minute(dataclasses.replace(STEADY, steps=-1), NOON_MS + 60_000)
    second = shoe.close_minute(STEADY, NOON_MS + 60_000)
    assert second.record.sequence == 2
    assert second.record.previous == chain_prefix(first.raw)
