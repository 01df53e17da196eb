"""deploy/: the unit, the container file, the board and the alerts name only what exists."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from node.cli import node
from node.metrics import Metrics, Sources

DEPLOY = Path(__file__).parents[3] / "deploy"
UNIT = DEPLOY / "systemd" / "tideprint-node.service"
CONTAINER = DEPLOY / "container" / "Containerfile"


def settings(section: str) -> list[tuple[str, str]]:
    """The lines of a section of the unit."""
    found, inside = [], False
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            inside = line == f"[{section}]"
        elif inside and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.append((name, value))
    return found


def require_command(words: list[str]) -> None:
    """`node COMMAND --option value ...` must be a command with these options."""
    assert words[0] == "node", words
    command: click.Command = node
    context = click.Context(node)
    rest = words[1:]
    while isinstance(command, click.Group):
        found = command.get_command(context, rest[0])
        assert found is not None, words
        command, rest = found, rest[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known, words


def test_the_unit_calls_commands_that_exist() -> None:
    started = [value for name, value in settings("Service") if name in ("ExecStart", "ExecStartPre")]
    assert len(started) == 2
    for value in started:
        words = shlex.split(value)
        assert words[0] == "/opt/tideprint/bin/tideprint"
        require_command(words[1:])
    for line in re.findall(r"tideprint (node [^\n]*)", UNIT.read_text()):
        require_command(shlex.split(line))


def test_the_unit_is_closed_and_comes_back() -> None:
    service = dict(settings("Service"))
    wanted = {
        "Type": "notify", "DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes",
        "Restart": "always",
        "LoadCredential": "node-passphrase:/etc/tideprint/node-passphrase", "StateDirectoryMode": "0700",
        "CapabilityBoundingSet": "", "UMask": "0077",
    }  # fmt: skip
    assert {name: service.get(name) for name in wanted} == wanted
    assert int(service["LimitNOFILE"]) > 1_024
    assert int(service["WatchdogSec"]) >= 10


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/tideprint/bin/tideprint", "/bin/true"))
    read = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True)
    assert not [line for line in read.stderr.splitlines() if UNIT.name in line]


def test_the_container_runs_commands_that_exist_and_not_as_root() -> None:
    text = CONTAINER.read_text()
    instructions = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    users = [line.split()[1] for line in instructions if line.startswith("USER")]
    assert users
    assert not users[-1].startswith(("0", "root"))
    entry = json.loads(next(line for line in instructions if line.startswith("ENTRYPOINT")).split(" ", 1)[1])
    command = json.loads(next(line for line in instructions if line.startswith("CMD")).split(" ", 1)[1])
    health = json.loads(next(line for line in instructions if line.startswith("HEALTHCHECK")).split("CMD ", 1)[1])
    assert entry == ["tideprint"]
    require_command(command)
    assert health[0] == "tideprint"
    require_command(health[1:])
    for said in re.findall(r"tideprint-node (node [^\n]*)", text):
        require_command(shlex.split(said))


def metric_names() -> set[str]:
    """All names that a node's page can show."""
    metrics = Metrics(["eth_call"], "0")
    metrics.watch(Sources(*[lambda: 0.0] * 16))
    metrics.watch_processes(lambda: {"front": [1]})
    metrics.on_block(1, 1, 0.1)
    metrics.on_method("eth_call", 0.1, -32000)
    metrics.on_refusal("KEY_UNKNOWN")
    return {re.split(r"[ {]", line)[0] for line in metrics.page().decode().splitlines() if not line.startswith("#")}


def queried(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:tideprint|process)_[a-z_]+", re.sub(r'"[^"]*"', "", expression)))


def expressions(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (variable["query"] for variable in board["templating"]["list"] if variable["type"] == "query")


def test_every_metric_of_the_board_exists() -> None:
    board = json.loads((DEPLOY / "grafana" / "node.json").read_text())
    names = metric_names()
    asked = {name for expression in expressions(board) for name in queried(expression)}
    assert len(asked) > 20
    assert asked <= names
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]}
    assert len(places) == len(board["panels"])


def test_every_metric_of_the_alerts_exists() -> None:
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    asked = {name for line in re.findall(r"expr: (.*)", text) for name in queried(line)}
    assert len(asked) >= 8
    assert asked <= metric_names()
    assert "alerts.yml" in (DEPLOY / "prometheus" / "prometheus.yml").read_text()
