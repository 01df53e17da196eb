"""`node start`: run the node."""

import logging
import sys
from pathlib import Path

import click

from node.cli.common import DATA, Refusal
from protocol.errors import TideprintError


@click.command()
@DATA
@click.option(
    "--http", default=None, metavar="HOST:PORT", help="Instead of the one in node.toml; port 0 picks a free one."
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def start(data: Path, http: str | None, log_level: str) -> None:
    """Run the node until it is told to stop (SIGTERM, Ctrl-C).

    Example: node start --data ./node-data --http 127.0.0.1:0
    """
    from node.server import serve

    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    try:
        serve(data, http, lambda url: click.echo(f"ready {url}"))
    except TideprintError as error:
        raise Refusal(error) from error
