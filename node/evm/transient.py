"""Transient storage (EIP-1153) as a dictionary with a list of what to undo; forgotten at the end of a transaction."""

from typing import Any

from eth.abc import TransientStorageAPI

Key = tuple[bytes, int]


class Transient(TransientStorageAPI):
    """In place of py-evm's journal database; checkpoints are those of the accounts."""

    def __init__(self) -> None:
        self._values: dict[Key, bytes] = {}
        self._undo: list[tuple[dict[Key, bytes], Key | None, bytes | None]] = []
        self._marks: list[tuple[Any, int]] = []

    def record(self, checkpoint: Any) -> None:
        self._marks.append((checkpoint, len(self._undo)))

    def commit(self, checkpoint: Any) -> None:
        self._forget(checkpoint)
        if not self._marks:
            self._undo.clear()

    def discard(self, checkpoint: Any) -> None:
        length = self._forget(checkpoint)
        while len(self._undo) > length:
            values, key, before = self._undo.pop()
            if key is None:
                self._values = values
            elif before is None:
                del values[key]
            else:
                values[key] = before

    def _forget(self, checkpoint: Any) -> int:
        """Drop a checkpoint and those after it; where it began."""
        while self._marks:
            found, length = self._marks.pop()
            if found == checkpoint:
                return length
        raise ValueError(f"checkpoint {checkpoint} is unknown")

    def get_transient_storage(self, address: bytes, slot: int) -> bytes:
        return self._values.get((address, slot), b"")

    def set_transient_storage(self, address: bytes, slot: int, value: bytes) -> None:
        key = (address, slot)
        self._undo.append((self._values, key, self._values.get(key)))
        self._values[key] = value

    def clear(self) -> None:
        if self._values:
            self._undo.append((self._values, None, None))
            self._values = {}
