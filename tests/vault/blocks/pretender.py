"""A daemon in a few lines, for what a real one does only when it is ill, and where no real one can be built."""

import io
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from vault.blocks import MemberSettings, SwarmSettings
from vault.blocks.car import read_car
from vault.blocks.kubo import KuboMember
from vault.blocks.privacy import PRIVATE, with_setting
from vault.cids import Cid, cid_text, parse_cid

Answer = tuple[int, bytes]


def private_configuration() -> dict[str, Any]:
    """A configuration that is as it must be."""
    configuration: dict[str, Any] = {}
    for name, value in PRIVATE.items():
        with_setting(configuration, name, value)
    with_setting(configuration, "Addresses.API", "/ip4/127.0.0.1/tcp/5001")
    with_setting(configuration, "Addresses.Swarm", ["/ip4/10.0.0.1/tcp/4001"])
    return configuration


def lines(*items: dict[str, Any]) -> Answer:
    """Status 200 and items, one a line."""
    return 200, b"".join(json.dumps(item).encode() + b"\n" for item in items)


def trouble(message: str) -> Answer:
    """What Kubo answers when a command fails."""
    return 500, json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode()


class Pretender:
    """Blocks and pins in memory behind an RPC of HTTP. `script` puts other answers in front of an endpoint's own."""

    def __init__(self) -> None:
        self.blocks: dict[Cid, bytes] = {}
        self.pins: set[Cid] = set()
        self.configuration = private_configuration()
        self.script: dict[str, Callable[[list[str]], Answer]] = {}
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"/ip4/127.0.0.1/tcp/{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def member(self, name: str = "ill", sleep: Callable[[float], None] = lambda _: None) -> KuboMember:
        """A connection to it that tries three times."""
        settings = MemberSettings(name, self.address)
        return KuboMember(settings, SwarmSettings((settings,), None, 1.0, 0.3, 3), sleep)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, query: dict[str, list[str]], body: bytes) -> Answer:
        name, arguments = path.removeprefix("/api/v0/"), query.get("arg", [])
        self.asked.append(name)
        if name in self.script:
            return self.script[name](arguments)
        return getattr(self, "_" + name.replace("/", "_"))([parse_cid(text) for text in arguments], body)

    def _dag_import(self, _arguments: list[Cid], body: bytes) -> Answer:
        start = body.index(b"\r\n\r\n") + 4
        found = dict(read_car(io.BytesIO(body[start : body.rindex(b"\r\n--")])))
        self.blocks |= found
        return 200, b""

    def _pin_add(self, arguments: list[Cid], _body: bytes) -> Answer:
        for cid in arguments:
            if cid not in self.blocks:
                return self._not_found(cid)
        self.pins |= set(arguments)
        return lines({"Pins": [cid_text(cid) for cid in arguments]})

    def _block_get(self, arguments: list[Cid], _body: bytes) -> Answer:
        block = self.blocks.get(arguments[0])
        return self._not_found(arguments[0]) if block is None else (200, block)

    def _block_stat(self, arguments: list[Cid], _body: bytes) -> Answer:
        here = arguments[0] in self.blocks
        return lines({"Key": cid_text(arguments[0])}) if here else self._not_found(arguments[0])

    def _block_rm(self, arguments: list[Cid], _body: bytes) -> Answer:
        items = []
        for cid in arguments:
            here = self.blocks.pop(cid, None) is not None
            items.append(
                {"Hash": cid_text(cid)} if here else {"Hash": cid_text(cid), "Error": "ipld: could not find it"}
            )
        return lines(*items)

    def _pin_rm(self, arguments: list[Cid], _body: bytes) -> Answer:
        for cid in arguments:
            if cid not in self.pins:
                return trouble("not pinned or pinned indirectly")
            self.pins.remove(cid)
        return lines({"Pins": [cid_text(cid) for cid in arguments]})

    def _refs_local(self, _arguments: list[Cid], _body: bytes) -> Answer:
        return lines(*({"Ref": cid_text(cid), "Err": ""} for cid in self.blocks))

    def _repo_gc(self, _arguments: list[Cid], _body: bytes) -> Answer:
        gone = set(self.blocks) - self.pins
        self.blocks = {cid: block for cid, block in self.blocks.items() if cid in self.pins}
        return lines(*({"Key": {"/": cid_text(cid)}} for cid in gone))

    def _config_show(self, _arguments: list[Cid], _body: bytes) -> Answer:
        return lines(self.configuration)

    def _version(self, _arguments: list[Cid], _body: bytes) -> Answer:
        return lines({"Version": "0.39.0"})

    def _repo_stat(self, _arguments: list[Cid], _body: bytes) -> Answer:
        return lines({"NumObjects": len(self.blocks), "RepoSize": sum(map(len, self.blocks.values()))})

    def _swarm_peers(self, _arguments: list[Cid], _body: bytes) -> Answer:
        return lines({"Peers": None})

    @staticmethod
    def _not_found(cid: Cid) -> Answer:
        return trouble(f"block was not found locally (offline): ipld: could not find {cid_text(cid)}")

    def _handler(pretender) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                status, answer = pretender.answer(parts.path, parse_qs(parts.query), self._body())
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
