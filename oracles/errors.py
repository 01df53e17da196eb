"""What can go wrong in the oracles' room.

    OracleError             the room's branch of TideprintError
    ├── SubjectGone         a person's key is erased, so nothing of theirs is read or written
    ├── FileBusy            a file is in use elsewhere: what was deleted may survive in its log
    ├── LinkError           a shoe does not answer, or not as its profile says
    ├── FileRefused         a file import is not what it should be; says where
    ├── DeviceError         a shoe (or the model of one) is asked for something it cannot do
    └── EmulationError      the emulated radio cannot start

A record that fails a check is data, not an exception: it goes to quarantine with its reason.
"""

from protocol.errors import TideprintError


class OracleError(TideprintError):
    """An error of the oracles' room."""


class SubjectGone(OracleError):
    """`KEY_ERASED`: the person was erased, is being erased, or never was."""

    def __init__(self) -> None:
        super().__init__("KEY_ERASED", "this person has no key", "they were erased, or never enrolled; do not retry")


class FileBusy(OracleError):
    """`STORE_BUSY`: somebody else reads or writes the file, so that deleted rows cannot be overwritten everywhere."""

    def __init__(self) -> None:
        hint = "end whatever else has the file open, then repeat; nothing is certified before"
        super().__init__("STORE_BUSY", "the write-ahead log cannot be emptied", hint)


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
