"""What may go wrong with a shoe or on the air, set by a test or a demonstration."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """Faults of one emulated shoe; none at first."""

    corrupt: dict[int, Callable[[bytes], bytes]] = field(default_factory=dict)
    """By sequence: what becomes of the record whenever it is sent."""
    lose: dict[int, int] = field(default_factory=dict)
    """By sequence: how many times sending the record fails silently."""
    cut_after: list[int] = field(default_factory=list)
    """The link is lost after this many more records; once for each number."""
    largest_mtu: int = 247
    """The ATT MTU the shoe agrees to; set it before the link is made."""

    def on_air(self, sequence: int, record: bytes) -> bytes | None:
        """What is really sent of a record; None if nothing."""
        left = self.lose.get(sequence, 0)
        if left:
            self.lose[sequence] = left - 1
            return None
        spoil = self.corrupt.get(sequence)
        return spoil(record) if spoil else record

    def cuts_now(self) -> bool:
        """Count one record sent; is the link lost after it?"""
        if not self.cut_after:
            return False
        self.cut_after[0] -= 1
        if self.cut_after[0] > 0:
            return False
        self.cut_after.pop(0)
        return True
