"""`tideprint`: the command line. Errors come as one line with a code and what to do next; exit code 2.

A group is imported when it is asked for: a node starts without the vault, and quickly.
"""

import sys
from importlib import import_module

import click

from protocol.errors import TideprintError

EXIT_REFUSED = 2
GROUPS = {
    "audit": "tideprint.commands.audit",
    "demo": "tideprint.commands.demo",
    "node": "node.cli",
    "oracle": "tideprint.commands.oracle",
    "vault": "vault.cli",
    "wallet": "tideprint.commands.wallet",
}
"""Names of the commands and the modules that hold them, under the same name."""


class Front(click.Group):
    """The top group: fetches commands, and turns our errors into a line a person can act on."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All there are."""
        return sorted(GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them, or None."""
        if cmd_name not in GROUPS:
            return None
        command: click.Command = getattr(import_module(GROUPS[cmd_name]), cmd_name)
        return command

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
