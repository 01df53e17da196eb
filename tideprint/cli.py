"""`tideprint`: the command line. Errors come as one line with a code and what to do next; exit code 2."""

import sys

import click

from node.cli import node
from protocol.errors import TideprintError
from tideprint.commands.audit import audit
from tideprint.commands.demo import demo
from tideprint.commands.oracle import oracle
from tideprint.commands.wallet import wallet
from vault.cli import vault

EXIT_REFUSED = 2


class Front(click.Group):
    """The top group: turns our errors into a line a person can act on."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except TideprintError as error:
            click.secho(f"{error.code}: {error.message}", fg="red", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            sys.exit(EXIT_REFUSED)


@click.group(cls=Front, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="tideprint")
def main() -> None:
    """Walk in smart shoes, earn health tokens, show your data on your own terms, be forgotten when you ask.

    \b
    tideprint demo --keep DIR               the whole path on real walking data
    tideprint node start --data DIR/node    a node of the chain
    tideprint vault status --data DIR/vault what a vault holds
    """


for command in (demo, node, vault, oracle, wallet, audit):
    main.add_command(command)
