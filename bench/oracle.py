"""The oracle against bare arithmetic: taking signed minutes, and signing blindly."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gmpy2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bench.measuring import Against, Comparison, Result, Scale, Setting, by_turns, seconds
from oracles.intake import Intake
from oracles.sealing import ErasableSeal
from oracles.series_keys import SeriesKey
from oracles.spool import Spool
from protocol.minutes import SignedMinute, signed_message
from protocol.quantities import DeviceId
from protocol.vouchers import EXPONENT
from tests.oracles.core_support import LONG_AFTER, Register, TagKeys, Wearer

BENCH = "oracles"
CADENCE = 104
ECDSA = ec.ECDSA(hashes.SHA256())
BITS = 2_048


@dataclass(frozen=True, slots=True)
class _Sizes:
    people: int
    minutes: int
    """Walked by each; two shoes sign each minute."""
    signatures: int


SIZES = {Scale.SMALL: _Sizes(4, 10, 20), Scale.NORMAL: _Sizes(20, 150, 400)}


def measure(setting: Setting) -> list[Result]:
    """Minutes taken and blind signatures made, a second."""
    setting.say("walking and signing")
    sizes = SIZES[setting.scale]
    people = [Wearer.new(seed) for seed in range(sizes.people)]
    minutes = [minute for person in people for minute in person.walk((CADENCE,) * sizes.minutes)]
    setting.say("taking signed minutes")
    intake = _intake(setting.folder, people, minutes)
    setting.say("signing blindly")
    return [intake, *_signing(sizes.signatures)]


def _intake(folder: Path, people: list[Wearer], minutes: list[SignedMinute]) -> Result:
    sent, rounds = [minute.to_bytes() for minute in minutes], iter(range(1_000))
    checks = _bare_checks(people, minutes)

    def take() -> float:
        spool, register = Spool(folder / f"spool {next(rounds)}.db", ErasableSeal(TagKeys())), Register()
        intake = Intake(spool)
        for person in people:
            person.enroll(register, intake)
        taken = seconds(lambda: _all_accepted(intake, register, sent))
        spool.close()
        return len(sent) / taken

    ours, other = by_turns(take, lambda: len(checks) / seconds(lambda: [check() for check in checks]))
    what = "signed minutes, checked and on disk"
    return Comparison(BENCH, what, "minutes/s", tuple(ours), "P-256 verification alone", tuple(other), Against.LIMIT)


def _all_accepted(intake: Intake, register: Register, sent: list[bytes]) -> None:
    assert intake.accept(register, sent, LONG_AFTER).accepted == len(sent)


def _bare_checks(people: list[Wearer], minutes: list[SignedMinute]) -> list[Callable[[], None]]:
    """A verification per minute, with key and signature ready in the form the library takes."""
    keys = {
        shoe.key.device: ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), shoe.key.public_bytes)
        for person in people
        for shoe in (person.shoes.left, person.shoes.right)
    }

    def check(minute: SignedMinute) -> Callable[[], None]:
        key, message = keys[DeviceId(minute.record.device)], signed_message(minute.raw)
        r, s = (int.from_bytes(minute.signature[at : at + 32], "big") for at in (0, 32))
        signature = encode_dss_signature(r, s)
        return lambda: key.verify(signature, message, ECDSA)

    return [check(minute) for minute in minutes]


def _signing(count: int) -> list[Result]:
    private = rsa.generate_private_key(EXPONENT, BITS)
    numbers = private.private_numbers()
    n, d = numbers.public_numbers.n, numbers.d
    key = SeriesKey(numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    blinded = [secrets.randbelow(n - 2) + 2 for _ in range(count)]

    def rate(sign: Callable[[int], object]) -> Callable[[], float]:
        return lambda: count / seconds(lambda: [sign(message) for message in blinded])

    def library(message: int) -> bytes:
        return private.sign(message.to_bytes(BITS // 8, "big"), padding.PKCS1v15(), hashes.SHA256())

    lines: list[tuple[str, Callable[[int], object], Against]] = [
        ("gmpy2, m^d mod n: no CRT, no blinding, no check", lambda m: gmpy2.powmod(m, d, n), Against.PEER),
        ("cryptography's RSA signing", library, Against.LIMIT),
    ]
    results: list[Result] = []
    for name, sign, against in lines:
        ours, other = by_turns(rate(key.sign_blinded), rate(sign))
        what = f"blind signatures, {BITS:,} bits, checked"
        results.append(Comparison(BENCH, what, "signatures/s", tuple(ours), name, tuple(other), against))
    return results
