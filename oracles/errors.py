"""What can go wrong in the oracles' room.

    OracleError             the room's branch of TideprintError
    ├── LinkError           a shoe does not answer, or not as its profile says
    ├── FileRefused         a file import is not what it should be; says where
    ├── DeviceError         a shoe (or the model of one) is asked for something it cannot do
    └── EmulationError      the emulated radio cannot start

A record that fails a check is data, not an exception: it goes to quarantine with its reason.
"""

from protocol.errors import TideprintError


class OracleError(TideprintError):
    """An error of the oracles' room."""


class LinkError(OracleError):
    """A shoe cannot be reached, or answers against its profile."""


class FileRefused(OracleError):
    """A file that cannot be imported. `place` says where in it: a line, a column, a record."""

    def __init__(self, code: str, message: str, hint: str = "", place: str = "") -> None:
        super().__init__(code, f"{message} at {place}" if place else message, hint)
        self.place = place


class DeviceError(OracleError):
    """A shoe is asked for something it cannot do."""


class EmulationError(OracleError):
    """The emulated radio cannot start."""
