"""A link to one shoe, whatever carries it: Bluetooth, a wire, a replay."""

from collections.abc import AsyncIterator
from typing import Protocol

from oracles.links.statements import ShoeIdentity, ShoeProof, ShoeState


class ShoeLink(Protocol):
    """What the oracle needs of a shoe. Methods raise `LinkError`."""

    async def identity(self) -> ShoeIdentity:
        """Who the shoe says it is; believe it only after `prove`."""
        ...

    async def state(self) -> ShoeState:
        """The shoe's clock and the range of records it holds."""
        ...

    async def prove(self, nonce: bytes) -> ShoeProof:
        """A signature over a fresh nonce of 32 bytes; check it with `proof_holds`."""
        ...

    def pull(self, first: int) -> AsyncIterator[bytes]:
        """Every record from sequence `first` to the newest, in order of sequence, each once.

        The bytes are as the shoe sent them, unchecked: usually 160, wrong ones are for the quarantine. A sequence the
        shoe holds no longer, or never delivers, is missing from the order.
        """
        ...

    async def acknowledge(self, sequence: int) -> None:
        """Let the shoe overwrite everything up to here. Call it only once these records are durable."""
        ...

    async def wipe(self, nonce: bytes) -> ShoeProof:
        """Erase the shoe's log: it is a store of a person's data too. Check the answer with `wipe_holds`."""
        ...
