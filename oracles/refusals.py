"""Why a minute or a day is not accepted or not paid: a reason each, and a sentence its wearer can read.

A refused minute is data, not an exception: it is kept with its reason, reported to the wearer and open to review.
"""

from dataclasses import dataclass
from enum import StrEnum

from protocol.quantities import DeviceId


class Reason(StrEnum):
    """The closed list of reasons, in the order in which they are looked for."""

    MALFORMED = "MALFORMED"
    DEVICE_UNKNOWN = "DEVICE_UNKNOWN"
    SIDE_MISMATCH = "SIDE_MISMATCH"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    REPLAY = "REPLAY"
    FORK = "FORK"
    SEQUENCE_GAP_UNDECLARED = "SEQUENCE_GAP_UNDECLARED"
    CHAIN_BROKEN = "CHAIN_BROKEN"
    BOOT_BACKWARDS = "BOOT_BACKWARDS"
    TIME_BACKWARDS = "TIME_BACKWARDS"
    TIME_UNKNOWN = "TIME_UNKNOWN"
    IN_FUTURE = "IN_FUTURE"
    DAY_CLOSED = "DAY_CLOSED"
    SHOE_FAULT = "SHOE_FAULT"
    NOT_WORN = "NOT_WORN"
    SHOE_MISSING = "SHOE_MISSING"
    PAIR_DISAGREES = "PAIR_DISAGREES"
    TWO_PAIRS_AT_ONCE = "TWO_PAIRS_AT_ONCE"
    DURATION_IMPLAUSIBLE = "DURATION_IMPLAUSIBLE"
    STEPS_IMPLAUSIBLE = "STEPS_IMPLAUSIBLE"
    STANCE_IMPLAUSIBLE = "STANCE_IMPLAUSIBLE"
    FORCE_IMPLAUSIBLE = "FORCE_IMPLAUSIBLE"
    TOO_REGULAR = "TOO_REGULAR"
    DAY_IMPLAUSIBLE = "DAY_IMPLAUSIBLE"


INCIDENTS = frozenset({Reason.FORK, Reason.CHAIN_BROKEN, Reason.BOOT_BACKWARDS})
"""An honest shoe never causes these: its key is used elsewhere or its memory was changed. A person looks at them."""

SENTENCES = {
    Reason.MALFORMED: "The shoe sent something that is not a minute record.",
    Reason.DEVICE_UNKNOWN: "This shoe is not registered to anybody.",
    Reason.SIDE_MISMATCH: "The shoe says it belongs to another foot or another pair than the registered one.",
    Reason.SIGNATURE_INVALID: "The minute was not signed by the registered shoe.",
    Reason.REPLAY: "We have already received this minute; it counts once.",
    Reason.FORK: "The shoe signed two different records for the same minute; neither counts until somebody has looked.",
    Reason.SEQUENCE_GAP_UNDECLARED: "Minutes before this one are missing; it will be asked for again.",
    Reason.CHAIN_BROKEN: "This minute does not follow the ones we have received from the shoe.",
    Reason.BOOT_BACKWARDS: "The shoe counts its restarts backwards.",
    Reason.TIME_BACKWARDS: "This minute begins before the one before it has ended.",
    Reason.TIME_UNKNOWN: "The shoe was restarted before its clock could be compared, so the time of day is not known.",
    Reason.IN_FUTURE: "The minute lies in the future.",
    Reason.DAY_CLOSED: "The minute arrived after its day had been closed.",
    Reason.SHOE_FAULT: "The shoe reported that its self-test failed.",
    Reason.NOT_WORN: "The shoe counted steps while it was charging or not on a foot.",
    Reason.SHOE_MISSING: "Only one of the two shoes recorded these steps.",
    Reason.PAIR_DISAGREES: "The left and the right shoe counted different numbers of steps.",
    Reason.TWO_PAIRS_AT_ONCE: "Two pairs of shoes recorded steps in the same minute.",
    Reason.DURATION_IMPLAUSIBLE: "A record with steps must cover one minute.",
    Reason.STEPS_IMPLAUSIBLE: "Nobody takes that many steps in a minute.",
    Reason.STANCE_IMPLAUSIBLE: "The time the foot stood on the ground does not fit walking or running.",
    Reason.FORCE_IMPLAUSIBLE: "The force under the foot does not fit a person.",
    Reason.TOO_REGULAR: "The strides are more even than any person's.",
    Reason.DAY_IMPLAUSIBLE: "The day holds more walking than a person can do; it is held for review.",
}


@dataclass(frozen=True, slots=True)
class Incident:
    """Something only a compromised or defective shoe does; for a person to look at."""

    reason: Reason
    device: DeviceId
    sequence: int
