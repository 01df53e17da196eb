"""Liveness and readiness: the questions of Besu, answered for a node without peers."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from node.health import Health
from tests.node.front.support import Ported, ported


async def ready(at: Ported, query: str = "") -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as http, http.get(f"{at.url}/readiness{query}") as reply:
        return reply.status, await reply.json()


async def test_ready_says_where_it_stands(tmp_path: Path) -> None:
    async with ported(tmp_path) as at:
        at.chain.seal()
        status, state = await ready(at)
        assert (status, state["status"], state["block"], state["peers"]) == (200, "UP", 1, 0)
        assert "reason" not in state


@pytest.mark.parametrize(
    ("health", "query", "reason"),
    [
        (Health("", 2), "", ""),
        (Health("", 3), "", "NO_BLOCKS"),
        (Health("", 3), "?maxBlocksBehind=3", ""),
        (Health("", 1), "?maxBlocksBehind=0", "NO_BLOCKS"),
        (Health("", 0), "?minPeers=0", ""),
        (Health("", 0), "?minPeers=1", "FEW_PEERS"),
        (Health("CLOCK_UNTRUSTED", 0), "", "CLOCK_UNTRUSTED"),
        (Health("CLOCK_UNTRUSTED", 0), "?maxBlocksBehind=99&minPeers=0", "CLOCK_UNTRUSTED"),
    ],
)
async def test_reasons(tmp_path: Path, health: Health, query: str, reason: str) -> None:
    async with ported(tmp_path) as at:
        at.health[0] = health
        status, state = await ready(at, query)
        assert (status, state.get("reason", "")) == (503 if reason else 200, reason)
        assert at.metric("tideprint_ready") == (not health.trouble and health.behind <= 2)
        assert at.metric("tideprint_clock_untrusted") == (health.trouble == "CLOCK_UNTRUSTED")


@pytest.mark.parametrize(
    "query", ["maxBlocksBehind=-1", "maxBlocksBehind=x", "minPeers=", "minPeers=1.5", "minPeers=9999999999"]
)
async def test_bad_parameters(tmp_path: Path, query: str) -> None:
    async with ported(tmp_path) as at:
        status, state = await ready(at, f"?{query}")
        assert (status, state["reason"]) == (400, "BAD_PARAMETER")
        assert query.partition("=")[0] in state["message"]


async def test_alive_whatever_the_trouble(tmp_path: Path) -> None:
    async with ported(tmp_path) as at, aiohttp.ClientSession() as http:
        at.health[0] = Health("CLOCK_UNTRUSTED", 9)
        async with http.get(f"{at.url}/liveness") as reply:
            assert (reply.status, await reply.json()) == (200, {"status": "UP"})
