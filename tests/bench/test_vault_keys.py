"""Erasure over the number of keys, and its picture."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import vault_keys, vault_plot
from bench.machine import facts
from bench.measuring import Against, Comparison, NotRun, Scale, Setting
from bench.report import save


def small(folder: Path) -> Setting:
    return Setting(Scale.SMALL, folder, lambda _: None)


def test_the_picture_shows_both_curves(tmp_path: Path) -> None:
    file, picture = tmp_path / "figures.json", tmp_path / "erasure.svg"
    save(file, facts(0.0), vault_keys.measure(small(tmp_path)))
    result = CliRunner().invoke(vault_plot.main, [str(file), str(picture)], catch_exceptions=False)
    assert result.exit_code == 0
    curves = vault_plot.curves(json.loads(file.read_text()))
    assert {name: len(points) for name, points in curves.items()} == dict.fromkeys(
        ("ours p50", "ours p99", "flat p50", "flat p99"), 2
    )
    drawn = picture.read_text()
    assert "keys in the vault" in drawn
    assert "flat file encrypted anew" in drawn


def test_a_picture_of_nothing_is_not_drawn(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    save(file, facts(0.0), [Comparison("x", "rate", "1/s", (2.0,), "y", (1.0,), Against.PEER)])
    result = CliRunner().invoke(vault_plot.main, [str(file), str(tmp_path / "erasure.svg")])
    assert result.exit_code == 1
    assert "NOT DRAWN" in result.output


def test_sizes_beyond_a_flat_file_are_not_run_and_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_keys, "FLAT_LIMIT", 500)
    lines = vault_keys.measure(small(tmp_path))
    assert [line.why.split(" has ")[0] for line in lines if isinstance(line, NotRun)] == ["a flat file of 1,000 keys"]
    assert {line.other_name for line in lines if isinstance(line, Comparison)} >= {"10 ms", "flat key file"}
