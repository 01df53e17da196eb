"""What tests of holds and retention share: a vault with a silo and its officer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.vault.support import Clock, options
from vault import Vault
from vault.holds.officer import write_officer_key
from vault.holds.silo import Silo
from vault.retention.policy import RetentionPolicy


@dataclass
class Scene:
    """A vault, its clock, and the officer's private key."""

    vault: Vault
    clock: Clock
    officer: bytes

    def silo(self) -> Silo:
        return Silo(self.vault.silo_directory, options(clock=self.clock))


@contextmanager
def scene(home: Path, policy: RetentionPolicy | None = None, clock: Clock | None = None) -> Iterator[Scene]:
    """Open the vault at `home`, made with its silo if it is not there."""
    clock = clock or Clock()
    key = home.parent / "officer.key"
    opened = options(clock=clock, retention=policy or RetentionPolicy())
    if not home.exists():
        Vault.create(home, opened).close()
        Silo.create(home.with_name("vault-silo"), write_officer_key(key), options(clock=clock)).close()
    with Vault.open(home, opened) as vault:
        yield Scene(vault, clock, key.read_bytes())
