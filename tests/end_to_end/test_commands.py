"""Commands pointed at what a demonstration left."""

import json
import subprocess
from collections.abc import Callable

import pytest

from tests.end_to_end.conftest import KeptDemo
from tideprint.node_process import NodeProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("demo")]

Run = Callable[..., subprocess.CompletedProcess[str]]


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_node_status(demo: KeptDemo, node: NodeProcess, run: Run) -> None:
    status = answer(run("node", "status", "--data", str(demo.home / "node"), "--json"))
    assert status["ready"] is True
    assert status["chain_id"] == 20_210_310


def test_a_wallet_redeems_what_filled_no_lot(demo: KeptDemo, node: NodeProcess, run: Run) -> None:
    home = ("--home", str(demo.home), "--wallet", "wearer-02")
    before = answer(run("wallet", "show", *home, "--json"))
    series = json.loads((demo.home / "deployment.json").read_text())["chain_id"]
    assert series == 20_210_310
    number = sorted(path.stem for path in (demo.home / "oracle" / "series").glob("*.key"))[0]
    redeemed = answer(
        run("wallet", "redeem", *home, "--series", number, "--singles", "--all", "--pause", "0", "--json")
    )
    after = answer(run("wallet", "show", *home, "--json"))
    assert redeemed["vouchers_redeemed"] == before["vouchers_held"]
    assert after["tokens"] == int(str(before["tokens"])) + 5 * int(str(before["vouchers_held"]))


def test_a_wearer_is_forgotten_and_asking_again_changes_nothing(demo: KeptDemo, node: NodeProcess, run: Run) -> None:
    ask = ("wallet", "erase", "--home", str(demo.home), "--wallet", "wearer-04", "--yes", "--json")
    certificate = answer(run(*ask))
    assert certificate["state"] == "CERTIFIED"
    assert answer(run(*ask)) == certificate
    copy = str(demo.home / "copy-before-erasure" / "vault")
    proof = answer(run("vault", "prove-erased", "--data", str(demo.home / "vault"), "--copy", copy, "--json"))
    assert proof["holds"] is True
    assert proof["erased_rows_opened"] == 0


def test_a_file_is_imported_and_anchored_later(demo: KeptDemo, node: NodeProcess, run: Run) -> None:
    home = ("--home", str(demo.home))
    day = answer(
        run("oracle", "import", *home, "--wallet", "wearer-05", "samples/stryd/stryd-up-and-down.fit", "--json")
    )
    assert day["paid"] == 0
    waiting = answer(run("oracle", "status", *home, "--json"))
    assert int(str(waiting["waiting_reading"])) >= 1
    held = answer(run("oracle", "anchor", *home, "--json"))
    assert held["reading_held"] == "BATCH_BELOW_K"


def test_a_clean_ledger_is_clean_and_a_canary_is_found(demo: KeptDemo, node: NodeProcess, run: Run) -> None:
    scan = ("audit", "scan", "--home", str(demo.home), "--json")
    assert answer(run(*scan, "--for", "KR-0102030405060708"))["found"] == "nothing"
    council = json.loads((demo.home / "deployment.json").read_text())["contracts"]["Council"]["address"]
    found = run(*scan, "--for", council)
    assert found.returncode == 1
    assert json.loads(found.stdout)["found"] == "canary 1"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("wallet", "show", "--wallet", "nobody"), "WALLET_MISSING"),
        (("wallet", "pay", "--wallet", "wearer-02", "--to", "0x" + "11" * 20, "--tokens", "999999"), "TOKENS_SHORT"),
        (("wallet", "redeem", "--wallet", "wearer-02", "--series", "190001005"), "SERIES_UNKNOWN"),
        (("oracle", "import", "--wallet", "wearer-02", "README.md"), "FIT_DAMAGED"),
    ],
)
def test_bad_input_is_told_with_a_code(
    demo: KeptDemo, node: NodeProcess, run: Run, arguments: tuple[str, ...], code: str
) -> None:
    refused = run(*arguments, "--home", str(demo.home))
    assert refused.returncode == 2
    assert refused.stderr.startswith(code)
    assert "Traceback" not in refused.stderr


def test_a_directory_in_use_is_not_overwritten(demo: KeptDemo, run: Run) -> None:
    refused = run("demo", "--keep", str(demo.home))
    assert refused.returncode == 2
    assert refused.stderr.startswith("DIRECTORY_NOT_EMPTY")
