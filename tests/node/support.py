"""Chains for the node's tests: compiled contracts, accounts by role, applications and servers on a directory."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import requests
from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak

from node.addresses import checksummed
from node.application import Application
from node.config import Config, Sealing
from node.errors import NodeError, TransactionRefused
from node.evm import PyEvm
from node.genesis import Genesis
from node.proposals import Block, Proposal, Slot
from node.server import Server
from node.store import Store

HERE = Path(__file__).parent
START = 1_700_000_000
MIB = 1024 * 1024
NOBODY = "0x" + "22" * 20


@cache
def compiled(name: str) -> dict[str, Any]:
    """abi and bytecode of one of the test contracts."""
    from vyper.compiler import compile_code

    source = (HERE / f"{name}.vy").read_text()
    output: dict[str, Any] = compile_code(source, output_formats=["abi", "bytecode"])
    return output


@cache
def compiled_product(name: str) -> bytes:
    """Initcode of one of the product's own contracts."""
    from vyper.compiler import compile_from_file_input
    from vyper.compiler.input_bundle import FilesystemInputBundle

    bundle = FilesystemInputBundle([HERE.parents[1] / "contracts"])
    output = compile_from_file_input(bundle.load_file(Path(f"{name}.vy")), bundle, output_formats=["bytecode"])
    return bytes.fromhex(output["bytecode"][2:])


def creation(name: str, types: tuple[str, ...] = (), arguments: tuple[object, ...] = ()) -> bytes:
    """Initcode with its constructor arguments."""
    return bytes.fromhex(compiled(name)["bytecode"][2:]) + encode(types, arguments)


def call_data(signature: str, *arguments: object) -> bytes:
    """Selector and arguments of `name(type,...)`."""
    types = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
    return keccak(signature.encode())[:4] + encode(types, arguments)


def account(role: str) -> LocalAccount:
    """The account of a role; the same in every test."""
    made: LocalAccount = Account.from_key(keccak(f"test account of {role}".encode()))
    return made


def raw(who: LocalAccount) -> bytes:
    """The 20 bytes of an account's address."""
    return bytes.fromhex(who.address[2:])


def sign(who: LocalAccount, nonce: int, to: str | bytes | None = NOBODY, **fields: Any) -> bytes:
    """A signed transaction of type 2 with zero fees, unless `fields` say otherwise."""
    form: dict[str, Any] = {
        "type": 2, "chainId": 20_210_310, "nonce": nonce, "gas": 21_000, "value": 0, "data": b"",
        "maxFeePerGas": 0, "maxPriorityFeePerGas": 0,
    }  # fmt: skip
    form |= fields
    if form["type"] < 2:
        del form["maxFeePerGas"], form["maxPriorityFeePerGas"]
        form = {"gasPrice": 0} | form
    if form["type"] == 0:
        del form["type"]
    if to is not None:
        form["to"] = checksummed(bytes.fromhex(to[2:]) if isinstance(to, str) else to)
    return bytes(who.sign_transaction(form).raw_transaction)


def grant_code(who: LocalAccount, code: bytes, nonce: int) -> Any:
    """EIP-7702: `who` lets the code at an address act for it."""
    form: Any = {"chainId": 20_210_310, "address": code, "nonce": nonce}
    return who.sign_authorization(form)


FOUNDER, SECOND, STRANGER = account("founder"), account("second founder"), account("stranger")


def genesis(alloc: dict[bytes, int] | None = None, gas_limit: int = 30_000_000) -> Genesis:
    """A chain of two founders."""
    return Genesis((raw(FOUNDER), raw(SECOND)), START, gas_limit=gas_limit, alloc=alloc or {})


def council_creation(nonce: int = 0) -> bytes:
    """The founder's transaction that creates the mini council, owned by the founder."""
    data = creation("council", ("address",), (FOUNDER.address,))
    return sign(FOUNDER, nonce, None, data=data, gas=2_000_000)


@dataclass
class Chain:
    """An application on its own store, with a block at a time."""

    application: Application
    store: Store

    def seal(self, *transactions: bytes, time: int | None = None) -> Block:
        """Prepare, judge, finalize and commit a block; the first refusal is raised."""
        slot = Slot(self.application.head.number + 1, time or self.application.head.time + 1)
        prepared = self.application.prepare_proposal(slot, transactions)
        if prepared.refused:
            raise prepared.refused[0][1]
        assert self.application.process_proposal(prepared.proposal).accepted
        self.application.finalize_block(prepared.proposal)
        return self.application.commit()

    def next(self, *transactions: bytes) -> Proposal:
        """A proposal of exactly these transactions, as another member could send it."""
        return Proposal(Slot(self.application.head.number + 1, self.application.head.time + 1), transactions)

    def refusal(self, transaction: bytes) -> str:
        """The code with which `check_tx` refuses; empty when it does not."""
        refusal = self.application.check_tx(transaction).refusal
        return "" if refusal is None else refusal.code

    def proposal_refusal(self, transaction: bytes) -> str:
        """The code with which a block refuses; empty when it does not."""
        try:
            self.seal(transaction)
        except TransactionRefused as refusal:
            return refusal.code
        return ""


@contextmanager
def chain(folder: Path, born: Genesis | None = None) -> Iterator[Chain]:
    """A chain with block 0, on a store in `folder`."""
    store = Store(folder, 64 * MIB)
    try:
        application = Application(born or genesis(), store, PyEvm())
        if application.info().height < 0:
            application.init_chain()
            application.commit()
        yield Chain(application, store)
    finally:
        store.close()


class Client:
    """Posts JSON to a node."""

    def __init__(self, url: str) -> None:
        self.url, self._session = url, requests.Session()

    def post(self, body: object) -> Any:
        return self._session.post(self.url, json=body, timeout=30).json()

    def answer(self, method: str, *params: object) -> Any:
        return self.post({"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)})

    def ask(self, method: str, *params: object) -> Any:
        reply = self.answer(method, *params)
        assert "error" not in reply, reply
        return reply["result"]

    def error(self, method: str, *params: object) -> dict[str, Any]:
        reply = self.answer(method, *params)
        assert "result" not in reply, reply
        error: dict[str, Any] = reply["error"]
        return error

    def mined(self, transaction: bytes) -> dict[str, Any]:
        """The receipt of a transaction sent now."""
        digest = self.ask("eth_sendRawTransaction", "0x" + transaction.hex())
        for _ in range(200):
            receipt: dict[str, Any] | None = self.ask("eth_getTransactionReceipt", digest)
            if receipt is not None:
                return receipt
            time.sleep(0.05)
        raise AssertionError("never mined")


@contextmanager
def serving(folder: Path, born: Genesis | None = None, **settings: Any) -> Iterator[Server]:
    """A real server in a thread, on a free port; `clock` among the settings is what it goes by."""
    settings.setdefault("sealing", Sealing(heartbeat=1.0))
    clock = settings.pop("clock", None)
    config = Config(http="127.0.0.1:0", **settings)
    ready, failed = threading.Event(), list[Exception]()
    servers: list[tuple[Server, asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        server = Server(folder, config, born or genesis(), clock)
        servers.append((server, asyncio.get_running_loop()))
        await server.run(lambda _: ready.set())

    def target() -> None:
        try:
            asyncio.run(main())
        except (NodeError, OSError, RuntimeError) as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=target)
    thread.start()
    ready.wait(30)
    try:
        if failed:
            raise failed[0]
        yield servers[0][0]
    finally:
        if servers:
            servers[0][1].call_soon_threadsafe(servers[0][0].stop)
        thread.join(30)
    if failed:
        raise failed[0]
