"""A node as an operator runs it: JSON lines without secrets, a certificate changed by SIGHUP."""

import json
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import requests
from click.testing import CliRunner

from node.access.keys import new_key
from node.cli import node
from tests.node.front.support import ASK, add_key
from tests.node.front.test_tls import certify
from tests.node.support import FOUNDER

ROOT = Path(__file__).parents[3]
SETTINGS = """
[tls]
certificate = "node.pem"
key = "node.key"
[access]
anonymous = ["net_*"]
[logs]
format = "json"
repeats = 3
"""


def answers(url: str, certificate: Path) -> bool:
    """Is a node with this certificate there?"""
    context = ssl.create_default_context(cafile=str(certificate))
    try:
        with urllib.request.urlopen(url + "/liveness", timeout=5, context=context) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def test_structured_logs_and_a_certificate_read_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    CliRunner().invoke(node, ["init", "--data", str(data), "--founder", FOUNDER.address, "--heartbeat", "1"])
    certify(data, "node")
    with (data / "node.toml").open("a") as file:
        file.write(SETTINGS)
    key, wrong = add_key(data, "wallet", "eth_*"), new_key()
    log = (tmp_path / "log").open("w")
    command = [sys.executable, "-m", "node", "start", "--data", str(data), "--http", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("ready ").strip()
        trusted = str(data / "node.pem")
        assert requests.post(f"{url}/k/{key}", json=ASK, verify=trusted, timeout=5).status_code == 200
        for _ in range(10):
            assert requests.post(f"{url}/k/{wrong}", json=ASK, verify=trusted, timeout=5).status_code == 401
        assert requests.post(url, json=ASK, verify=trusted, timeout=5).status_code == 401
        said = CliRunner().invoke(node, ["status", "--data", str(data)])
        assert said.exit_code == 0, said.output
        assert "give --key-file" in said.output
        certify(data, "node")
        assert not answers(url, data / "node.pem")
        process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while not answers(url, data / "node.pem") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert answers(url, data / "node.pem")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        log.close()
    text = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert sum(line["message"] == "access refused: KEY_UNKNOWN" for line in lines) == 3
    assert any(line["message"] == "certificate read again" for line in lines)
    assert key not in text
    assert wrong not in text
