"""The firmware of a smart shoe: it closes minutes, signs them, keeps them, and answers who it is."""

from collections.abc import Iterator

from oracles.errors import DeviceError
from oracles.links.statements import (
    CERTIFICATE_SIZE,
    NONCE_SIZE,
    PAIR_SIZE,
    WIPED_CONTEXT,
    ShoeIdentity,
    ShoeProof,
    ShoeState,
    StateFlag,
)
from oracles.shoes.keys import DeviceKey
from oracles.shoes.log import ShoeLog
from oracles.shoes.measures import MinuteMeasures
from protocol.minutes import (
    LIVE_CONTEXT,
    PREVIOUS_SIZE,
    VERSION,
    MinuteFlag,
    MinuteRecord,
    Side,
    SignedMinute,
    chain_prefix,
    signed_message,
)

MINUTE_MS = 60_000
MODEL = "TIDE-1"
FIRMWARE = bytes.fromhex("7469646501000000")


class Shoe:
    """One shoe of a pair. Times passed in are UTC milliseconds; what it signs is milliseconds since its boot.

    `battery_percent` and `temperature_c` are sensors a caller may set. A new shoe is off: call `boot` first.
    """

    def __init__(
        self,
        key: DeviceKey,
        side: Side,
        pair: bytes,
        certificate: bytes = bytes(CERTIFICATE_SIZE),
        log: ShoeLog | None = None,
    ) -> None:
        if len(pair) != PAIR_SIZE:
            raise DeviceError("PAIR_ID_LENGTH", f"a pair id is {PAIR_SIZE} bytes")
        self.key = key
        self.identity = ShoeIdentity(key.algorithm, side, pair, MODEL, certificate, key.public_bytes)
        self.log = log or ShoeLog()
        self.battery_percent = 100
        self.temperature_c = 30
        self._device = key.device
        self._boot = 0
        self._booted_at_ms = 0
        self._free_from_ms = 0
        self._closed_in_boot = False
        self._previous = bytes(PREVIOUS_SIZE)
        self._gap = False

    def boot(self, now_ms: int) -> None:
        """Switch on: the secure element counts a boot, the clock starts at zero, the sequence runs on."""
        self._boot += 1
        self._booted_at_ms = now_ms
        self._free_from_ms = 0
        self._closed_in_boot = False

    def close_minute(
        self,
        measures: MinuteMeasures,
        began_at_ms: int,
        duration_ms: int = MINUTE_MS,
        flags: MinuteFlag = MinuteFlag.WORN,
    ) -> SignedMinute:
        """Sign the minute that began then, keep it in the log and return it.

        Raises `NOT_BOOTED`, `MINUTE_BEFORE_BOOT`, `MINUTE_OVERLAPS` (begins before the last one ended) or, from the
        record, `MINUTE_MALFORMED`.
        """
        start_ms = self._check_start(began_at_ms)
        raw = self._record(measures, start_ms, duration_ms, flags).pack()
        minute = SignedMinute(raw, self.key.sign(signed_message(raw)))
        self.log.append(minute)
        self._previous = chain_prefix(raw)
        self._gap = False
        self._closed_in_boot = True
        self._free_from_ms = start_ms + duration_ms
        return minute

    def state(self, now_ms: int) -> ShoeState:
        """How the shoe stands now."""
        flags = StateFlag.RECORDS_LOST if self.log.records_lost else StateFlag(0)
        if not self._closed_in_boot:
            flags |= StateFlag.CLOCK_RESTARTED
        since_boot = max(0, now_ms - self._booted_at_ms)
        log = self.log
        return ShoeState(self.battery_percent, flags, self._boot, since_boot, log.oldest, log.newest, log.acknowledged)

    def records(self, first: int, last: int) -> Iterator[bytes]:
        """Signed minutes first..last, 160 bytes each. Raises `RANGE_NOT_HELD`."""
        return self.log.records(first, last)

    def acknowledge(self, sequence: int) -> None:
        """Let everything up to here be overwritten. Raises `ACK_BEYOND_LOG`."""
        self.log.acknowledge(sequence)

    def prove(self, nonce: bytes, now_ms: int) -> ShoeProof:
        """Sign a nonce of 32 bytes with the present state: this shoe, now. Raises `NONCE_LENGTH`."""
        return self._signed_state(LIVE_CONTEXT, nonce, now_ms)

    def wipe(self, nonce: bytes, now_ms: int) -> ShoeProof:
        """Erase the log and sign that it was done. The next record declares the gap. Raises `NONCE_LENGTH`."""
        _check_nonce(nonce)
        self.log.erase()
        self._previous = bytes(PREVIOUS_SIZE)
        self._gap = True
        return self._signed_state(WIPED_CONTEXT, nonce, now_ms)

    def _check_start(self, began_at_ms: int) -> int:
        if not self._boot:
            raise DeviceError("NOT_BOOTED", "the shoe is off", "boot it first")
        start_ms = began_at_ms - self._booted_at_ms
        if start_ms < 0:
            raise DeviceError("MINUTE_BEFORE_BOOT", "a minute cannot begin before the shoe is on")
        if start_ms < self._free_from_ms:
            raise DeviceError("MINUTE_OVERLAPS", "the minute begins before the last one ended")
        return start_ms

    def _record(self, measures: MinuteMeasures, start_ms: int, duration_ms: int, flags: MinuteFlag) -> MinuteRecord:
        return MinuteRecord(
            version=VERSION,
            algorithm=self.identity.algorithm,
            side=self.identity.side,
            flags=flags | MinuteFlag.GAP_BEFORE if self._gap else flags,
            device=self._device,
            pair=self.identity.pair,
            boot=self._boot,
            sequence=self.log.newest + 1,
            start_ms=start_ms,
            duration_ms=duration_ms,
            steps=measures.steps,
            strides_used=measures.strides_used,
            stride_mean_ms=measures.stride_mean_ms,
            stride_sd_tenth_ms=measures.stride_sd_tenth_ms,
            stance_mean_ms=measures.stance_mean_ms,
            peak_force_n=measures.peak_force_n,
            peak_force_sd_tenth_n=measures.peak_force_sd_tenth_n,
            first_contact_ms=measures.first_contact_ms,
            last_contact_ms=measures.last_contact_ms,
            battery_percent=self.battery_percent,
            temperature_c=self.temperature_c,
            mid_swing_deg_s=measures.mid_swing_deg_s,
            impact_centi_g=measures.impact_centi_g,
            firmware=FIRMWARE,
            previous=self._previous,
        )

    def _signed_state(self, context: bytes, nonce: bytes, now_ms: int) -> ShoeProof:
        _check_nonce(nonce)
        state = self.state(now_ms)
        return ShoeProof(state, self.key.sign(context + nonce + state.pack()))


def _check_nonce(nonce: bytes) -> None:
    if len(nonce) != NONCE_SIZE:
        raise DeviceError("NONCE_LENGTH", f"a nonce is {NONCE_SIZE} random bytes")
