"""`node start`: run the node, or serve a foreign chain from files."""

from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from node.cli.common import DATA, Refusal
from node.config import CONFIG_FILE, Logs, load_config
from node.errors import ConfigError
from node.logs import configure
from protocol.errors import TideprintError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@DATA
@click.option(
    "--http", default=None, metavar="HOST:PORT", help="Instead of the one in node.toml; port 0 picks a free one."
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Instead of the one in node.toml."
)
@click.option("--genesis", type=FILE, help="A foreign chain's genesis.json (geth's form), with --import-chain.")
@click.option("--import-chain", "blocks", type=FILE, help="A foreign chain's blocks in RLP, with --genesis.")
@click.option("--no-seal", is_flag=True, help="Make no blocks; needed, and only possible, for a foreign chain.")
@click.pass_context
def start(
    context: click.Context,
    data: Path,
    http: str | None,
    log_level: str | None,
    genesis: Path | None,
    blocks: Path | None,
    no_seal: bool,
) -> None:
    """Run the node until it is told to stop (SIGTERM, Ctrl-C).

    With --genesis, --import-chain and --no-seal: import a foreign chain, without our permissions and fee rules, and
    serve it for comparison; it is forgotten at the end unless --data names a directory.

    Example: node start --data ./node-data --http 127.0.0.1:0
    """
    configure(Logs() if log_level is None else Logs(level=log_level))
    kept = data if context.get_parameter_source("data") is not ParameterSource.DEFAULT else None
    try:
        if genesis is not None and blocks is not None and no_seal:
            _serve_imported(genesis, blocks, kept, http)
        elif genesis is None and blocks is None and not no_seal:
            _serve(data, http, log_level)
        else:
            raise ConfigError(
                "OPTIONS_INCOMPLETE",
                "--genesis, --import-chain and --no-seal belong together",
                "give all three to serve a foreign chain, or none",
            )
    except TideprintError as error:
        raise Refusal(error) from error


def _serve(data: Path, http: str | None, log_level: str | None) -> None:
    from node.processes.nursery import Nursery

    settings = load_config(data / CONFIG_FILE).logs
    configure(settings if log_level is None else replace(settings, level=log_level))
    nursery = Nursery()  # it loads while this process does
    try:
        from node.server import serve

        serve(data, http, lambda url: click.echo(f"ready {url}"), nursery)
    finally:
        nursery.close()


def _serve_imported(genesis: Path, blocks: Path, data: Path | None, http: str | None) -> None:
    from node.imported.serving import serve_imported

    def ready(number: int, block_hash: bytes, url: str) -> None:
        click.echo(f"head {number} 0x{block_hash.hex()}")
        click.echo(f"ready {url}")

    serve_imported(genesis, blocks, data, http, lambda head, url: ready(head.number, head.hash, url))
