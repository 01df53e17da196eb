"""The gate: from what a client shows to who it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.access.errors import AccessRefused
from node.access.files import KeyFile
from node.access.keys import LENGTH, PREFIX
from node.access.rights import EVERYTHING, Caller, Rights
from node.access.tokens import TokenReader, load_token_key
from node.clock import Clock
from node.config import ACCESS_FILE, Access, Config, Jwt


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client shows: the Authorization header, the X-API-Key header, the key in its path; empty if not shown."""

    authorization: str = ""
    header_key: str = ""
    path_key: str = ""


class Gate:
    """Knows callers by key or token. A key or token that is not accepted is refused, never taken for anonymous."""

    def __init__(self, anonymous: Rights, keys: KeyFile, tokens: TokenReader | None, now: Callable[[], float]) -> None:
        self._anonymous = Caller("anonymous", "", anonymous)
        self._keys, self._tokens, self._now = keys, tokens, now

    def identify(self, shown: Shown) -> Caller:
        """Raises AccessRefused."""
        given = [text for text in (shown.authorization, shown.header_key, shown.path_key) if text]
        if not given:
            return self._anonymous
        if len(given) > 1:
            raise AccessRefused("CREDENTIALS_TWICE", "more than one key or token is shown", "send one of them")
        if shown.authorization:
            scheme, _, secret = shown.authorization.partition(" ")
            if scheme.lower() != "bearer" or not secret.strip():
                raise AccessRefused("CREDENTIALS_MALFORMED", "the Authorization header must say Bearer", "")
            return self._bearer(secret.strip())
        return self._key(given[0])

    def valid(self, caller: Caller) -> bool:
        """Is this caller's key or token still accepted?"""
        if caller.ends is not None and self._now() >= caller.ends:
            return False
        return caller.kind != "key" or self._keys.ring().holds(caller.digest)

    def _bearer(self, secret: str) -> Caller:
        if secret.startswith(PREFIX):
            return self._key(secret)
        if self._tokens is None:
            raise AccessRefused("TOKEN_INVALID", "this node takes no tokens", "use a key, or ask the operator")
        return self._tokens.caller(secret, self._now())

    def _key(self, secret: str) -> Caller:
        if len(secret) != LENGTH or not secret.isascii():
            raise AccessRefused("KEY_UNKNOWN", "this is no key of this node", "copy the whole key")
        return self._keys.ring().caller(secret, self._now())

    def reload(self) -> None:
        """Look at the access file now."""
        self._keys.reload()


def open_gate(folder: Path, config: Config, clock: Clock) -> Gate:
    """The gate that `node.toml` describes. Raises AccessError."""
    return Gate(
        anonymous_rights(config.access),
        KeyFile(folder / ACCESS_FILE, clock.elapsed),
        _tokens(folder, config.jwt),
        clock.now,
    )


def anonymous_rights(access: Access) -> Rights:
    """Everything, unless node.toml says what."""
    return EVERYTHING if access.anonymous is None else Rights(access.anonymous)


def _tokens(folder: Path, jwt: Jwt) -> TokenReader | None:
    if not jwt.algorithm:
        return None
    key = load_token_key(jwt.algorithm, folder / jwt.key)
    return TokenReader(jwt.algorithm, key, jwt.audience, jwt.issuer, jwt.leeway)
