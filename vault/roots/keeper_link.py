"""The vault's side of a keeper: one connection, kept open, made again when it broke."""

import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vault.roots.pairing import Pairing

REPLY_LIMIT = 4096


class KeeperSilent(Exception):
    """A keeper that gave no answer, and why; it never leaves `vault.roots`."""


@dataclass(frozen=True, slots=True)
class KeeperAddress:
    """Where a keeper listens and the certificate it showed when it was paired. Its place in the list is its share's
    number: never reorder."""

    name: str
    host: str
    port: int
    certificate: Path


class KeeperLink:
    """Asks one keeper."""

    def __init__(self, address: KeeperAddress, identity: Path, timeout: float) -> None:
        self.name = address.name
        self._address = address
        self._timeout = timeout
        self._pairing = Pairing(identity, address.certificate, server=False)
        self._connection: ssl.SSLSocket | None = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The keeper's answer. A connection that broke while idle is made again once. Raises `KeeperSilent`."""
        if self._connection is not None:
            try:
                return self._exchange(self._connection, request)
            except (OSError, ValueError):
                self.close()
        try:
            self._connection = self._connect()
            return self._exchange(self._connection, request)
        except (OSError, ValueError) as error:
            self.close()
            raise KeeperSilent(str(error) or type(error).__name__) from error

    def _connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection((self._address.host, self._address.port), self._timeout)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = self._pairing.context.wrap_socket(plain)
        except BaseException:
            plain.close()
            raise
        if not self._pairing.is_peer(connection):
            connection.close()
            raise OSError("another certificate than the one it was paired with")
        return connection

    def _exchange(self, connection: ssl.SSLSocket, request: dict[str, Any]) -> dict[str, Any]:
        connection.sendall(json.dumps(request).encode() + b"\n")
        reply = bytearray()
        while not reply.endswith(b"\n"):
            part = connection.recv(REPLY_LIMIT)
            if not part or len(reply) + len(part) > REPLY_LIMIT:
                raise OSError("the keeper hung up: is this vault the one it is paired with?")
            reply += part
        found = json.loads(reply)
        if not isinstance(found, dict):
            raise ValueError("the keeper's answer is no object")
        return found

    def close(self) -> None:
        """Hang up; a second call does nothing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
