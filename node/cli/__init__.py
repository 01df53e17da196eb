"""The command line of the node, a file for each command; a mirror of the settings."""

import click

from node.cli.access import access
from node.cli.init import init
from node.cli.restore import restore
from node.cli.snapshot import snapshot
from node.cli.start import start
from node.cli.status import status
from node.cli.validate import validate_config
from node.cli.verify import verify


@click.group()
def node() -> None:
    """The chain node.

    Example: node init --founder 0x... && node start
    """


for command in (init, validate_config, start, status, access, verify, snapshot, restore):
    node.add_command(command)
