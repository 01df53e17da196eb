"""The commands shown in the guides are run, in their order, on what a demonstration left."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import KeptDemo
from tests.support import ROOT
from tideprint.node_process import NodeProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("demo")]

DOCS = sorted((ROOT / "docs").glob("*.md"))
GUIDES = ("operator.md", "inspector.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)")


def commands(guide: str) -> list[list[str]]:
    """The lines of a guide's shell blocks, split as a shell does."""
    blocks = BLOCK.findall((ROOT / "docs" / guide).read_text())
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_of_the_guide_works(
    guide: str, demo: KeptDemo, node: NodeProcess, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    shown = commands(guide)
    assert shown
    for program, *arguments in shown:
        assert program == "tideprint"
        if arguments[:2] == ["node", "start"]:
            continue  # the fixture has started it by this very command
        done = run(*[argument.replace("DIR", str(demo.home)) for argument in arguments])
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        assert done.stdout.strip()


@pytest.mark.parametrize("page", [ROOT / "README.md", *DOCS], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readme_names_every_folder() -> None:
    text = (ROOT / "README.md").read_text()
    folders = subprocess.run(
        [str(shutil.which("git")), "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    named = {path.split("/")[0] for path in folders.stdout.splitlines() if "/" in path} - {".ci", "docs"}
    assert {folder for folder in named if f"`{folder}/`" not in text} == set()
