"""Checks line coverage room by room: coverage.py REPORT.json ROOM=PERCENT ... (REPORT as `coverage json` writes it)."""

import json
import sys
from pathlib import Path


def main(report: str, *floors: str) -> int:
    """Print a line per room; exit code 1 if one lies below its floor."""
    files = json.loads(Path(report).read_text())["files"]
    low = 0
    for floor in floors:
        room, _, percent = floor.partition("=")
        counts = [found["summary"] for name, found in files.items() if name.startswith(f"{room}/")]
        covered = sum(count["covered_lines"] for count in counts)
        total = sum(count["num_statements"] for count in counts)
        reached = 100 * covered / total if total else 0.0
        low += reached < float(percent)
        print(f"line coverage of {room}: {reached:.1f} % of {total} lines (at least {percent} %)")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
