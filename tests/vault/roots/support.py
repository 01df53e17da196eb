"""Root slots of every kind for one suite: a place can be opened again and again, and keepers can fall silent."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vault.roots import FileRootSlot, RootSlot, SharesRootSlot, TokenRootSlot
from vault.roots.disk import SlotFile
from vault.roots.keeper import SHARE_FILE, ShareBox, nothing
from vault.roots.keeper_link import KeeperSilent

MODULES = [
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
]
TOKEN, PIN = "vault", "2468"


class LocalKeeper:
    """A keeper's share box without the network: what it is asked goes through its lines of JSON all the same."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.silent = False
        self.on_step: Callable[[str], None] = nothing
        self.path = directory / name / SHARE_FILE
        self.path.parent.mkdir(exist_ok=True)
        self._file = SlotFile(self.path, create=not self.path.exists(), allow_remnants=True)
        self._box = ShareBox(self._file, lambda step: self.on_step(step))

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.silent:
            raise KeeperSilent("silent")
        answer: dict[str, Any] = json.loads(json.dumps(self._box.answer(json.dumps(request).encode())))
        return answer

    def close(self) -> None:
        """The keeper outlives the slot."""

    def stop(self) -> None:
        self._file.close()


@dataclass
class Place:
    """Where a root slot of some kind is."""

    open: Callable[[], RootSlot]
    keepers: list[LocalKeeper] = field(default_factory=list)

    def stop(self) -> None:
        for keeper in self.keepers:
            keeper.stop()


def file_place(directory: Path) -> Place:
    path = directory / "root.slot"
    return Place(lambda: FileRootSlot(path, create=not path.exists(), allow_remnants=True))


def shares_place(directory: Path, threshold: int = 2, count: int = 3) -> Place:
    keepers = [LocalKeeper(directory, f"keeper-{number}") for number in range(1, count + 1)]
    return Place(lambda: SharesRootSlot(keepers, threshold), keepers)


def token_place(module: Path) -> Place:
    label = f"test-{os.urandom(6).hex()}"
    return Place(lambda: TokenRootSlot(module, TOKEN, label, PIN))


def make_token(directory: Path) -> Path | None:
    """A software token for this process, and its library; None if SoftHSM is not installed."""
    module = next((found for found in MODULES if found.exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        return None
    if "SOFTHSM2_CONF" not in os.environ:
        (directory / "tokens").mkdir()
        config = directory / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {directory / 'tokens'}\nobjectstore.backend = file\n")
        os.environ["SOFTHSM2_CONF"] = str(config)
        command = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", "1357"]
        subprocess.run(command, check=True, capture_output=True)
    return module
