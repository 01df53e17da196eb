"""State nodes that are read through to the store and written to memory only, until a commit takes them."""

from collections.abc import Callable

ReadNode = Callable[[bytes], bytes | None]


class Overlay:
    """Trie nodes and codes by their hash. `pending` holds what execution added; nothing here touches the disk."""

    def __init__(self, read: ReadNode) -> None:
        self._read = read
        self.pending: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None."""
        value = self.pending.get(key)
        return self._read(key) if value is None else value

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value` for the commit."""
        self.pending[key] = value
