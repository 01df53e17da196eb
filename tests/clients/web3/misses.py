"""The cases of web3.py's suites that this node does not pass, each with its reason, from `misses.txt`."""

from pathlib import Path

FILE = Path(__file__).with_name("misses.txt")


def known() -> dict[str, str]:
    """Reason by test name; the file has one `name | reason` per line."""
    lines = [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.split(" | ", 1) for line in lines]
    assert all(len(pair) == 2 and pair[1].strip() for pair in pairs), "every line has a reason"
    names = {name.strip(): reason.strip() for name, reason in pairs}
    assert len(names) == len(lines), "no case is named twice"
    return names
