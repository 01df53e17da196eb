import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.errors import LinkError
from oracles.links import ShoeIdentity, ShoeProof, ShoeState, StateFlag
from protocol.minutes import Algorithm
from tests.oracles.shoes.support import NOON_MS, walked_pair

u32 = st.integers(0, 2**32 - 2)
states = st.builds(
    lambda battery, flags, boot, since, sequences: ShoeState(
        battery, StateFlag(flags), boot, since, sequences[1], sequences[2], sequences[0]
    ),
    st.integers(0, 100),
    st.integers(0, 3),
    u32,
    st.integers(0, 2**63),
    st.tuples(u32, u32, u32).map(sorted),
)


@given(states)
def test_states_survive_the_wire(state: ShoeState) -> None:
    assert ShoeState.unpack(state.pack()) == state
    assert len(state.pack()) == 32


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_identities_survive_the_wire(algorithm: Algorithm) -> None:
    identity = walked_pair(0, algorithm=algorithm).left.identity
    assert ShoeIdentity.unpack(identity.pack()) == identity
    assert identity.model == "TIDE-1"


def test_a_proof_survives_the_wire() -> None:
    proof = walked_pair(2).left.prove(bytes(32), NOON_MS)
    assert ShoeProof.unpack(proof.pack()) == proof
    with pytest.raises(LinkError, match="PROOF_MALFORMED"):
        ShoeProof.unpack(proof.pack()[:-1])


@pytest.mark.parametrize(("at", "value"), [(0, 2), (1, 9), (2, 3), (3, 64)])
def test_a_wrong_identity_is_refused(at: int, value: int) -> None:
    data = bytearray(walked_pair(0).left.identity.pack())
    data[at] = value
    with pytest.raises(LinkError, match="IDENTITY_MALFORMED"):
        ShoeIdentity.unpack(bytes(data))


def test_short_values_are_refused() -> None:
    with pytest.raises(LinkError, match="IDENTITY_MALFORMED"):
        ShoeIdentity.unpack(bytes(10))
    with pytest.raises(LinkError, match="STATE_MALFORMED"):
        ShoeState.unpack(bytes(31))


def test_a_state_that_contradicts_itself_is_refused() -> None:
    state = walked_pair(2).left.state(NOON_MS)
    for wrong in (
        dataclasses.replace(state, battery_percent=101),
        dataclasses.replace(state, oldest=4),
        dataclasses.replace(state, acknowledged=3),
    ):
        with pytest.raises(LinkError, match="STATE_MALFORMED"):
            ShoeState.unpack(wrong.pack())
