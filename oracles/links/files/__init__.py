"""Files that hold steps: nothing vouches for them, so days made from them alone never earn.

    fit         activity files of watches and foot pods
    fitbit      minute and daily steps as CSV
    force       force under each foot, as recorded in a gait laboratory

Every reader refuses a bad file with a `FileRefused` that says where it is wrong.
"""

from oracles.links.files.fit import CadenceCounts, FitActivity, FitSecond, read_fit
from oracles.links.files.fitbit import FitbitDay, read_daily_steps, read_minute_steps
from oracles.links.files.force import ForceRecording, read_force

__all__ = [
    "CadenceCounts",
    "FitActivity",
    "FitSecond",
    "FitbitDay",
    "ForceRecording",
    "read_daily_steps",
    "read_fit",
    "read_force",
    "read_minute_steps",
]
