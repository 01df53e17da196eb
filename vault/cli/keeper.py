"""`tideprint vault keeper` and `tideprint vault keeper-identity`."""

import logging
import signal
from pathlib import Path
from types import FrameType

import click

from vault.cli.common import speaking
from vault.process import harden
from vault.roots.keeper import open_keeper
from vault.roots.pairing import CERTIFICATE_FILE, make_identity

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--data", type=FOLDER, required=True, help="The keeper's directory: its share and its identity.")
@click.option("--listen", required=True, metavar="HOST:PORT", help="Where the vault reaches it; port 0: a free one.")
@click.option(
    "--vault-certificate",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="identity.pem of the vault it serves.",
)
@click.option("--allow-remnants", is_flag=True, help="Accept a file system that may keep overwritten shares.")
@speaking
def keeper(data: Path, listen: str, vault_certificate: Path, allow_remnants: bool) -> None:
    """Keep one share of a vault's root secret, until SIGTERM.

    Example: tideprint vault keeper --data /var/lib/keeper --listen 10.0.0.7:7411 --vault-certificate vault.pem
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit():
        raise click.BadParameter("give HOST:PORT", param_hint="--listen")
    logging.basicConfig(level=logging.INFO)
    harden()
    server = open_keeper(data, (host, int(port)), vault_certificate, allow_remnants=allow_remnants)
    signal.signal(signal.SIGTERM, _stop)
    where = server.server_address
    click.echo(f"keeper on {where[0]!s}:{where[1]}, certificate {data / CERTIFICATE_FILE}")
    with server:
        server.serve_forever(poll_interval=0.2)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


@click.command("keeper-identity")
@click.option("--data", type=FOLDER, required=True, help="Where the vault's key and certificate for its keepers go.")
@speaking
def keeper_identity(data: Path) -> None:
    """Make the vault's identity for its keepers, unless it is there; print its certificate's path.

    Example: tideprint vault keeper-identity --data /var/lib/tideprint/vault/keys/keeper-identity
    """
    click.echo(make_identity(data, "tideprint vault"))
