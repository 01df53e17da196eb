"""A private swarm of real daemons: in network namespaces joined by a bridge if this is root, else on loopback ports."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from vault.blocks import MemberSettings, SwarmSettings
from vault.blocks.daemon import Daemon
from vault.blocks.kubo import KuboMember
from vault.blocks.privacy import KEY_FILE
from vault.blocks.repository import DENYLIST, SECRET_FILE, RepositoryPlan, init_repository, set_peers
from vault.blocks.rpc import MemberFailed

ROOT = Path(__file__).parents[3]
PATIENCE = 30.0
SHM = Path("/dev/shm")
"""A file system in memory: what is tested here is not what a power cut leaves."""
NET = "10.213.77"


def kubo_binary() -> Path:
    """The daemon's program, or skip with the reason."""
    named = os.environ.get("TIDEPRINT_KUBO")
    binary = Path(named) if named else ROOT / ".tools/kubo/ipfs"
    if not binary.is_file():
        pytest.skip("not run: no Kubo here (scripts/kubo.sh builds it where Go is)")
    return binary


class Node:
    """One member: its repository, its daemon, and how to ask it."""

    def __init__(
        self, name: str, directory: Path, plan: RepositoryPlan, key: str | None, before: Sequence[str]
    ) -> None:
        self.name = name
        self.repository = directory / name
        self.identity = init_repository(kubo_binary(), self.repository, plan, os.urandom, key)
        self.address = f"{plan.swarm[0]}/p2p/{self.identity}"
        self.key = (self.repository / KEY_FILE).read_text()
        self.daemon = Daemon(kubo_binary(), self.repository, before)
        self.settings = MemberSettings(name, plan.api, self.repository / SECRET_FILE, self.repository / DENYLIST)

    def member(self, **limits: float) -> KuboMember:
        """A connection of its own, that gives up quickly."""
        return KuboMember(self.settings, swarm_settings([self], **limits), lambda _: None)


def swarm_settings(nodes: Sequence[Node], copies: int | None = None, answer_seconds: float = 15.0) -> SwarmSettings:
    """Settings of a swarm of these nodes that tries twice."""
    return SwarmSettings(tuple(node.settings for node in nodes), copies, 2.0, answer_seconds, 2)


class Network:
    """Where the daemons live: a namespace each, or this host's loopback."""

    def __init__(self) -> None:
        self.tag = f"tp{os.getpid() % 100000}"
        self._made: list[str] = []
        self.isolated = os.geteuid() == 0 and shutil.which("ip") is not None and self._try_namespaces()

    def _try_namespaces(self) -> bool:
        switch = f"{self.tag}s"
        try:
            self._namespace(switch)
            _ip("-n", switch, "link", "add", "br0", "type", "bridge")
            _ip("-n", switch, "link", "set", "br0", "up")
        except subprocess.CalledProcessError:
            self.close()
            return False
        return True

    def _namespace(self, name: str) -> None:
        _ip("netns", "add", name)
        self._made.append(name)
        _ip("-n", name, "link", "set", "lo", "up")

    def place(self, number: int, directory: Path) -> tuple[RepositoryPlan, list[str]]:
        """Addresses for one more daemon, and what to put in front of its command."""
        if not self.isolated:
            plan = RepositoryPlan(f"/ip4/127.0.0.1/tcp/{free_port()}", (f"/ip4/127.0.0.1/tcp/{free_port()}",))
            return plan, []
        name, switch, address = f"{self.tag}n{number}", f"{self.tag}s", f"{NET}.{number}"
        self._namespace(name)
        _ip("-n", switch, "link", "add", f"p{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("-n", switch, "link", "set", f"p{number}", "master", "br0", "up")
        _ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        plan = RepositoryPlan(f"/unix{directory}/{number}.sock", (f"/ip4/{address}/tcp/4001",))
        return plan, ["ip", "netns", "exec", name]

    def close(self) -> None:
        while self._made:
            _ip("netns", "del", self._made.pop())


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_swarm(count: int) -> Iterator[tuple[list[Node], Network]]:
    """So many members that know each other, started and connected."""
    kubo_binary()
    directory = Path(tempfile.mkdtemp(prefix="kubo", dir=SHM if SHM.is_dir() else None))
    network = Network()
    nodes: list[Node] = []
    try:
        for number in range(1, count + 1):
            plan, before = network.place(number, directory)
            nodes.append(Node(f"member{number}", directory, plan, nodes[0].key if nodes else None, before))
        for node in nodes:
            set_peers(node.repository, [other.address for other in nodes if other is not node])
            node.daemon.start()
        wait_for_peers(nodes)
        yield nodes, network
    finally:
        for node in nodes:
            node.daemon.kill()
        network.close()
        shutil.rmtree(directory)


def wait_for_peers(nodes: Sequence[Node]) -> None:
    """Wait until each is connected to all others; daemons do it by themselves, but slowly after a restart."""
    deadline = time.monotonic() + PATIENCE
    for node in nodes:
        member = node.member()
        while member.status().peers < len(nodes) - 1:
            assert time.monotonic() < deadline, f"{node.name} is not connected"
            for other in nodes:
                if other is not node:
                    connect(member, other)
        member.close()


def connect(member: KuboMember, other: Node) -> None:
    """Tell a daemon to connect to another; it may fail while that one starts."""
    try:
        member._rpc.request("/swarm/connect", [other.address], {"timeout": "2s"})
    except MemberFailed:
        time.sleep(0.1)
