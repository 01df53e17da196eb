"""Runs `ape run deploy` as an operator would, against a running node."""

import os
import subprocess
import sys
from pathlib import Path

from chain import Deployment
from protocol.errors import TideprintError
from tideprint.places import Places

PROJECT = Path(__file__).resolve().parents[1]
DEPLOY_SECONDS = 150


def deploy(places: Places, passphrase: str) -> Deployment:
    """Deploy all contracts and carry out the founding plan. Raises `DEPLOY_FAILED` with ape's last words."""
    tools = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
        "TIDEPRINT_PASSPHRASE": passphrase,
        "APE_DATA_FOLDER": str(places.directory / "ape"),
    }
    network = f"ethereum:consortium:{places.url()}"
    command = [str(tools / "ape"), "run", "deploy", "--network", network, "--plan", str(places.plan)]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=DEPLOY_SECONDS, check=False
    )
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip())[-600:]
        raise TideprintError("DEPLOY_FAILED", "the contracts were not deployed", words)
    return Deployment.load(places.deployment)
