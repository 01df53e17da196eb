"""Where a consortium member keeps what: one directory, a folder per room, everything private to its user."""

from dataclasses import dataclass
from pathlib import Path

from protocol.errors import TideprintError


@dataclass(frozen=True, slots=True)
class Places:
    """The paths below one directory."""

    directory: Path

    @property
    def node(self) -> Path:
        """The node's data."""
        return self.directory / "node"

    @property
    def vault(self) -> Path:
        """Records, identity map and keys, each in a folder of its own."""
        return self.directory / "vault"

    @property
    def oracle(self) -> Path:
        """Spool, shoe register, issuance and series keys."""
        return self.directory / "oracle"

    @property
    def wallets(self) -> Path:
        """A folder per wallet."""
        return self.directory / "wallets"

    @property
    def keystore(self) -> Path:
        """Accounts of the consortium: keystore files."""
        return self.directory / "accounts"

    @property
    def deployment(self) -> Path:
        """Where the contracts are."""
        return self.directory / "deployment.json"

    @property
    def plan(self) -> Path:
        """The founding plan that `ape run deploy` carries out."""
        return self.directory / "plan.json"

    @property
    def passphrase(self) -> Path:
        """The passphrase of a demonstration's keystores, 0600. A real member keeps it elsewhere."""
        return self.directory / "passphrase"

    @property
    def series_wrap(self) -> Path:
        """The key that opens the issuer's series keys: apart from them, and in no backup of theirs."""
        return self.directory / "issuer-key" / "series.wrap"

    @property
    def copy(self) -> Path:
        """The copy of every store that the demonstration takes before an erasure."""
        return self.directory / "copy-before-erasure"

    @property
    def node_url(self) -> Path:
        """The address a running node is served at."""
        return self.node / "node.url"

    def url(self) -> str:
        """The node's JSON-RPC address. Raises `NODE_NOT_STARTED`."""
        if not self.node_url.exists():
            raise TideprintError(
                "NODE_NOT_STARTED", "no node was started here", f"tideprint node start --data {self.node}"
            )
        return self.node_url.read_text().strip()
