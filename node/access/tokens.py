"""Signed tokens (JWT, RFC 7519): who somebody is, until when, and what methods they may call.

    {"exp": 1767225600, "sub": "explorer", "methods": ["eth_*", "net_version"], "aud": ..., "iss": ..., "nbf": ...}

`exp` is required, `methods` is what the token grants. The algorithm is the configured one; what a token says of itself
is never followed (RFC 8725, section 3.1). HS256 takes a file of at least 64 hexadecimal digits, readable by its owner
only; RS256 (2048 bits or more) and ES256 (P-256) take the public key in PEM.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from node.access.errors import AccessError, AccessRefused
from node.access.files import require_private
from node.access.rights import Caller, Rights, require_patterns

SECRET_BYTES, RSA_BITS = 32, 2_048
LONGEST = 8_192
"""Characters of a token."""


@dataclass(frozen=True, slots=True)
class TokenReader:
    """Reads tokens of one algorithm. `leeway` in seconds; an empty audience or issuer is not asked for."""

    algorithm: str
    key: Any
    audience: str = ""
    issuer: str = ""
    leeway: float = 5.0

    def caller(self, token: str, now: float) -> Caller:
        """Who this token speaks of. Raises AccessRefused TOKEN_INVALID, TOKEN_EXPIRED."""
        claims = self._claims(token)
        expires, begins = _number(claims, "exp"), _number(claims, "nbf", 0.0)
        if now >= expires + self.leeway:
            raise AccessRefused("TOKEN_EXPIRED", "this token has expired", "get a new one")
        if now < begins - self.leeway:
            raise _invalid("it is not valid yet")
        methods, name = claims.get("methods"), claims.get("sub", "")
        try:
            require_patterns(methods if isinstance(methods, list) else [None])
        except ValueError as error:
            raise _invalid("its `methods` must be a list of methods or patterns") from error
        shown = name[:64] if isinstance(name, str) and name.isprintable() else ""
        return Caller("token", shown, Rights(tuple(methods or ())), expires + self.leeway)

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > LONGEST:
            raise _invalid("it is too long")
        options: Any = {
            "require": ["exp"], "verify_exp": False, "verify_nbf": False, "verify_iat": False,
            "verify_aud": bool(self.audience), "verify_iss": bool(self.issuer),
            "verify_sub": False, "verify_jti": False,
        }  # fmt: skip
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self.key, algorithms=[self.algorithm], options=options,
                audience=self.audience or None, issuer=self.issuer or None,
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise _invalid(_WHY.get(type(error), "signature, form or algorithm is wrong")) from error
        return claims


_WHY: dict[type[Exception], str] = {
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidIssuerError: "it is of another issuer",
    jwt.MissingRequiredClaimError: "a claim is missing (`exp`, or the configured `aud` or `iss`)",
}


def _invalid(why: str) -> AccessRefused:
    return AccessRefused("TOKEN_INVALID", f"this token is not accepted: {why}", "get a new one")


def _number(claims: dict[str, Any], name: str, default: float | None = None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -(2**53) < value < 2**53:
        raise _invalid(f"its `{name}` is no number of seconds")
    return float(value)


def load_token_key(algorithm: str, path: Path) -> Any:
    """The key of a file, checked for its algorithm. Raises AccessError TOKEN_KEY, ACCESS_FILE_MODE."""
    try:
        raw = path.read_bytes()
        return _secret(path, raw) if algorithm == "HS256" else _public(algorithm, raw)
    except (OSError, ValueError) as error:
        raise AccessError("TOKEN_KEY", f"{path} is no key for {algorithm}: {error}", _WANTED[algorithm]) from error


_WANTED = {
    "HS256": "openssl rand -hex 32 > FILE; chmod 600 FILE",
    "RS256": "give a PEM file with an RSA public key of 2048 bits or more",
    "ES256": "give a PEM file with a P-256 public key",
}


def _secret(path: Path, raw: bytes) -> bytes:
    require_private(path)
    try:
        secret = bytes.fromhex(raw.decode().strip().removeprefix("0x"))
    except ValueError:
        raise ValueError("it is not written in hexadecimal digits") from None
    if len(secret) < SECRET_BYTES:
        raise ValueError(f"it has {len(secret)} bytes, {SECRET_BYTES} are needed")
    return secret


def _public(algorithm: str, raw: bytes) -> RSAPublicKey | EllipticCurvePublicKey:
    key = load_pem_public_key(raw)
    if algorithm == "RS256" and isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS:
        return key
    if algorithm == "ES256" and isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise ValueError("it is a key of another kind or too short")
