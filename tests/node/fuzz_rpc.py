"""Ten minutes of random and hostile requests: `python -m tests.node.fuzz_rpc --seconds 600 --seed 1`.

Starts a node in its own process, keeps it making blocks, and sends it what nobody should send. Ends with a table and
exit code 1 if anything was found: the node died or fell silent, made no block, answered with an internal error, or
wrote a traceback. A request that made it answer so is cut down to the least that still does.
"""

import argparse
import contextlib
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from threading import Lock, Thread
from typing import Any

import requests
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.node.fuzz.grammar import NAMES, SUBSCRIBING, Grammar
from tests.node.fuzz.hostile import Sleepers, bomb, heavy_request, hostile_transaction, lie
from tests.node.fuzz.world import Watch, World

INTERNAL = -32603
CLIENTS = 4
TIMEOUT = 60.0
MEMORY_MIB = 1_500
"""What the node with its workers may take at most."""


class Fuzzer:
    """Sends; counts what came back. One for all threads."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._seed = world, seed
        self._lock = Lock()
        self.sent, self.codes, self.methods = Counter[str](), Counter[str](), Counter[str]()
        self.findings: dict[str, str] = {}

    def run(self, until: float) -> None:
        """All clients until the time is up."""
        threads = [Thread(target=self._client, args=(number, until), daemon=True) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(until - time.monotonic() + 2 * TIMEOUT)
            if thread.is_alive():
                self._found("a client waits for ever", "")

    def _client(self, number: int, until: float) -> None:
        random = Random(self._seed * 1_000 + number)
        grammar = Grammar(random, self._world.addresses, self._world.hashes)
        session, sleepers = requests.Session(), Sleepers(self._world.url)
        ways: list[tuple[int, str, Callable[[], None]]] = [
            (60, "requests", lambda: self._post(session, grammar, [grammar.request()])),
            (8, "batches", lambda: self._post(session, grammar, _batch(random, grammar))),
            (6, "torn bodies", lambda: self._raw(session, random.randbytes(random.randrange(2_000)))),
            (
                6,
                "deep bodies",
                lambda: self._raw(session, random.choice((b"[", b'{"a":')) * random.choice((10, 10**5))),
            ),
            (8, "heavy calls", lambda: self._post(session, grammar, [heavy_request(random)], tear=False)),
            (12, "transactions", lambda: self._transaction(session, random)),
            (4, "sockets", lambda: self._socket(random, grammar)),
            (4, "lies", lambda: self._line(lie(self._world.url, random))),
            (1, "bombs", lambda: self._line(bomb(self._world.url, random))),
            (3, "sleepers", lambda: sleepers.add(random)),
            (3, "drips", sleepers.drip),
        ]
        weights = [weight for weight, _, _ in ways]
        while time.monotonic() < until and self._world.process.poll() is None:
            _, name, way = random.choices(ways, weights)[0]
            try:
                way()
            except requests.RequestException as error:
                with self._lock:
                    self.codes[f"no answer: {type(error).__name__}"] += 1
                session = requests.Session()
            with self._lock:
                self.sent[name] += 1
        sleepers.close()

    def _post(self, session: requests.Session, grammar: Grammar, items: list[Any], tear: bool = True) -> None:
        value = items[0] if len(items) == 1 else items
        with self._lock:
            self.methods.update(item["method"] for item in items if isinstance(item, dict) and "method" in item
                                and item["method"] in NAMES)  # fmt: skip
        self._raw(session, grammar.text(value) if tear else json.dumps(value).encode())

    def _transaction(self, session: requests.Session, random: Random) -> None:
        raw = hostile_transaction(random, self._world.nonce)
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": ["0x" + raw.hex()]}
        self._raw(session, json.dumps(request).encode())

    def _raw(self, session: requests.Session, body: bytes) -> None:
        if self.is_bad(self._asked(session, body)):
            self._found("internal error", reduced(body, lambda b: self.is_bad(self._asked(session, b))))

    def _asked(self, session: requests.Session, body: bytes) -> tuple[int, bytes]:
        answer = session.post(self._world.url, data=body, headers={"Content-Type": "application/json"}, timeout=TIMEOUT)
        return answer.status_code, answer.content

    def is_bad(self, answer: tuple[int, bytes]) -> bool:
        """Is this an answer that no request may get?"""
        status, content = answer
        if status >= 500 and status != 503:
            return True
        if status != 200 or not content:
            self._count(f"HTTP {status}")
            return False
        replies = json.loads(content)
        codes = [
            reply.get("error", {}).get("code", "ok") for reply in (replies if isinstance(replies, list) else [replies])
        ]
        for code in codes:
            self._count(str(code))
        return INTERNAL in codes

    def _line(self, line: bytes) -> None:
        self._count(line.decode(errors="replace")[:20] or "closed")
        if b" 500 " in line:
            self._found("HTTP 500", "a lie or a bomb")

    def _socket(self, random: Random, grammar: Grammar) -> None:
        """A session: requests, subscriptions, nonsense; sometimes it is left without a word."""
        url = self._world.url.replace("http", "ws", 1)
        with contextlib.suppress(WebSocketException, OSError, TimeoutError):
            socket = connect(url, open_timeout=10, close_timeout=1, max_size=None)
            for _ in range(random.randrange(1, 40)):
                body = grammar.text(grammar.request())
                if random.random() < 0.3:
                    name, params = random.choice(SUBSCRIBING), [random.choice(("newHeads", "logs", "x"))]
                    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": name, "params": params}).encode()
                socket.send(body if random.random() < 0.2 else body.decode(errors="replace"))
                if random.random() < 0.5:
                    answer = socket.recv(timeout=TIMEOUT)
                    if str(INTERNAL) in str(answer):
                        self._found("internal error", body[:2_000].decode(errors="replace"))
            if random.random() < 0.7:
                socket.close()
            else:
                socket.socket.close()

    def _count(self, what: str) -> None:
        with self._lock:
            self.codes[what] += 1

    def _found(self, what: str, how: str) -> None:
        with self._lock:
            self.findings.setdefault(f"{what}: {how[:100]}", how)


def _batch(random: Random, grammar: Grammar) -> list[Any]:
    if random.random() < 0.1:
        return [grammar.request()] * random.choice((1_000, 1_001))
    return [grammar.request() for _ in range(random.randrange(2, 20))]


def reduced(body: bytes, bad: Callable[[bytes], bool], tries: int = 60) -> str:
    """The least of a request that is still bad: items of lists and fields of tables are left out one by one."""
    try:
        best = json.loads(body)
    except ValueError:
        return body[:2_000].decode(errors="replace")
    left, going = tries, True
    while going and left > 0:
        going = False
        for smaller in _smaller(best):
            left -= 1
            if left <= 0:
                break
            try:
                if bad(json.dumps(smaller).encode()):
                    best, going = smaller, True
                    break
            except requests.RequestException:
                continue
    return json.dumps(best)[:4_000]


def _smaller(value: Any) -> list[Any]:
    """Every value with one part less, or with one part smaller."""
    found: list[Any] = []
    if isinstance(value, list):
        found += [[*value[:at], *value[at + 1 :]] for at in range(min(len(value), 50))]
        found += [
            [*value[:at], less, *value[at + 1 :]] for at in range(min(len(value), 50)) for less in _smaller(value[at])
        ]
    elif isinstance(value, dict):
        found += [{key: item for key, item in value.items() if key != gone} for gone in value if gone != "method"]
        found += [value | {key: less} for key, item in value.items() for less in _smaller(item)]
    elif isinstance(value, str) and len(value) > 100:
        found.append(value[: len(value) // 2])
    return found


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        world = World(Path(folder))
        watch, fuzzer = Watch(world), Fuzzer(world, chosen.seed)
        fuzzer.run(time.monotonic() + chosen.seconds)
        watch.stop()
        findings = [*watch.findings, *(f"{name.split(':')[0]}: {how}" for name, how in fuzzer.findings.items())]
        peak = max(total for _, total in watch.memory)
        if peak > MEMORY_MIB:
            findings.append(f"{peak} MiB of memory, more than {MEMORY_MIB}")
        complaints, noise = world.complaints()
        findings += [f"in the log: {line}" for line in complaints[:20]]
        ended = world.stop()
        if ended != 0:
            findings.append(f"stopped with code {ended}")
        _report(chosen, fuzzer, watch, findings, noise)
        if findings:
            kept = Path(tempfile.gettempdir()) / f"fuzz-{chosen.seed}.log"
            kept.write_bytes(world.log.read_bytes()[-5_000_000:])
            _say(f"the node's log is kept in {kept}")
    return 1 if findings else 0


def _report(chosen: argparse.Namespace, fuzzer: Fuzzer, watch: Watch, findings: list[str], noise: int) -> None:
    first, last = watch.memory[0], watch.memory[-1]
    peak = (max(own for own, _ in watch.memory), max(total for _, total in watch.memory))
    rows = [
        ("seed, seconds", f"{chosen.seed}, {chosen.seconds:g}"),
        ("sent", ", ".join(f"{name} {count}" for name, count in fuzzer.sent.most_common())),
        ("methods reached", f"{len(fuzzer.methods)} of {len(NAMES)}"),
        ("answers", ", ".join(f"{name} {count}" for name, count in fuzzer.codes.most_common(24))),
        ("blocks meanwhile", str(watch.blocks)),
        ("slowest look at it", f"{watch.slowest:.2f} s"),
        (
            "MiB at start, peak, end",
            f"node {first[0]}, {peak[0]}, {last[0]}; with workers {first[1]}, {peak[1]}, {last[1]}",
        ),
        ("bad HTTP in the log", f"{noise} tracebacks of the library"),
        ("findings", str(len(findings))),
    ]
    for name, value in rows:
        _say(f"{name:24} {value}")
    for finding in findings:
        _say(f"  ! {finding}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
