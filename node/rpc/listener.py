"""The port: guarded connections, TLS if there is any, limits on descriptors, reload."""

import asyncio
import contextlib
import logging
import resource
from pathlib import Path
from typing import Any

from aiohttp import web

from node.config import Config, split_address
from node.errors import ConfigError
from node.rpc.front import Front
from node.tls import TlsFiles

log = logging.getLogger(__name__)
OTHER_FILES = 128
"""Descriptors that the node needs beside its connections."""
DRAIN_SECONDS = 2.0
LINGER_SECONDS = 2.0
"""To take in the rest of a refused request, so that the refusal is read."""
LEAVE_SECONDS = 5.0
"""For the goodbye of a TLS connection."""


class Listener:
    """Listens for a front."""

    def __init__(self, front: Front, config: Config, folder: Path) -> None:
        """Raises ConfigError TLS_FILES."""
        self._front, self._config = front, config
        self._tls = TlsFiles(folder, config.tls) if config.tls.certificate else None
        self._runner = web.AppRunner(
            front.application(), access_log=None, shutdown_timeout=DRAIN_SECONDS, auto_decompress=False,
            keepalive_timeout=config.front.idle_seconds, lingering_time=LINGER_SECONDS,
        )  # fmt: skip
        self._server: asyncio.Server | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Listen; returns the URL. Raises ConfigError HTTP_IN_USE."""
        host, port = split_address(self._config.http)
        _allow_files(self._config.front.connections + OTHER_FILES)
        await self._runner.setup()
        assert self._runner.server is not None
        seconds = self._config.front.header_seconds
        secured: dict[str, Any] = {} if self._tls is None else {
            "ssl": self._tls.context, "ssl_handshake_timeout": seconds, "ssl_shutdown_timeout": LEAVE_SECONDS,
        }  # fmt: skip
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._front.connections.guarded(self._runner.server), host, port, **secured
            )
        except OSError as error:
            raise ConfigError(
                "HTTP_IN_USE", f"cannot listen on {self._config.http}: {error.strerror}", "choose another --http"
            ) from error
        self._watch = asyncio.create_task(self._front.sockets.watch())
        bound = self._server.sockets[0].getsockname()
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        return f"{'http' if self._tls is None else 'https'}://{shown}:{bound[1]}"

    def reload(self) -> None:
        """Read certificate and key again; what is wrong is logged, and the old ones stay."""
        if self._tls is None:
            return
        try:
            self._tls.reload()
            log.info("certificate read again")
        except ConfigError as error:
            log.error("the certificate stays as it was: %s", error)

    async def close(self) -> None:
        """Take no more connections, end the open ones."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        if self._server is not None:
            self._server.close()
        self._front.close()
        await self._runner.cleanup()


def _allow_files(needed: int) -> None:
    """Raise the soft limit on open files towards what is needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < needed:
        log.warning("only %d files may be open, %d are needed for all connections", wanted, needed)
