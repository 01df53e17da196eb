"""The quickest benches run at small size and keep what they measured; the arithmetic of the figures."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from bench import __main__ as command
from bench import native, transfers
from bench.measuring import Against, Comparison, NotRun, Result, Scale, Setting, Waits, percentile
from bench.peers import nodes as peer_nodes
from bench.peers import transfers as peer_transfers

RATES = Comparison("x", "rate", "1/s", (2.0, 4.0, 9.0), "y", (1.0, 4.0, 3.0), Against.PEER)
TIMES = Comparison("x", "time", "ms", (2.0, 4.0, 9.0), "y", (1.0, 4.0, 3.0), Against.LIMIT, more_is_better=False)


def test_small_benches_run_and_keep_every_round(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    arguments = ["vault", "oracles", "--scale", "small", "--json", str(file), "--folder", str(tmp_path)]
    result = CliRunner().invoke(command.main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    kept = json.loads(file.read_text())
    assert {line["bench"] for line in kept["results"]} == {"vault", "oracles"}
    assert "7 comparisons, 0 not run" in result.output
    assert kept["not_run"] == []
    for line in kept["results"]:
        assert len(line["ours"]) == len(line["other"]) == len(line["ratios"]) == 3
        assert all(figure > 0 for figure in line["ours"] + line["other"])
        assert line["ratio"]["low"] <= line["ratio"]["median"] <= line["ratio"]["high"]
    assert kept["machine"]["cores"] >= 1
    assert kept["machine"]["packages"]["cryptography"] != "missing"
    assert list(tmp_path.iterdir()) == [file]


def test_the_native_machine_ends_every_block_as_py_evm_does(tmp_path: Path) -> None:
    lines = native.measure(Setting(Scale.SMALL, tmp_path, lambda _: None))
    assert [line.what for line in lines] == list(native.WORDS.values())


def test_without_the_native_machine_it_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrevm", None)
    (line,) = native.measure(Setting(Scale.SMALL, tmp_path, lambda _: None))
    assert isinstance(line, NotRun)


def test_what_cannot_run_is_said_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(_: Setting) -> list[Result]:
        return [RATES, NotRun("x", "the peer", "not installed")]

    monkeypatch.setattr(command, "import_module", lambda _: SimpleNamespace(measure=measure))
    file = tmp_path / "figures.json"
    result = CliRunner().invoke(command.main, ["vault", "--json", str(file)], catch_exceptions=False)
    assert "NOT RUN: x, the peer: not installed" in result.output
    assert "1 comparisons, 1 not run" in result.output
    assert json.loads(file.read_text())["not_run"] == [{"bench": "x", "what": "the peer", "why": "not installed"}]


def test_a_missing_peer_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "eth_tester", None)
    setting = Setting(Scale.SMALL, tmp_path, lambda _: None)
    assert isinstance(transfers.peer(setting), NotRun)


def test_peers_that_cannot_be_installed_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_nodes, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(peer_nodes.shutil, "which", lambda _: None)
    results = peer_transfers.measure(Setting(Scale.SMALL, tmp_path, lambda _: None))
    assert [type(result) for result in results] == [NotRun] * 3
    assert {result.why for result in results if isinstance(result, NotRun)} == {"npm is not installed"}


def test_the_lock_of_the_peers_names_no_registry() -> None:
    lock = json.loads((Path(peer_nodes.__file__).parent / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    for name in peer_nodes.NAMES:
        assert any(path.endswith(name) for path in lock["packages"])


def test_an_unknown_bench_is_refused() -> None:
    assert CliRunner().invoke(command.main, ["moon"]).exit_code == 2


@pytest.mark.parametrize(("line", "ratios"), [(RATES, (2.0, 1.0, 3.0)), (TIMES, (0.5, 1.0, 1 / 3))])
def test_above_one_ours_is_better(line: Comparison, ratios: tuple[float, ...]) -> None:
    assert line.ratios == ratios
    assert (line.ratio.low, line.ratio.high) == (min(ratios), max(ratios))
    assert line.ratio.median == sorted(ratios)[1]


def test_percentiles_are_samples_and_the_99th_of_few_is_the_worst() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert percentile([float(n) for n in range(1, 201)], 0.99) == 198.0
    assert percentile([7.0], 0.5) == 7.0


def test_waits_give_a_line_for_the_middle_and_one_for_the_worst() -> None:
    middle, worst = Waits([[1.0, 2.0, 30.0]], [[2.0, 4.0, 15.0]]).compare("x", "wait", "y", Against.PEER)
    assert isinstance(middle, Comparison)
    assert isinstance(worst, Comparison)
    assert (middle.what, middle.ratios) == ("wait, p50", (2.0,))
    assert (worst.what, worst.ratios) == ("wait, p99", (0.5,))


def test_the_page_names_every_bench_and_setting() -> None:
    page = (Path(__file__).parents[2] / "docs/performance.md").read_text()
    assert f"some: {', '.join(command.BENCHES)}" in page
    assert all(option.opts[0] in page for option in command.main.params if option.opts[0].startswith("--"))
