"""From a shoe to an anchored, rewarded day: the oracle beside a node.

    shoes, links, emulation   shoes as they are built, ways to reach them, a radio without a radio
    intake, spool, register   signed minutes checked and kept until their day is closed
    plausibility, days        what a minute and a day must look like; the day record
    closing, batches          sealing into the vault, one anchored root a day
    rewards, issuer           entitlements, and vouchers signed blindly
    sidecar                   `Oracle`, which composes them

What files keep of a person is marked and sealed under a key that lies with the person (`sealing`).
"""

from oracles.devices import EnrolledDevice
from oracles.errors import OracleError
from oracles.refusals import Reason
from oracles.sidecar import Oracle, OracleParts

__all__ = ["EnrolledDevice", "Oracle", "OracleError", "OracleParts", "Reason"]
