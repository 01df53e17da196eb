"""The fixtures that web3.py's own module tests ask for: a real node for each file, the key in the client.

Cases named in `misses.txt` must fail: one of them that passes, or any other that fails, fails the run.
"""

import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from web3 import AsyncHTTPProvider, AsyncWeb3, HTTPProvider, Web3, WebSocketProvider
from web3._utils.module_testing.utils import RequestMocker

from tests.clients.support import MEMBER, PATIENCE, Running, running_node
from tests.clients.web3.misses import known
from tests.clients.web3.stage import CHAIN_ID, INTERVAL, Stage, equip, set_up

EARLY = re.compile("unmined|replace|modify|not_found")
"""Cases that look at a transaction before its block: they begin just after one."""
CALM = re.compile("authorization|strategy")
"""Cases that count on a miner at once and take the nonce after the mined ones: nothing of before may wait."""
DEEP = re.compile("batch")
"""Cases that ask for blocks by small numbers."""
DEPTH = 7
once = pytest.fixture(scope="module")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before pytest-xdist writes groups into the names."""
    reasons = known()
    for item in items:
        name = item.nodeid.partition("tests/clients/web3/")[2]
        if name in reasons:
            item.add_marker(pytest.mark.xfail(reason=reasons[name], strict=True))


@once
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_node(tmp_path_factory.mktemp("web3"), CHAIN_ID, INTERVAL) as node:
        yield node


@once
def stage(running: Running) -> Stage:
    return set_up(running)


@once
def w3(running: Running) -> Any:
    return equip(Web3(HTTPProvider(running.url, request_kwargs={"timeout": 10})))


@pytest_asyncio.fixture
async def async_http(running: Running, stage: Stage) -> AsyncIterator[Any]:
    web3 = equip(AsyncWeb3(AsyncHTTPProvider(running.url)))
    yield web3
    await web3.provider.disconnect()


@pytest_asyncio.fixture
async def async_socket(running: Running, stage: Stage) -> AsyncIterator[Any]:
    async with AsyncWeb3(WebSocketProvider(running.socket)) as web3:
        yield equip(web3)


@pytest.fixture(autouse=True)
def moment(request: pytest.FixtureRequest, w3: Any, stage: Stage) -> None:
    """Begin when the chain is where the case needs it."""
    if DEEP.search(request.node.name):
        _until(lambda: w3.eth.block_number >= DEPTH)
    if EARLY.search(request.node.name):
        before = w3.eth.block_number
        _until(lambda: w3.eth.block_number > before)
    if CALM.search(request.node.name):
        count = w3.eth.get_transaction_count
        _until(lambda: count(MEMBER.address, "pending") == count(MEMBER.address, "latest"))


def _until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def request_mocker() -> type[RequestMocker]:
    return RequestMocker


@once
def math_contract(w3: Any, stage: Stage) -> Any:
    return stage.contract(w3, "math")


@once
def emitter_contract(w3: Any, stage: Stage) -> Any:
    return stage.contract(w3, "emitter")


@once
def revert_contract(w3: Any, stage: Stage) -> Any:
    return stage.contract(w3, "revert")


@once
def offchain_lookup_contract(w3: Any, stage: Stage) -> Any:
    return stage.contract(w3, "offchain_lookup")


@once
def panic_errors_contract(w3: Any, stage: Stage) -> Any:
    return stage.contract(w3, "panic_errors")


@once
def storage_contract(w3: Any, stage: Stage) -> Any:
    return stage.contract(w3, "storage")


@pytest.fixture
def async_math_contract(async_w3: Any, stage: Stage) -> Any:
    return stage.contract(async_w3, "math")


@pytest.fixture
def async_emitter_contract(async_w3: Any, stage: Stage) -> Any:
    return stage.contract(async_w3, "emitter")


@pytest.fixture
def async_revert_contract(async_w3: Any, stage: Stage) -> Any:
    return stage.contract(async_w3, "revert")


@pytest.fixture
def async_offchain_lookup_contract(async_w3: Any, stage: Stage) -> Any:
    return stage.contract(async_w3, "offchain_lookup")


@pytest.fixture
def async_panic_errors_contract(async_w3: Any, stage: Stage) -> Any:
    return stage.contract(async_w3, "panic_errors")


@pytest.fixture
def async_storage_contract(async_w3: Any, stage: Stage) -> Any:
    return stage.contract(async_w3, "storage")


@once
def math_contract_deploy_txn_hash(stage: Stage) -> Any:
    return stage.math_creation


@once
def mined_txn_hash(stage: Stage) -> Any:
    return stage.plain


@once
def txn_hash_with_log(stage: Stage) -> Any:
    return stage.with_log


@once
def block_with_txn(w3: Any, stage: Stage) -> Any:
    return w3.eth.get_block(w3.eth.get_transaction(stage.plain)["blockNumber"])


@once
def block_with_txn_with_log(w3: Any, stage: Stage) -> Any:
    return w3.eth.get_block(w3.eth.get_transaction(stage.with_log)["blockNumber"])


@once
def empty_block(w3: Any) -> Any:
    return w3.eth.get_block(0)


@once
def async_block_with_txn(block_with_txn: Any) -> Any:
    return block_with_txn


@once
def async_block_with_txn_with_log(block_with_txn_with_log: Any) -> Any:
    return block_with_txn_with_log


@once
def async_empty_block(empty_block: Any) -> Any:
    return empty_block


@once
def keyfile_account_pkey() -> str:
    return MEMBER.key.to_0x_hex()


@once
def keyfile_account_address() -> str:
    return MEMBER.address


@once
def async_keyfile_account_address() -> str:
    return MEMBER.address


@once
def keyfile_account_address_dual_type(form: Any) -> str:
    """Every case twice, as web3.py itself runs them."""
    return MEMBER.address


@once
def async_keyfile_account_address_dual_type() -> str:
    return MEMBER.address


@pytest.fixture(params=["str", "bytes"], scope="module")
def form(request: pytest.FixtureRequest) -> Any:
    return str if request.param == "str" else lambda address: bytes.fromhex(address[2:])


@once
def math_contract_address(form: Any, stage: Stage) -> Any:
    return form(stage.addresses["math"])


@once
def emitter_contract_address(form: Any, stage: Stage) -> Any:
    return form(stage.addresses["emitter"])


@once
def async_math_contract_address(form: Any, stage: Stage) -> Any:
    return form(stage.addresses["math"])


@once
def async_emitter_contract_address(form: Any, stage: Stage) -> Any:
    return form(stage.addresses["emitter"])


@once
def skip_if_testrpc() -> Any:
    return lambda _: None


@once
def async_skip_if_testrpc() -> Any:
    return lambda _: None
