"""What a shoe's firmware measures of one foot in one minute, before it is signed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MinuteMeasures:
    """The measured fields of a minute record, of one foot. Statistics cover the steady strides only.

    Zero means "nothing to measure": no steady stride in the minute, or a sensor this shoe does not have.
    """

    steps: int
    strides_used: int = 0
    stride_mean_ms: int = 0
    stride_sd_tenth_ms: int = 0
    stance_mean_ms: int = 0
    peak_force_n: int = 0
    peak_force_sd_tenth_n: int = 0
    first_contact_ms: int = 0
    last_contact_ms: int = 0
    mid_swing_deg_s: int = 0
    impact_centi_g: int = 0
