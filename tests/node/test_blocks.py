"""Headers: ours are what they always were, and those of other forks have fewer fields."""

from dataclasses import replace

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from node.blocks import Header, ordered_items, ordered_root

OURS = Header(
    7, b"\1" * 32, 1_700_000_000, b"\2" * 20, b"\3" * 32, b"\4" * 32, b"\5" * 32, 6, 30_000_000, 21_000, b"\7" * 32,
    b"tideprint",
)  # fmt: skip
LATER = ("base_fee", "withdrawals_root", "blob_gas_used", "excess_blob_gas", "beacon_root", "requests_hash")


def test_headers_of_our_chain_keep_their_hash() -> None:
    """Computed before headers had fields for other chains."""
    assert OURS.hash.hex() == "98a933369cb10a5abbf90222dd6e408498e10eae1c7376861b35ebaa75c4c9a0"


@pytest.mark.parametrize("known", range(7))
def test_a_header_has_the_fields_of_its_fork(known: int) -> None:
    header = replace(OURS, difficulty=131_072, **dict.fromkeys(LATER[known:]))
    assert len(rlp.decode(header.encode())) == 15 + known
    assert Header.decode(header.encode()) == header


@pytest.mark.parametrize("count", [0, 14, 22])
def test_a_list_that_is_no_header_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="15 to 21 fields"):
        Header.decode(rlp.encode([b""] * count))


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=40))
def test_a_list_comes_back_from_the_trie_of_its_root(items: list[bytes]) -> None:
    from trie import HexaryTrie

    nodes: dict[bytes, bytes] = {}
    trie = HexaryTrie(nodes)
    for index, item in enumerate(items):
        trie[rlp.encode(index)] = item
    assert ordered_root(items) == trie.root_hash
    assert list(ordered_items(trie.root_hash, nodes.get)) == items
