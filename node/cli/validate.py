"""`node validate-config`: what is wrong with the settings, all at once."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from node.cli.common import DATA
from node.examination import examine


@click.command("validate-config")
@DATA
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def validate_config(data: Path, as_json: bool) -> None:
    """Explain every mistake in node.toml, genesis.toml and the files they name. Exit code 0: none, 1: some.

    Example: node validate-config --data ./node-data
    """
    problems = examine(data, time.time())
    mistakes = sum(not problem.advice for problem in problems)
    if as_json:
        click.echo(json.dumps([asdict(problem) for problem in problems]))
    else:
        for one in problems:
            place = f"{one.file}:{one.line}" if one.line else one.file or str(data)
            click.echo(f"{place}: {one.where}: {one.message}")
            click.echo(f"    {'advice' if one.advice else one.code}: {one.hint}")
        click.echo(f"{mistakes} mistakes, {len(problems) - mistakes} pieces of advice" if problems else "all is well")
    if mistakes:
        sys.exit(1)
