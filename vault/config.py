"""`vault.toml` in a vault's directory: which root slot, which block store, tenant, where the replica is.

    tenant = 0
    [root]        kind = "file" | "pkcs11" | "shares", and that kind's settings
    [blocks]      kind = "embedded" | "kubo", and that kind's settings
    [backup]      replica = DIRECTORY: every epoch is shipped there before its old root secret is overwritten

A vault without the file has a root slot and blocks in files of its own. Relative paths start at the vault's directory.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from vault.blocks import BlockSettings, EmbeddedSettings, SwarmSettings
from vault.errors import VaultError
from vault.files import BLOCKS_FILE, CONFIG_FILE
from vault.groups import Problem, read_group, suggestion
from vault.roots import ROOT_KINDS, FileSettings, RootSettings

BLOCKS_NAME = Path(BLOCKS_FILE).name
BLOCK_KINDS: Mapping[str, type[BlockSettings]] = {"embedded": EmbeddedSettings, "kubo": SwarmSettings}


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """`replica`: a directory on another device or host; None: epochs are shipped by `tideprint vault backup` only."""

    replica: Path | None = None


@dataclass(frozen=True, slots=True)
class General:
    """What stands outside any table."""

    tenant: int = field(default=0, metadata={"low": 0, "high": 255})


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """What `vault.toml` says, or the defaults."""

    tenant: int = 0
    root: RootSettings = field(default_factory=FileSettings)
    blocks: BlockSettings = field(default_factory=EmbeddedSettings)
    backup: BackupSettings = field(default_factory=BackupSettings)


class ConfigInvalid(VaultError):
    """`vault.toml` cannot be used; `problems` says everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        text = "\n  ".join(str(problem) for problem in problems)
        super().__init__("CONFIG_INVALID", f"{CONFIG_FILE}:\n  {text}", "correct all of them, nothing was opened")
        self.problems = tuple(problems)


def load_settings(directory: Path) -> VaultSettings:
    """The settings of a vault. Raises `CONFIG_INVALID` with every problem at once."""
    path = directory / CONFIG_FILE
    try:
        return parse_settings(path.read_text())
    except FileNotFoundError:
        return VaultSettings()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid([Problem(CONFIG_FILE, f"cannot be read: {error}", "check owner and encoding")]) from error


def effective(settings: VaultSettings, *, tenant: int = 0, allow_remnants: bool = False) -> VaultSettings:
    """The settings with what was said for this opening only."""
    root = settings.root
    if isinstance(root, FileSettings) and allow_remnants:
        root = replace(root, allow_remnants=True)
    return replace(settings, root=root, tenant=tenant or settings.tenant)


def parse_settings(text: str) -> VaultSettings:
    """Settings from the text of a `vault.toml`."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid([Problem(CONFIG_FILE, str(error), "see https://toml.io")]) from error
    problems: list[Problem] = []
    tables = {name: found.pop(name, {}) for name in ("root", "blocks", "backup")}
    known = {*tables, *(item.name for item in fields(General))}
    for name in sorted(set(found) - known):
        problems.append(Problem(name, "unknown setting", suggestion(name, known)))
        del found[name]
    general = read_group("", General, found, problems)
    root = _kind("root", ROOT_KINDS, tables["root"], "file", problems)
    blocks = _kind("blocks", BLOCK_KINDS, tables["blocks"], "embedded", problems)
    backup = read_group("backup", BackupSettings, tables["backup"], problems)
    if isinstance(blocks, EmbeddedSettings) and blocks.file != BLOCKS_NAME:
        problems.append(Problem("blocks.file", "has one name", f"leave it out; it is {BLOCKS_NAME}"))
    if problems or general is None or root is None or blocks is None or backup is None:
        raise ConfigInvalid(problems)
    return VaultSettings(general.tenant, root, blocks, backup)


def _kind(where: str, kinds: Mapping[str, type[Any]], table: object, default: str, problems: list[Problem]) -> Any:
    if not isinstance(table, Mapping):
        return read_group(where, kinds[default], table, problems)
    kind = table.get("kind", default)
    if kind not in kinds:
        problems.append(Problem(f"{where}.kind", f"cannot be {kind!r}", suggestion(str(kind), kinds)))
        return None
    return read_group(where, kinds[kind], {name: table[name] for name in table if name != "kind"}, problems)


def write_settings(directory: Path, settings: VaultSettings) -> None:
    """Write `vault.toml`, mode 0600, in the form that `load_settings` reads."""
    lines = [f"tenant = {settings.tenant}"]
    for where, kinds, group in (("root", ROOT_KINDS, settings.root), ("blocks", BLOCK_KINDS, settings.blocks)):
        kind = next(name for name, each in kinds.items() if isinstance(group, each))
        lines += ["", f"[{where}]", f'kind = "{kind}"', *_lines(where, group)]
    lines += ["", "[backup]", *_lines("backup", settings.backup)]
    descriptor = os.open(directory / CONFIG_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _lines(where: str, group: Any) -> list[str]:
    """`name = value` for every field that is set; lists of groups come last, as arrays of tables."""
    plain, tables = [], []
    for item in fields(group):
        value = getattr(group, item.name)
        if isinstance(value, tuple) and value and is_dataclass(value[0]):
            for each in value:
                tables += ["", f"[[{where}.{item.name}]]", *_lines(f"{where}.{item.name}", each)]
        elif value is not None:
            plain.append(f"{item.name} = {_literal(value)}")
    return plain + tables


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | Path):
        text = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_literal(each) for each in value) + "]"
    return repr(value)
