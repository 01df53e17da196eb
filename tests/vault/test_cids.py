import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.cids import BLOCK_LIMIT, cid_of, cid_text, parse_cid
from vault.errors import VaultError


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (b"", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
        (b"hello world", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
    ],
)
def test_blocks_have_the_identifiers_that_ipfs_gives_them(block: bytes, text: str) -> None:
    assert cid_text(cid_of(block)) == text


@given(st.binary(max_size=200))
def test_text_and_bytes_are_one_to_one(block: bytes) -> None:
    assert parse_cid(cid_text(cid_of(block))) == cid_of(block)


def test_a_block_of_one_mebibyte_is_the_largest() -> None:
    cid_of(bytes(BLOCK_LIMIT))
    with pytest.raises(VaultError, match="BLOCK_TOO_LARGE"):
        cid_of(bytes(BLOCK_LIMIT + 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
        "Bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    ],
)
def test_any_other_identifier_is_refused(text: str) -> None:
    with pytest.raises(VaultError, match="CID_INVALID"):
        parse_cid(text)
