"""What the commands of the vault share: options, errors as messages and exit statuses, facts as a table or JSON."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from protocol.errors import Refusal, TideprintError

EXIT_REFUSED = 3
"""Exit status when the rules say no; other errors end with 1, wrong usage with 2."""

DATA = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory of the vault."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
REMNANTS = click.option(
    "--allow-remnants", is_flag=True, help="Open a root slot on a file system that may keep overwritten secrets."
)


def speaking(command: Callable[..., None]) -> Callable[..., None]:
    """Turn errors with a code into a message and an exit status."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except TideprintError as error:
            failure = click.ClickException(str(error))
            failure.exit_code = EXIT_REFUSED if isinstance(error, Refusal) else 1
            raise failure from error

    return wrapped


def show(facts: dict[str, Any], as_json: bool, title: str) -> None:
    """Print facts as a two-column table or as JSON."""
    if as_json:
        click.echo(json.dumps(facts, indent=2, sort_keys=True))
        return
    table = Table(title=title, show_header=False)
    for name, value in facts.items():
        shown = json.dumps(value, indent=1) if isinstance(value, dict | list) else str(value)
        table.add_row(name.replace("_", " "), shown)
    Console().print(table)
