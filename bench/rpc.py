"""A client of the node that sends from many connections."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import aiohttp

CONNECTIONS = 16
POLL = 0.02


class Client:
    """JSON-RPC over kept connections; what the node refuses is an AssertionError."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http, self._url = http, url

    async def ask(self, method: str, *params: object) -> Any:
        """The result of one request."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self._http.post(self._url, json=request) as reply:
            body = await reply.json()
        assert "error" not in body, body
        return body["result"]

    async def send(self, raw: bytes) -> str:
        """Send a signed transaction; its hash."""
        return str(await self.ask("eth_sendRawTransaction", "0x" + raw.hex()))

    async def send_in_order(self, transactions: Sequence[bytes]) -> None:
        """Send one after the other and wait for the first, which makes the Council, and the last."""
        for at, raw in enumerate(transactions):
            digest = await self.send(raw)
            while at in (0, len(transactions) - 1) and await self._unknown(digest):
                await asyncio.sleep(POLL)

    async def _unknown(self, digest: str) -> bool:
        return await self.ask("eth_getTransactionReceipt", digest) is None

    async def send_all(self, queues: Sequence[Sequence[bytes]]) -> float:
        """Send the queues of many senders, each in its order, and wait until the last is in a block.

        Returns the seconds from the first request on. Only transactions with status 1 count; any other is an error.
        """
        first = int(await self.ask("eth_blockNumber"), 16) + 1
        begin = time.perf_counter()
        parts = await asyncio.gather(*(self._feed(queues[at::CONNECTIONS]) for at in range(CONNECTIONS)))
        missing, number = {digest for part in parts for digest in part}, first
        sent = set(missing)
        while missing:
            block = await self.ask("eth_getBlockByNumber", hex(number), False)
            if block is None:
                await asyncio.sleep(POLL)
                continue
            missing -= set(block["transactions"])
            number += 1
        taken = time.perf_counter() - begin
        await self._check(range(first, number), sent)
        return taken

    async def _feed(self, queues: Sequence[Sequence[bytes]]) -> list[str]:
        return [await self.send(raw) for row in zip(*queues, strict=True) for raw in row]

    async def _check(self, blocks: range, sent: set[str]) -> None:
        good = set()
        for number in blocks:
            receipts = await self.ask("eth_getBlockReceipts", hex(number))
            good |= {receipt["transactionHash"] for receipt in receipts if receipt["status"] == "0x1"}
        assert sent <= good, "transactions failed"
