"""`tideprint audit`: the inspector's side."""

import sys
import tempfile
from pathlib import Path

import click

from tideprint.commands.options import HOME, JSON, show
from tideprint.places import Places

EXIT_FOUND = 1


@click.group()
def audit() -> None:
    """Search the ledger for what must not be there."""


@audit.command()
@HOME
@click.option("--for", "texts", multiple=True, required=True, metavar="TEXT|0xHEX", help="A canary, 8 bytes or more.")
@JSON
def scan(home: Path, texts: tuple[str, ...], as_json: bool) -> None:
    """Search every block, event and file of the node for canaries; exit code 1 if one is found.

    Example: tideprint audit scan --home DIR --for KR-000102030405060708 --for 0x00112233445566778899aabbccddeeff
    """
    from audit import Canaries, check_control, scan_files, scan_ledger
    from audit.canaries import WINDOW

    places = Places(home)
    canaries = Canaries()
    for number, text in enumerate(texts, start=1):
        data = _bytes_of(text)
        if len(data) < WINDOW:
            raise click.BadParameter(f"a canary needs {WINDOW} bytes or more", param_hint="--for")
        canaries.add_identifier(f"canary {number}", data)
    with tempfile.TemporaryDirectory() as folder:
        check_control(canaries, [_bytes_of(text) for text in texts], Path(folder))
    chain, files = scan_ledger(places.url(), canaries), scan_files([places.node], canaries)
    found = sorted({*chain.found, *files.found})
    facts = {
        "blocks": chain.places,
        "files": files.places,
        "bytes": chain.scanned + files.scanned,
        "found": ", ".join(found) or "nothing",
    }
    show("Scan", facts, as_json)
    if found:
        sys.exit(EXIT_FOUND)


def _bytes_of(text: str) -> bytes:
    """0x... as bytes, anything else as its UTF-8."""
    try:
        return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()
    except ValueError:
        raise click.BadParameter(f"{text} is not hex", param_hint="--for") from None
