"""What a block store is opened with: where the blocks are, and who the members of the swarm are."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """Blocks in one file in the records directory."""

    file: str = "blocks.db"


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """One Kubo daemon of the private swarm.

    `api` is the multiaddress of its RPC (`/ip4/127.0.0.1/tcp/5001`, `/unix/…/api.sock`); `secret` a file of mode 0600
    with the bearer token its `API.Authorizations` asks for; `denylist` its list of barred blocks if it is on this host.
    """

    name: str
    api: str
    secret: Path | None = None
    denylist: Path | None = None


@dataclass(frozen=True, slots=True)
class SwarmSettings:
    """The members; how many must have a block before it counts as stored (None: all); seconds to wait, tries to make.

    Erasing needs all members, whatever `copies` says.
    """

    members: tuple[MemberSettings, ...]
    copies: int | None = None
    connect_seconds: float = 3.0
    answer_seconds: float = 30.0
    attempts: int = 3


BlockSettings = EmbeddedSettings | SwarmSettings
