"""Talking to one Kubo daemon: ipfshttpclient 0.8 with what it lacks, and its answers read for what they say.

- Every call has a time limit for connecting and for waiting. Calls may be repeated, so silence is tried again with
  growing pauses before it is an error.
- Kubo may answer 200 with an error inside an item, or at the end of a list: `request` raises it as `MEMBER_FAILED`
  unless it is an item's own error, which `Item.error` gives.
- `ipfshttpclient` has no `block/rm` and `pin/rm` of many: its own request method is used for those. Its version check
  knows nothing after 0.8 and is left out. No proxy, no `.netrc`: what is said here is for this daemon only.
"""

import io
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipfshttpclient
from ipfshttpclient import exceptions, multipart

from vault.blocks.settings import MemberSettings, SwarmSettings
from vault.errors import StoreUnavailable

log = logging.getLogger(__name__)
PAUSE = 0.2
"""Seconds before the second try; each further pause is four times longer."""
CHUNK = 1 << 18
BLOCKED = "is blocked and cannot be provided"
"""What a daemon says of a barred block, whatever it is asked to do with it."""
NOT_FOUND = "could not find"
NOT_PINNED = "not pinned"

Options = Mapping[str, str]
Json = dict[str, Any]


class MemberUnreachable(StoreUnavailable):
    """A daemon does not answer, or not in time."""

    def __init__(self, member: str, cause: str) -> None:
        hint = "start the daemon, or wait until it answers; then repeat"
        super().__init__("MEMBER_UNREACHABLE", f"no answer from member {member} ({cause})", hint)


class MemberFailed(StoreUnavailable):
    """A daemon says that it could not do what it was asked."""

    def __init__(self, member: str, message: str) -> None:
        self.message = message
        super().__init__("MEMBER_FAILED", f"member {member}: {message}", "look into the daemon's log; then repeat")


class KuboRpc:
    """The RPC of one daemon."""

    def __init__(
        self, member: MemberSettings, limits: SwarmSettings, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Nothing is sent yet. Raises `RPC_SECRET_EXPOSED` or `RPC_SECRET_MISSING`."""
        self.name = member.name
        self._attempts = limits.attempts
        self._sleep = sleep
        headers = {"Authorization": f"Bearer {read_secret(member.secret)}"} if member.secret else {}
        waits = (limits.connect_seconds, limits.answer_seconds)
        self._client = ipfshttpclient.Client(member.api, session=True, headers=headers, timeout=waits)
        self._prepare_session()

    def _prepare_session(self) -> None:
        """No proxies, and without the option that urllib3 warns of and its next version refuses."""
        session = self._client._client._session
        session.trust_env = False
        for adapter in session.adapters.values():
            adapter.poolmanager.connection_pool_kw.pop("strict", None)

    def request(
        self,
        path: str,
        arguments: Sequence[str] = (),
        options: Options | None = None,
        upload: Callable[[], Iterable[bytes]] | None = None,
    ) -> list[Json]:
        """Call an endpoint that answers in JSON, one or more items. Raises `MEMBER_UNREACHABLE`, `MEMBER_FAILED`."""
        items: list[Json] = self._retried(path, arguments, options, upload, decoder="json")
        for item in items:
            if item.get("Type") == "error":
                raise MemberFailed(self.name, str(item.get("Message")))
        return items

    def download(self, path: str, arguments: Sequence[str], options: Options | None = None) -> bytes:
        """Call an endpoint that answers with bytes."""
        return bytes(self._retried(path, arguments, options, None, decoder="none"))

    def _retried(
        self,
        path: str,
        arguments: Sequence[str],
        options: Options | None,
        upload: Callable[[], Iterable[bytes]] | None,
        decoder: str,
    ) -> Any:
        for attempt in range(self._attempts):
            try:
                extra = self._uploading(upload)
                opts = dict(options or {})
                return self._client._client.request(path, tuple(arguments), opts=opts, decoder=decoder, **extra)
            except exceptions.ErrorResponse as error:
                raise MemberFailed(self.name, str(error)) from error
            except exceptions.StatusError as error:
                raise MemberFailed(self.name, f"refused {path} ({_status(error)})") from error
            except exceptions.DecodingError as error:
                raise MemberFailed(self.name, f"answered {path} with what is not JSON") from error
            except exceptions.CommunicationError as error:
                if attempt + 1 == self._attempts:
                    raise MemberUnreachable(self.name, type(error).__name__) from error
                log.info("member %s: %s, trying %s again", self.name, type(error).__name__, path)
                self._sleep(PAUSE * 4**attempt)
        raise MemberUnreachable(self.name, "no attempt allowed")

    @staticmethod
    def _uploading(upload: Callable[[], Iterable[bytes]] | None) -> dict[str, Any]:
        if upload is None:
            return {}
        body, headers = multipart.stream_files(_Pieces(upload()), chunk_size=CHUNK)
        return {"data": body, "headers": headers}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class _Pieces(io.RawIOBase):
    """A file to read from, made of pieces that come one by one."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


def read_secret(path: Path) -> str:
    """The token in a file that only its owner may read. Raises `RPC_SECRET_MISSING` or `RPC_SECRET_EXPOSED`."""
    try:
        mode = path.stat().st_mode
        secret = path.read_text().strip()
    except OSError as error:
        hint = "copy the secret that `tideprint vault kubo init` wrote for this member"
        raise StoreUnavailable("RPC_SECRET_MISSING", f"{path.name}: {error.strerror}", hint) from error
    if mode & 0o077:
        hint = "make a new secret for the daemon and this file, mode 0600"
        raise StoreUnavailable("RPC_SECRET_EXPOSED", f"others may read {path.name}", hint)
    return secret


def _status(error: Any) -> str:
    response = getattr(error.original, "response", None)
    return f"status {response.status_code}" if response is not None else "no status"
