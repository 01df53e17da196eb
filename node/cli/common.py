"""What the commands share: the data directory, and errors that say what to do next."""

from pathlib import Path

import click

from protocol.errors import TideprintError

DATA = click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), default=Path("node-data"), show_default=True,
    help="The node's directory.",
)  # fmt: skip


class Refusal(click.ClickException):
    """An error of ours: code, message, what to do next; exit code 1."""

    def __init__(self, error: TideprintError) -> None:
        super().__init__(str(error))
