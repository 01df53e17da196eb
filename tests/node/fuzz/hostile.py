"""What is meant to hurt: code that never ends, transactions bent in their bytes, bodies that lie about themselves."""

import contextlib
import gzip
import json
import socket
import time
from random import Random
from typing import Any
from urllib.parse import urlsplit

import rlp

from tests.node.scenes import assembled
from tests.node.support import FOUNDER, SECOND, STRANGER, sign

_MODEXP = "1024 0 MSTORE 1024 32 MSTORE 1024 64 MSTORE 0xff 96 MSTORE8 0xff 1121 MSTORE8 0xff 3167 MSTORE8"
HEAVY = {
    "loop": "JUMPDEST 0 JUMP",
    "memory": "JUMPDEST 1 0x0fffff MSTORE 0 JUMP",
    "huge memory": "1 0xffffffffffffffff MSTORE",
    "deep calls": "32 0 0 0 0 ADDRESS GAS CALL",
    "hashes": "JUMPDEST 100000 0 SHA3 POP 0 JUMP",
    "modexp": f"JUMPDEST {_MODEXP} 1024 3200 3168 0 5 GAS STATICCALL POP 0 JUMP",
    "creations": "JUMPDEST 0 0 0 CREATE POP 0 JUMP",
    "logs": "JUMPDEST 100000 0 LOG0 0 JUMP",
    "slots": "JUMPDEST 1 GAS SSTORE 0 JUMP",
    "accounts": "JUMPDEST GAS BALANCE POP GAS EXTCODESIZE POP 0 JUMP",
    "returns much": "1000000 0 RETURN",
    "reverts much": "1000000 0 REVERT",
    "closed": "0 0 1000 0 8 GAS STATICCALL 0 0 1000 0 9 GAS STATICCALL",
    "copies": "JUMPDEST 100000 0 0 CODECOPY 100000 0 0 =5e 0 JUMP",
    "pushes": "JUMPDEST 1 0 JUMP",
}


def heavy_request(random: Random) -> dict[str, Any]:
    """A call, estimate, trace or simulation of code that takes what it can, at a pretended account."""
    code = "0x" + (assembled(random.choice(list(HEAVY.values()))) + random.randbytes(random.choice((0, 0, 3)))).hex()
    place = "0x" + "c0" * 20
    call = {"to": place} | ({"gas": hex(random.choice((100_000, 10**7, 2**63)))} if random.random() < 0.7 else {})
    pretended = {place: {"code": code}}
    forms: list[tuple[str, list[Any]]] = [
        ("eth_call", [call, "latest", pretended]),
        ("eth_call", [{"data": code[: 2 * 49_000]}, "latest"]),
        ("eth_estimateGas", [call, "latest", pretended]),
        ("eth_createAccessList", [{"data": code}, "latest"]),
        ("debug_traceCall", [call, "latest", {"stateOverrides": pretended, "enableMemory": random.random() < 0.5}]),
        ("debug_traceCall", [call, "latest", {"stateOverrides": pretended, "tracer": "callTracer"}]),
        ("debug_traceCall", [call, "latest", {"stateOverrides": pretended, "tracer": "prestateTracer"}]),
        ("eth_simulateV1", [{"blockStateCalls": [{"stateOverrides": pretended, "calls": [call] * 3}] * 2}, "latest"]),
        ("eth_simulateV1", [{"blockStateCalls": [{"blockOverrides": {"number": hex(2**62)}}]}, "latest"]),
    ]
    name, params = random.choice(forms)
    return {"jsonrpc": "2.0", "id": 1, "method": name, "params": params}


def hostile_transaction(random: Random, nonce: int) -> bytes:
    """A transaction, signed well and then bent in its bytes or fields, or signed badly from the start."""
    who = random.choice((FOUNDER, SECOND, STRANGER))
    fields: dict[str, Any] = {"gas": random.choice((0, 21_000, 30_000_000, 2**63)), "data": random.randbytes(20)}
    raw = sign(who, random.choice((nonce, 0, 2**63)), **fields, type=random.choice((0, 1, 2)), value=0)
    kind = random.randrange(4)
    if kind == 0:
        at = random.randrange(len(raw))
        return raw[:at] + random.randbytes(1) + raw[at + 1 :]
    if kind == 1:
        return raw[: random.randrange(len(raw))]
    head, body = (raw[:1], raw[1:]) if raw[0] < 0xC0 else (b"", raw)
    items = list(rlp.decode(body))
    at = random.randrange(len(items))
    items[at] = random.choice([b"", b"\x00", b"\xff" * 33, b"\x00" * 100, [], [[b"\x01"]], [b""] * 300])
    return head + bytes(rlp.encode(items)) + (b"\x00" if kind == 3 else b"")


def bomb(url: str, random: Random) -> bytes:
    """A small body that says it is large once unpacked. Returns the first line of the answer."""
    packed = gzip.compress(b'{"jsonrpc":"2.0","id":1,"method":"web3_sha3","params":["0x' + b"00" * 30_000_000, 1)
    head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
    return spoken(url, head.encode() + f"Content-Length: {len(packed)}\r\n\r\n".encode() + packed)


def lie(url: str, random: Random) -> bytes:
    """A request line, a header or a length that is wrong."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    wrong = random.choice(
        (
            head + b"Content-Length: 99999999999999999999\r\n\r\n" + body,
            head + b"Content-Length: -5\r\n\r\n" + body,
            head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + body,
            head + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + body,
            head + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            random.randbytes(500) + b"\r\n\r\n",
            b"POST " + b"/a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        )
    )
    return spoken(url, wrong)


def spoken(url: str, raw: bytes) -> bytes:
    """Say it, and hear the first line of the answer, if any."""
    parts = urlsplit(url)
    with contextlib.suppress(OSError), socket.create_connection((parts.hostname, parts.port), timeout=5) as wire:
        wire.sendall(raw)
        wire.settimeout(3)
        return wire.recv(4_096).split(b"\r\n")[0]
    return b""


class Sleepers:
    """Connections that began to speak and do not go on; at most `most` at a time."""

    def __init__(self, url: str, most: int = 60) -> None:
        self._parts, self._most = urlsplit(url), most
        self._open: list[socket.socket] = []

    def add(self, random: Random) -> None:
        """One more; the oldest is forgotten without a word."""
        with contextlib.suppress(OSError):
            wire = socket.create_connection((self._parts.hostname, self._parts.port), timeout=2)
            head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n[1"
            wire.sendall(head[: random.randrange(1, len(head))])
            self._open.append(wire)
        if len(self._open) > self._most:
            self._open.pop(0).close()

    def drip(self) -> None:
        """Each says one more byte."""
        for wire in self._open:
            with contextlib.suppress(OSError):
                wire.send(b" ")
        time.sleep(0.01)

    def close(self) -> None:
        for wire in self._open:
            wire.close()
