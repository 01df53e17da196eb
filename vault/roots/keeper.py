"""A keeper: a process that holds one share of a vault's root secret, for at most two epochs, and destroys it when told.

One JSON object a line, at most 2 KiB, over TLS 1.3 (`vault.roots.pairing`):

    {"do": "held"}                                                            what is here
    {"do": "share", "epoch", "attempt"}                                       the share of a secret
    {"do": "prepare", "epoch", "attempt", "vault", "check", "index", "share", "replaces": [attempt]}
    {"do": "settle", "epoch", "attempt"}                                      destroy all but this and later epochs

Bytes are hex. Every answer tells what the disk holds after the request: {"held": [[epoch, attempt]], "owner"}, with
"share", "index", "check", "vault" where asked; or {"error": code, "message"}. A request may be repeated.
"""

import json
import logging
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from protocol.errors import TideprintError
from vault.errors import RootRefused, VaultError
from vault.roots.disk import SlotFile
from vault.roots.layout import CHECK_SIZE, Entry
from vault.roots.pairing import Pairing, make_identity
from vault.roots.slot import ATTEMPT_SIZE, SECRET_SIZE, VAULT_ID_SIZE, Secret

LINE_LIMIT = 2048
CONNECTION_LIMIT = 8
REPLACES_LIMIT = 32
HANDSHAKE_SECONDS = 5.0
IDLE_SECONDS = 300.0
SHARE_FILE = "share.slot"

_log = logging.getLogger(__name__)
Answer = dict[str, Any]


def nothing(_step: str) -> None:
    """The default observer of steps."""


class ShareBox:
    """The requests of a keeper on its file; one at a time."""

    def __init__(self, file: SlotFile, on_step: Callable[[str], None] = nothing) -> None:
        self._file = file
        self._on_step = on_step
        self._lock = threading.Lock()
        self._verbs = {"held": self._held, "share": self._share, "prepare": self._prepare, "settle": self._settle}

    def answer(self, line: bytes) -> Answer:
        """Do what a line asks for."""
        try:
            request = json.loads(line)
            verb = self._verbs[request["do"]]
            with self._lock:
                self._on_step(f"{request['do']} begins")
                reply = verb(request)
                self._on_step(f"{request['do']} done")
        except TideprintError as error:
            return {"error": error.code, "message": error.message}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {"error": "KEEPER_REQUEST", "message": "not a request of this protocol"}
        return reply

    def _held(self, _request: Answer) -> Answer:
        held = [[secret.epoch, secret.attempt.hex()] for secret in self._file.held()]
        return {"held": held, "owner": self._file.owner().hex()}

    def _share(self, request: Answer) -> Answer:
        wanted, reply = _secret(request), self._held(request)
        for entry in self._file.entries().values():
            if entry.secret == wanted:
                reply |= {"share": entry.value.hex(), "index": entry.index, "check": entry.check.hex()}
                reply |= {"vault": entry.vault_id.hex()}
            entry.wipe()
        if "share" not in reply:
            raise RootRefused("ROOT_EPOCH_GONE", "no share of this secret is here")
        return reply

    def _prepare(self, request: Answer) -> Answer:
        wanted, index, replaces = _secret(request), request["index"], request["replaces"]
        if not isinstance(index, int) or not 1 <= index <= 255 or len(replaces) > REPLACES_LIMIT:
            raise ValueError
        vault_id, check = _bytes(request["vault"], VAULT_ID_SIZE), _bytes(request["check"], CHECK_SIZE)
        value = bytearray(_bytes(request["share"], SECRET_SIZE))
        entry = Entry(wanted.epoch, vault_id, wanted.attempt, check, index, value)
        try:
            self._file.put(entry, [_bytes(found, ATTEMPT_SIZE) for found in replaces])
        finally:
            entry.wipe()
        return self._held(request)

    def _settle(self, request: Answer) -> Answer:
        self._file.settle(_secret(request))
        return self._held(request)


def _secret(request: Answer) -> Secret:
    epoch = request["epoch"]
    if not isinstance(epoch, int) or not 0 <= epoch < 2**63:
        raise ValueError
    return Secret(epoch, _bytes(request["attempt"], ATTEMPT_SIZE))


def _bytes(text: str, size: int) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != size:
        raise ValueError
    return value


class Keeper(socketserver.ThreadingTCPServer):
    """Serves a share box to the one vault it is paired with."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = CONNECTION_LIMIT

    def __init__(self, address: tuple[str, int], box: ShareBox, pairing: Pairing) -> None:
        """Listen; port 0 takes a free one, see `server_address`. Raises `KEEPER_ADDRESS`."""
        self._box = box
        self._pairing = pairing
        self._places = threading.BoundedSemaphore(CONNECTION_LIMIT)
        try:
            super().__init__(address, socketserver.BaseRequestHandler)
        except OSError as error:
            raise VaultError("KEEPER_ADDRESS", f"cannot listen: {error}", "give a free HOST:PORT") from error

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve in a thread, or hang up when too many are connected."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection from beginning to end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handshake, then a line at a time until the other side goes, is silent too long or talks nonsense."""
        try:
            request.settimeout(HANDSHAKE_SECONDS)
            with self._pairing.context.wrap_socket(request, server_side=True) as connection:
                if self._pairing.is_peer(connection):
                    connection.settimeout(IDLE_SECONDS)
                    self._converse(connection)
        except (OSError, ssl.SSLError) as error:
            _log.info("connection from %s ended: %s", client_address[0], error)

    def _converse(self, connection: socket.socket) -> None:
        with connection.makefile("rb", buffering=LINE_LIMIT) as lines:
            while (line := lines.readline(LINE_LIMIT)).endswith(b"\n"):
                connection.sendall(json.dumps(self._box.answer(line)).encode() + b"\n")


def open_keeper(
    directory: Path,
    address: tuple[str, int],
    vault_certificate: Path,
    *,
    allow_remnants: bool = False,
    on_step: Callable[[str], None] = nothing,
) -> Keeper:
    """A keeper on a directory, which gets its share file and identity at the first start."""
    make_identity(directory, "tideprint keeper")
    path = directory / SHARE_FILE
    file = SlotFile(path, create=not path.exists(), allow_remnants=allow_remnants)
    try:
        return Keeper(address, ShareBox(file, on_step), Pairing(directory, vault_certificate, server=True))
    except BaseException:
        file.close()
        raise
