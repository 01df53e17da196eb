"""Bytes held for clients, counted over all of them: requests being read, answers being sent, messages waiting."""


class Budget:
    """So many bytes and no more. What is taken must be given back."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    def take(self, size: int) -> bool:
        """Take `size` bytes; False, and nothing taken, when there are not so many left."""
        if self.taken + size > self._most:
            return False
        self.taken += size
        return True

    def give(self, size: int) -> None:
        """Give back."""
        self.taken -= size
