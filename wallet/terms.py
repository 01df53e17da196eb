"""Terms of agreements that say nothing about their signer: begin and end are readable on the chain for everybody."""

from protocol.calendar import day_of, start_of
from protocol.quantities import Day, Seconds
from wallet.errors import WalletError


def whole_days(now: int, days: int) -> tuple[Seconds, Seconds]:
    """Begin and end (UTC seconds) of a term of so many days in Seoul, today included.

    It begins when today began and ends at a midnight, like everybody's: to the second it would be a fingerprint of the
    moment of signing, and the same moment in two agreements would join them. Raises `TERM_EMPTY`."""
    if days < 1:
        raise WalletError("TERM_EMPTY", f"{days} days are no term", "agree on at least one day")
    today = day_of(Seconds(now))
    return start_of(today), start_of(Day(today + days))
