"""Tokens: one algorithm, the right key, an end, and nothing that a token says of itself."""

import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from node.access.errors import AccessError, AccessRefused
from node.access.tokens import TokenReader, load_token_key

NOW = 1_700_000_000
SECRET = bytes(range(32))
GOOD: dict[str, Any] = {"exp": NOW + 60, "sub": "explorer", "methods": ["eth_*"]}
RSA = rsa.generate_private_key(65_537, 2_048)
EC = ec.generate_private_key(ec.SECP256R1())


def reader(**fields: Any) -> TokenReader:
    return TokenReader("HS256", SECRET, **fields)


def token(claims: dict[str, Any], key: Any = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm)


def refusal(made: str, by: TokenReader | None = None, now: float = NOW) -> str:
    with pytest.raises(AccessRefused) as refused:
        (by or reader()).caller(made, now)
    assert made not in str(refused.value)
    return refused.value.code


def public(key: Any) -> bytes:
    made: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return made


def test_a_good_token_says_who_and_what_until_when() -> None:
    caller = reader().caller(token(GOOD), NOW)
    assert (caller.kind, caller.name, caller.ends) == ("token", "explorer", NOW + 65)
    assert caller.rights.allow("eth_call")
    assert not caller.rights.allow("net_version")
    assert reader().caller(token(GOOD | {"sub": "a\nb"}), NOW).name == ""
    assert reader().caller(token(GOOD | {"methods": []}), NOW).rights.patterns == ()


@pytest.mark.parametrize(
    "claims",
    [
        {key: value for key, value in GOOD.items() if key != "exp"},
        GOOD | {"exp": "soon"},
        GOOD | {"exp": True},
        GOOD | {"exp": float("inf")},
        GOOD | {"exp": 2**60},
        GOOD | {"nbf": NOW + 6},
        GOOD | {"nbf": "x"},
        {key: value for key, value in GOOD.items() if key != "methods"},
        GOOD | {"methods": "eth_*"},
        GOOD | {"methods": ["eth call"]},
        GOOD | {"methods": [5]},
    ],
)
def test_claims_that_are_refused(claims: dict[str, Any]) -> None:
    assert refusal(raw_token(claims)) == "TOKEN_INVALID"


def raw_token(claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """Signed with our secret, whatever the claims."""
    import hashlib
    import hmac

    def part(what: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(what).encode()).rstrip(b"=")

    signed = part(header or {"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    signature = hmac.new(SECRET, signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def test_it_ends_after_the_leeway_and_not_before() -> None:
    assert reader().caller(raw_token(GOOD), NOW + 64.9).ends == NOW + 65
    assert refusal(token(GOOD), now=NOW + 65) == "TOKEN_EXPIRED"
    assert refusal(token(GOOD), reader(leeway=0), NOW + 60) == "TOKEN_EXPIRED"
    assert reader().caller(token(GOOD | {"nbf": NOW + 5}), NOW)


def test_the_algorithm_is_ours_not_the_tokens() -> None:
    unsigned = jwt.encode(GOOD, None, "none")
    other = token(GOOD, SECRET * 2, "HS512")
    assert {
        refusal(made) for made in (unsigned, other, token(GOOD, bytes(32)), "x", "a.b.c", "é.é.é", "x" * 9_000)
    } == {"TOKEN_INVALID"}
    # RFC 8725, section 2.1: a public key used as the secret of an HMAC
    asymmetric = TokenReader("RS256", RSA.public_key())
    forged = raw_token(GOOD, {"alg": "HS256"})
    assert refusal(forged, asymmetric) == "TOKEN_INVALID"
    assert refusal(raw_token(GOOD, {"alg": "RS256"}), asymmetric) == "TOKEN_INVALID"
    assert refusal(raw_token(GOOD, {"alg": "HS256", "crit": ["x"], "x": 1})) == "TOKEN_INVALID"


def test_public_keys(tmp_path: Path) -> None:
    for algorithm, key in (("RS256", RSA), ("ES256", EC)):
        path = tmp_path / f"{algorithm}.pem"
        path.write_bytes(public(key))
        by = TokenReader(algorithm, load_token_key(algorithm, path))
        assert by.caller(token(GOOD, key, algorithm), NOW).name == "explorer"
        assert refusal(token(GOOD), by) == "TOKEN_INVALID"


def test_audience_and_issuer_where_they_are_asked_for() -> None:
    strict = reader(audience="node", issuer="hospital")
    assert strict.caller(token(GOOD | {"aud": ["other", "node"], "iss": "hospital"}), NOW)
    for claims in (GOOD, GOOD | {"aud": "x", "iss": "hospital"}, GOOD | {"aud": "node", "iss": "x"}):
        assert refusal(token(claims), strict) == "TOKEN_INVALID"
    assert reader().caller(token(GOOD | {"aud": "whoever", "iss": "anybody"}), NOW)


def test_key_files_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text("0x" + SECRET.hex() + "\n")
    assert load_token_key("HS256", path) == SECRET
    small = rsa.generate_private_key(65_537, 1_024)
    wrong = [
        ("HS256", b"00" * 31), ("HS256", b"not hexadecimal"), ("HS256", b"\xff"), ("RS256", public(EC)),
        ("RS256", public(small)), ("ES256", public(RSA)), ("ES256", public(ec.generate_private_key(ec.SECP384R1()))),
        ("RS256", b"nonsense"),
    ]  # fmt: skip
    for algorithm, content in wrong:
        path.write_bytes(content)
        with pytest.raises(AccessError, match="TOKEN_KEY"):
            load_token_key(algorithm, path)
    with pytest.raises(AccessError, match="TOKEN_KEY"):
        load_token_key("HS256", tmp_path / "none")
    path.write_text(SECRET.hex())
    path.chmod(0o644)
    with pytest.raises(AccessError, match="ACCESS_FILE_MODE"):
        load_token_key("HS256", path)
