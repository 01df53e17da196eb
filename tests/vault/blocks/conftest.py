from collections.abc import Iterator

import pytest

from tests.vault.blocks.kubo_support import Network, Node, running_swarm, wait_for_peers


@pytest.fixture(scope="session")
def daemons() -> Iterator[tuple[list[Node], Network]]:
    """Three real daemons in a private swarm."""
    with running_swarm(3) as swarm:
        yield swarm


@pytest.fixture
def nodes(daemons: tuple[list[Node], Network]) -> list[Node]:
    """The three, running and empty."""
    members, _ = daemons
    for node in members:
        if node.daemon._process is None:
            node.daemon.start()
    for node in members:
        member = node.member()
        member.remove(member)
        assert not set(member)
        member.close()
    wait_for_peers(members)
    return members
