"""Asking a running node over its own port: RPC and health, with a key if one is given, trusting its certificate."""

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.config import CONFIG_FILE, URL_FILE, load_config
from node.errors import ConfigError

SECONDS = 10


@dataclass(frozen=True, slots=True)
class Asking:
    """Where to ask, what to show, whom to trust."""

    url: str
    key: str = ""
    trust: ssl.SSLContext | None = None

    def rpc(self, *calls: tuple[str, list[Any]]) -> list[Any] | None:
        """The results; None if this caller may not ask. Raises ConfigError NODE_UNREACHABLE."""
        batch = [
            {"jsonrpc": "2.0", "id": at, "method": name, "params": given} for at, (name, given) in enumerate(calls)
        ]
        try:
            replies = sorted(self._read("/", json.dumps(batch).encode())[1], key=lambda one: int(one["id"]))
            return None if any("error" in one for one in replies) else [one["result"] for one in replies]
        except (KeyError, TypeError):
            return None

    def readiness(self) -> dict[str, Any]:
        """What /readiness says. Raises ConfigError NODE_UNREACHABLE."""
        state: dict[str, Any] = self._read("/readiness", None)[1]
        return state

    def _read(self, path: str, body: bytes | None) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"} | ({"X-API-Key": self.key} if self.key else {})
        request = urllib.request.Request(self.url.rstrip("/") + path, body, headers)  # noqa: S310
        try:
            try:
                with urllib.request.urlopen(request, timeout=SECONDS, context=self.trust) as reply:  # noqa: S310
                    return reply.status, json.load(reply)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, json.load(error)
        except (OSError, ValueError) as error:
            raise ConfigError(
                "NODE_UNREACHABLE", f"no node answers at {self.url}: {error}", "is it running?"
            ) from error


def asking(data: Path, url: str | None, key_file: Path | None) -> Asking:
    """The node of a directory, or at a URL. Raises ConfigError NODE_NOT_RUNNING."""
    key = "" if key_file is None else key_file.read_text().strip()
    if url is not None:
        return Asking(url, key)
    try:
        url = (data / URL_FILE).read_text().strip()
    except FileNotFoundError as error:
        raise ConfigError("NODE_NOT_RUNNING", f"no node runs on {data}", "start it, or give --url") from error
    return Asking(url, key, _trust(data) if url.startswith("https") else None)


def _trust(data: Path) -> ssl.SSLContext | None:
    """Exactly the certificate that node.toml names, whatever name we reach it by."""
    certificate = load_config(data / CONFIG_FILE).tls.certificate
    if not certificate:
        return None
    context = ssl.create_default_context(cafile=data / certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
