"""`vault kubo`: make, check and run a private Kubo daemon, one per member of the swarm."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

import click

from vault.blocks.daemon import Daemon, supervise
from vault.blocks.privacy import KEY_FILE, check_repository
from vault.blocks.repository import SECRET_FILE, RepositoryPlan, init_repository, read_configuration, set_peers
from vault.cli.common import JSON, show, speaking

REPOSITORY = click.option(
    "--data",
    "repository",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The daemon's repository.",
)
BINARY = click.option(
    "--kubo",
    "binary",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(".tools/kubo/ipfs"),
    show_default=True,
    help="The Kubo program.",
)


@click.group()
def kubo() -> None:
    """Make, check and run a daemon of the private swarm that keeps the blocks."""


@kubo.command()
@REPOSITORY
@BINARY
@click.option(
    "--api", default=RepositoryPlan().api, show_default=True, help="Where the RPC listens: loopback or /unix."
)
@click.option(
    "--swarm", multiple=True, default=RepositoryPlan().swarm, show_default=True, help="Where other members reach it."
)
@click.option(
    "--swarm-key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Another member's swarm.key; without it a new swarm begins.",
)
@JSON
@speaking
def init(
    repository: Path, binary: Path, api: str, swarm: tuple[str, ...], swarm_key: Path | None, as_json: bool
) -> None:
    """Make the repository of a member and print what the others need to know.

    Example: tideprint vault kubo init --data /var/lib/tideprint/kubo --swarm /ip4/10.0.0.1/tcp/4001
    """
    key = swarm_key.read_text() if swarm_key else None
    identity = init_repository(binary, repository, RepositoryPlan(api, swarm), os.urandom, key)
    facts = {
        "peer": identity,
        "addresses": [f"{address}/p2p/{identity}" for address in swarm],
        "api": api,
        "secret": str(repository / SECRET_FILE),
        "swarm_key": str(repository / KEY_FILE),
    }
    show(facts, as_json, "A private daemon")


@kubo.command()
@REPOSITORY
@click.argument("addresses", nargs=-1, required=True)
@speaking
def peers(repository: Path, addresses: tuple[str, ...]) -> None:
    """Say who the other members are; restart the daemon afterwards.

    Example: tideprint vault kubo peers --data DIR /ip4/10.0.0.2/tcp/4001/p2p/IDENTITY
    """
    set_peers(repository, addresses)


@kubo.command()
@REPOSITORY
@speaking
def check(repository: Path) -> None:
    """Refuse a daemon whose configuration is not private, with the setting at fault.

    Example: tideprint vault kubo check --data DIR
    """
    check_repository(repository, read_configuration(repository))
    click.echo("private")


@kubo.command()
@REPOSITORY
@BINARY
@speaking
def start(repository: Path, binary: Path) -> None:
    """Run the daemon until SIGTERM or SIGINT; start it again when it falls.

    Example: tideprint vault kubo start --data DIR
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    supervise(Daemon(binary, repository), stopping)
