"""Which kind of root slot a vault has, and opening it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vault.process import random_buffer
from vault.roots.file import FileRootSlot
from vault.roots.keeper_link import KeeperAddress, KeeperLink
from vault.roots.shares import SharesRootSlot
from vault.roots.slot import Entropy, RootSlot
from vault.roots.token import TokenRootSlot, read_pin


@dataclass(frozen=True, slots=True)
class FileSettings:
    """A file; `path` is relative to the directory that is opened."""

    path: Path = Path("root.slot")
    allow_remnants: bool = False


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """A PKCS#11 token: its library, its label, the label of the secrets, and where the PIN comes from."""

    module: Path
    token: str
    label: str = "tideprint"
    pin_file: Path | None = None
    pin_credential: str = ""


@dataclass(frozen=True, slots=True)
class SharesSettings:
    """`threshold` of the keepers are needed; `identity` is the directory of `make_identity`, relative as above.

    The keepers' order is part of the secret: append, never reorder."""

    threshold: int
    keepers: tuple[KeeperAddress, ...]
    identity: Path = Path("keeper-identity")
    timeout: float = 2.0


RootSettings = FileSettings | TokenSettings | SharesSettings
ROOT_KINDS: Mapping[str, type[RootSettings]] = {
    "file": FileSettings,
    "pkcs11": TokenSettings,
    "shares": SharesSettings,
}
"""The word for each kind in a settings file."""


def open_root(
    settings: RootSettings, directory: Path, *, create: bool = False, entropy: Entropy = random_buffer
) -> RootSlot:
    """The root slot of a vault whose key directory is `directory`; `create` makes the file of a file slot."""
    match settings:
        case FileSettings(path, allow_remnants):
            return FileRootSlot(directory / path, create=create, allow_remnants=allow_remnants, entropy=entropy)
        case TokenSettings(module, token, label, pin_file, credential):
            return TokenRootSlot(module, token, label, read_pin(pin_file, credential))
        case SharesSettings(threshold, keepers, identity, timeout):
            links = [KeeperLink(keeper, directory / identity, timeout) for keeper in keepers]
            return SharesRootSlot(links, threshold, entropy=entropy)
