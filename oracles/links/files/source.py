"""Reading a file that somebody else made: bounded, plain or gzip."""

import gzip
import zlib
from pathlib import Path

from oracles.errors import FileRefused

LARGEST_BYTES = 64 * 1024 * 1024


def read_bytes(path: Path) -> bytes:
    """The contents, unpacked if the name ends in `.gz`.

    Raises `FILE_MISSING`, `FILE_UNREADABLE`, `FILE_EMPTY`, `FILE_TOO_LARGE` (also when unpacked) or `FILE_TRUNCATED`.
    """
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as source:
            data: bytes = source.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise FileRefused("FILE_MISSING", f"there is no file {path.name}", "check the path") from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise FileRefused("FILE_TRUNCATED", f"{path.name} does not unpack to its end", "copy the file again") from None
    except OSError as error:
        raise FileRefused("FILE_UNREADABLE", f"{path.name}: {error.strerror}", "check its permissions") from None
    if not data:
        raise FileRefused("FILE_EMPTY", f"{path.name} is empty", "export it again")
    if len(data) > LARGEST_BYTES:
        raise FileRefused("FILE_TOO_LARGE", f"{path.name} holds over {LARGEST_BYTES} bytes", "split it")
    return data


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without their ends. Raises as `read_bytes`, and `FILE_NOT_TEXT`."""
    try:
        return read_bytes(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise FileRefused("FILE_NOT_TEXT", f"{path.name} is not UTF-8 text", "export it as CSV or text") from None
