"""`python -m bench.vault_plot FIGURES.json PICTURE.svg`: how long one erasure takes over the number of keys.

Draws what `python -m bench erasure --json FIGURES.json` measured: medians of the rounds, and their p99.
"""

import json
import re
from pathlib import Path
from typing import Any

import click

from bench.measuring import Spread
from bench.vault_keys import NAME

OURS, FLAT = "#0b6e99", "#c2571a"
LINE = re.compile(re.escape(NAME) + r" ([\d,]+) keys, (p50|p99)")
Curve = list[tuple[int, float]]


def curves(figures: dict[str, Any]) -> dict[str, Curve]:
    """ "ours p50", "ours p99", "flat p50", "flat p99": (keys, milliseconds), ascending."""
    found: dict[str, Curve] = {}
    for line in figures["results"]:
        match = LINE.fullmatch(line["what"])
        if match is not None:
            keys, share = int(match[1].replace(",", "")), match[2]
            found.setdefault(f"ours {share}", []).append((keys, Spread.of(line["ours"]).median))
            if line["against"] == "peer":
                found.setdefault(f"flat {share}", []).append((keys, Spread.of(line["other"]).median))
    return {name: sorted(points) for name, points in found.items()}


@click.command()
@click.argument("figures", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("picture", type=click.Path(dir_okay=False, path_type=Path))
def main(figures: Path, picture: Path) -> None:
    """Draw the picture of docs/performance.md from the figures of the bench `erasure`."""
    try:
        import matplotlib
    except ImportError:
        raise click.ClickException("NOT DRAWN: matplotlib is not installed (dependency group bench)") from None
    found = curves(json.loads(figures.read_text()))
    if not found:
        raise click.ClickException("NOT DRAWN: no figures of the key tree; run `python -m bench erasure --json FILE`")
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "tideprint", "svg.fonttype": "none"})
    _draw(found, picture)
    click.echo(f"{picture}: {sum(map(len, found.values()))} points")


def _draw(found: dict[str, Curve], picture: Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.2, 4.2), layout="constrained")
    styles = {
        "ours p50": (OURS, "-", "o", "key tree, median"),
        "ours p99": (OURS, "--", "o", "key tree, p99"),
        "flat p50": (FLAT, "-", "s", "flat file encrypted anew, median"),
        "flat p99": (FLAT, "--", "s", "flat file encrypted anew, p99"),
    }
    for name, points in found.items():
        colour, line, marker, label = styles[name]
        axes.plot(*zip(*points, strict=True), color=colour, linestyle=line, marker=marker, markersize=4, label=label)
    axes.axhline(10, color="#777777", linewidth=0.8, linestyle=":")
    axes.annotate("10 ms", (0.995, 10), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("keys in the vault")
    axes.set_ylabel("one durable erasure, milliseconds")
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(picture, format="svg", metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
