"""init with a key and with a genesis file, access keys, status in words; the clock guard wherever one looks."""

import json
import re
import sys
import time
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from node import keystore
from node.access.files import read_ring
from node.access.keys import LENGTH, KeyRing
from node.cli import node
from node.config import Access, load_config
from node.keystore import load_key
from node.server import Server
from tests.node.front.support import ASK, add_key
from tests.node.support import FOUNDER, SECOND, serving

PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key derivation that does not take seconds."""
    real = keystore.make_key
    monkeypatch.setattr(sys.modules["node.cli.init"], "make_key", lambda path, text: real(path, text, 1 << 10))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(node, arguments, input=text)


def secret(path: Path) -> Path:
    path.touch(0o600)
    path.write_text(PASSPHRASE + "\n")
    return path


def test_init_makes_a_key_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    founder = ("--founder", FOUNDER.address)
    assert run("init", "--data", str(tmp_path / "a"), *founder).exit_code == 0
    assert not (tmp_path / "a" / "node-key.json").exists()
    file = secret(tmp_path / "passphrase")
    made = {
        "b": run("init", "--data", str(tmp_path / "b"), *founder, "--password-file", str(file)),
        "c": run("init", "--data", str(tmp_path / "c"), *founder, "--key", text=f"{PASSPHRASE}\n{PASSPHRASE}\n"),
    }
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret(tmp_path / "node-passphrase")
    made["d"] = run("init", "--data", str(tmp_path / "d"), *founder)
    for name, result in made.items():
        assert result.exit_code == 0, result.output
        assert PASSPHRASE not in result.output
        account = load_config(tmp_path / name / "node.toml").account
        assert account in result.output
        assert len(load_key(tmp_path / name / "node-key.json", PASSPHRASE)) == 32
        assert run("validate-config", "--data", str(tmp_path / name)).output == "all is well\n"


def test_init_refuses_weak_or_open_passphrases_and_leaves_nothing(tmp_path: Path) -> None:
    file, data = secret(tmp_path / "passphrase"), str(tmp_path / "a")
    file.chmod(0o644)
    common = ("init", "--data", data, "--founder", FOUNDER.address)
    assert "PASSPHRASE_FILE" in run(*common, "--password-file", str(file)).output
    assert "PASSPHRASE_SHORT" in run(*common, "--key", text="short\nshort\n").output
    assert not Path(data).exists()
    assert not [option for option in node.commands["init"].params if "passphrase" in option.name and option.name != "x"]


def test_init_takes_the_genesis_of_others(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    run("init", "--data", str(first), "--founder", FOUNDER.address, "--founder", SECOND.address, "--chain-id", "77")
    joined = run("init", "--data", str(second), "--genesis", str(first / "genesis.toml"))
    assert "chain 77" in joined.output
    assert (second / "genesis.toml").read_text() == (first / "genesis.toml").read_text()
    both = ("--genesis", str(first / "genesis.toml"), "--founder", FOUNDER.address)
    assert run("init", "--data", str(tmp_path / "c"), *both).exit_code == 2
    (first / "genesis.toml").write_text("founders = 5")
    bad = run("init", "--data", str(tmp_path / "c"), "--genesis", str(first / "genesis.toml"))
    assert "GENESIS_INVALID" in bad.output


def test_init_says_what_is_missing_before_it_can_listen_openly(tmp_path: Path) -> None:
    made = run("init", "--data", str(tmp_path / "a"), "--founder", FOUNDER.address, "--http", "0.0.0.0:8545")
    assert made.exit_code == 0
    assert "INSECURE_LISTEN" in made.output
    assert "INSECURE_LISTEN" in run("start", "--data", str(tmp_path / "a")).output


def test_keys_by_command(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    shown = run("access", "add", "wallet", "--methods", "eth_*,!eth_call", "--days", "0.5", *data)
    key = shown.output.splitlines()[0]
    assert len(key) == LENGTH
    listed = run("access", "list", *data).output
    assert key not in listed
    assert re.search(r"wallet: eth_\*,!eth_call; made .* UTC, ends .* UTC", listed)
    ring = read_ring(tmp_path / "access.json")
    assert ring.caller(key, time.time()).name == "wallet"
    assert key not in (tmp_path / "access.json").read_text()
    assert "KEY_NAME" in run("access", "add", "wallet", *data).output
    assert "KEY_NAME" in run("access", "add", "a b", *data).output
    assert "KEY_METHODS" in run("access", "add", "b", "--methods", "eth call", *data).output
    assert "revoked" in run("access", "revoke", "wallet", *data).output
    assert "revoked" in run("access", "list", *data).output
    assert "KEY_NAME" in run("access", "revoke", "wallet", *data).output
    assert read_ring(tmp_path / "access.json") != KeyRing()
    assert "no keys" in run("access", "list", "--data", str(tmp_path / "none")).output
    assert "ACCESS_FILE" in run("access", "add", "x", "--data", str(tmp_path / "none")).output
    for command in ("add", "list", "revoke"):
        assert "Example:" in run("access", command, "--help").output


def test_status_answers_what_a_person_asks(server: Server) -> None:
    while server.context.reader.head.number < 1:
        time.sleep(0.05)
    said = run("status", "--url", server.url)
    assert said.exit_code == 0
    for question in ("up?", "ready?", "making blocks?", "how full?", "what next?"):
        assert question in said.output
    assert re.search(r"making blocks\? yes: block \d+, \d seconds ago", said.output)
    assert run("status", "--url", server.url, "--health").output == "UP\n"


def test_status_without_and_with_a_key(tmp_path: Path) -> None:
    key = add_key(tmp_path, "operator", "*")
    (tmp_path / "key").write_text(key)
    with serving(tmp_path, access=Access(())) as strict:
        state = json.loads(run("status", "--url", strict.url, "--json").output)
        assert (state["ready"], state["pending"], state["hash"]) == (True, None, None)
        assert "give --key-file" in run("status", "--url", strict.url).output
        state = json.loads(run("status", "--url", strict.url, "--key-file", str(tmp_path / "key"), "--json").output)
        assert state["pending"] == 0
        assert requests.post(strict.url, json=ASK, timeout=5).status_code == 401


class Wandering:
    """A clock that can be set back."""

    back = 0.0

    def now(self) -> float:
        return time.time() - self.back

    def elapsed(self) -> float:
        return time.monotonic()


def test_a_clock_that_is_not_trusted_shows_everywhere(tmp_path: Path) -> None:
    clock = Wandering()
    with serving(tmp_path, clock=clock) as running:
        while running.context.reader.head.number < 1:
            time.sleep(0.05)
        clock.back = 600.0
        while requests.get(running.url + "/readiness", timeout=5).status_code == 200:
            time.sleep(0.05)
        assert requests.get(running.url + "/readiness", timeout=5).json()["reason"] == "CLOCK_UNTRUSTED"
        page = requests.get(running.url + "/metrics", timeout=5).text
        assert "tideprint_clock_untrusted 1.0" in page
        assert "tideprint_ready 0.0" in page
        assert re.search(r'tideprint_resident_bytes\{process="sealer"\} [1-9]', page)
        said = run("status", "--url", running.url)
        assert said.exit_code == 1
        assert "no: the clock stands before the last block" in said.output
        assert "set the clock" in said.output
        assert run("status", "--url", running.url, "--health").output == "CLOCK_UNTRUSTED\n"
        clock.back = 0.0
        while requests.get(running.url + "/readiness", timeout=5).status_code != 200:
            time.sleep(0.05)
        assert "tideprint_clock_untrusted 0.0" in requests.get(running.url + "/metrics", timeout=5).text
