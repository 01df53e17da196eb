"""validate-config: every problem at once, with its line and what to write."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.access.files import write_ring
from node.access.keys import KeyRing
from node.cli import node
from node.config import Access, Config, FrontLimits, Tls
from node.errors import ConfigError
from node.examination import examine, line_of
from node.keystore import make_key
from node.settings import Problem
from tests.node.front.test_tls import certify
from tests.node.support import FOUNDER

NOW = time.time()
GOOD = f'rules = 2\ntime = 1700000000\nfounders = ["{FOUNDER.address}"]\n'


def folder(path: Path, settings: str = "", genesis: str = GOOD) -> Path:
    path.chmod(0o700)
    (path / "node.toml").write_text(settings)
    (path / "genesis.toml").write_text(genesis)
    return path


def problems(path: Path) -> dict[str, Problem]:
    return {one.where: one for one in examine(path, NOW)}


def test_a_good_directory_has_none(tmp_path: Path) -> None:
    assert examine(folder(tmp_path), NOW) == []


def test_everything_wrong_at_once_with_lines(tmp_path: Path) -> None:
    settings = (
        'htp = "127.0.0.1:1"\n'
        'origins = ["https://a.example/path"]\n'
        "[limits]\n"
        "btach = 5\n"
        "batch = 0\n"
        'body_bytes = "5 MB"\n'
        "[sealing]\n"
        "interval = 9\n"
        "heartbeat = 3\n"
        "[jwt]\n"
        'algorithm = "none"\n'
        "[logs]\n"
        'format = "xml"\n'
    )
    genesis = 'rules = 2\ntime = 0\nchain = 7\nfounders = ["0x12"]\ngas_limit = 5\n'
    found = examine(folder(tmp_path, settings, genesis), NOW)
    assert [(one.file, one.line, one.where) for one in found] == [
        ("node.toml", 1, "htp"),
        ("node.toml", 4, "limits.btach"),
        ("node.toml", 6, "limits.body_bytes"),
        ("node.toml", 5, "limits.batch"),
        ("node.toml", 11, "jwt.algorithm"),
        ("node.toml", 13, "logs.format"),
        ("node.toml", 9, "sealing.heartbeat"),
        ("node.toml", 10, "jwt"),
        ("node.toml", 2, "origins"),
        ("genesis.toml", 3, "chain"),
        ("genesis.toml", 4, "founders"),
        ("genesis.toml", 2, "time"),
        ("genesis.toml", 5, "gas_limit"),
    ]
    by_name = {one.where: one for one in found}
    assert by_name["limits.btach"].hint == "did you mean batch?"
    assert by_name["htp"].hint == "did you mean http?"
    assert by_name["chain"].hint == "did you mean chain_id?"
    assert "from 1 to" in by_name["limits.batch"].message
    assert "RS256" in by_name["jwt.algorithm"].message
    assert all(one.hint for one in found)


def test_files_missing_or_no_toml(tmp_path: Path) -> None:
    assert {one.code for one in examine(tmp_path, NOW)} == {"CONFIG_MISSING", "GENESIS_MISSING"}
    found = problems(folder(tmp_path, 'http = "127.0.0.1:1"\nlimits = {\n'))
    assert (found["node.toml"].code, found["node.toml"].line) == ("NOT_TOML", 2)


@pytest.mark.parametrize(
    ("text", "where", "line"),
    [
        ("a = 1\n\n[g]\n# x = 1\nx = 2\n", "g.x", 5),
        ("[g]\ny = 1", "g.x", 1),
        ("g.x = 1", "g.x", 1),
        ("g = {x = 1}", "g.x", 1),
        ("", "g.x", 0),
        ("x = 1\n[g]\ny = 2", "x", 1),
        ('[alloc]\n"0xAB" = "1"', "alloc", 1),
    ],
)
def test_lines(text: str, where: str, line: int) -> None:
    assert line_of(text, where) == line


def test_listening_beyond_loopback_needs_tls_and_access() -> None:
    for http in ("0.0.0.0:1", "192.168.1.5:1", "[::]:1", "node.example.org:1"):
        with pytest.raises(ConfigError, match="INSECURE_LISTEN"):
            Config(http=http)
        with pytest.raises(ConfigError, match="INSECURE_LISTEN"):
            Config(http=http, tls=Tls("a", "b"))
        with pytest.raises(ConfigError, match="INSECURE_LISTEN"):
            Config(http=http, access=Access(()))
        assert Config(http=http, tls=Tls("a", "b"), access=Access(())).http == http
        assert Config(http=http, insecure=True).http == http
    for http in ("127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"):
        assert Config(http=http).http == http


def test_settings_that_do_not_fit_together() -> None:
    with pytest.raises(ConfigError, match=r"front\.memory_bytes"):
        Config(front=FrontLimits(memory_bytes=1_000))
    with pytest.raises(ConfigError, match="certificate and key"):
        Config(tls=Tls("a"))
    with pytest.raises(ConfigError, match=r"access\.anonymous"):
        Config(access=Access(("eth call",)))


def test_advice_is_no_mistake(tmp_path: Path) -> None:
    settings = 'http = "0.0.0.0:8545"\ninsecure = true\n[sealing]\nwork = 5\n[limits]\nsocket_bytes = 1000000000\n'
    found = problems(folder(tmp_path, settings, GOOD + "gas_limit = 1000000000\n"))
    assert set(found) == {"insecure", "access.anonymous", "sealing.work", "limits.socket_bytes", "gas_limit"}
    assert all(one.advice for one in found.values())
    assert (found["insecure"].line, found["sealing.work"].line, found["gas_limit"].file) == (2, 4, "genesis.toml")
    assert CliRunner().invoke(node, ["validate-config", "--data", str(tmp_path)]).exit_code == 0


def test_secret_files_and_the_directory_belong_to_their_owner(tmp_path: Path) -> None:
    certify(tmp_path, "node")
    write_ring(tmp_path / "access.json", KeyRing())
    folder(tmp_path, '[tls]\ncertificate = "node.pem"\nkey = "node.key"\n')
    assert problems(tmp_path) == {}
    for name in ("node.key", "access.json"):
        (tmp_path / name).chmod(0o644)
    tmp_path.chmod(0o777)
    found = problems(tmp_path)
    tmp_path.chmod(0o700)
    assert {one.code for one in found.values()} == {"FILE_MODE"}
    assert set(found) == {"node.key", "access.json", str(tmp_path)}
    assert found["node.key"].hint.startswith("chmod 600")


@pytest.mark.parametrize(
    ("days", "begins", "message"), [(-1, -9, "expired on"), (5, -1, "expires on"), (30, 2, "is valid from")]
)
def test_certificates_that_end(tmp_path: Path, days: int, begins: int, message: str) -> None:
    certify(tmp_path, "node", days, begins)
    found = problems(folder(tmp_path, '[tls]\ncertificate = "node.pem"\nkey = "node.key"\n'))
    assert message in found["tls.certificate"].message
    assert found["tls.certificate"].advice == (days == 5)
    assert found["tls.certificate"].line == 2


def test_certificates_that_do_not_fit(tmp_path: Path) -> None:
    certify(tmp_path, "node")
    certify(tmp_path, "other")
    found = problems(folder(tmp_path, '[tls]\ncertificate = "node.pem"\nkey = "other.key"\nclients = "none.pem"\n'))
    assert found["tls.key"].message == "is not the key of the certificate"
    assert found["tls.clients"].code == "TLS_FILES"
    found = problems(folder(tmp_path, '[tls]\ncertificate = "none.pem"\nkey = "other.key"\n'))
    assert found["tls"].code == "TLS_FILES"


def test_tokens_keys_and_account(tmp_path: Path) -> None:
    folder(tmp_path, f'account = "{FOUNDER.address}"\n[jwt]\nalgorithm = "HS256"\nkey = "jwt"\n')
    (tmp_path / "access.json").touch(0o600)
    found = problems(tmp_path)
    assert (found["jwt.key"].code, found["access.json"].code, found["account"].code) == (
        "TOKEN_KEY", "ACCESS_FILE", "KEY_FILE",
    )  # fmt: skip
    address = make_key(tmp_path / "node-key.json", "correct horse battery", 1 << 10)
    assert "is not the address" in problems(tmp_path)["account"].message
    folder(tmp_path, f'account = "{address}"\n')
    (tmp_path / "access.json").unlink()
    assert problems(tmp_path) == {}


def test_the_command_says_all_and_counts(tmp_path: Path) -> None:
    folder(tmp_path, "[limits]\nbtach = 5\nbatch = 0\n")
    said = CliRunner().invoke(node, ["validate-config", "--data", str(tmp_path)])
    assert said.exit_code == 1
    assert "node.toml:2: limits.btach: unknown setting\n    CONFIG_INVALID: did you mean batch?" in said.output
    assert "2 mistakes, 0 pieces of advice" in said.output
    listed = json.loads(CliRunner().invoke(node, ["validate-config", "--data", str(tmp_path), "--json"]).output)
    assert [one["line"] for one in listed] == [2, 3]
    folder(tmp_path)
    assert "all is well" in CliRunner().invoke(node, ["validate-config", "--data", str(tmp_path)]).output
