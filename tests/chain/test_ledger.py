import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_hash.auto import keccak
from web3 import Web3

from chain import Anchorer, ChainError, Deployment, Ledger, writes
from chain.deployment import Deployed
from chain.errors import WriteReverted
from chain.ledger import Pending
from protocol.agreements import AgreementState
from protocol.errors import Refusal
from protocol.merkle import Tree
from protocol.quantities import Reference
from protocol.references import Kind
from protocol.rules import RuleSet
from protocol.typed_data import CONSENT_DOMAIN
from tests.support import DECISION_GAS, THRESHOLD, Consortium, account, address, members, send_raw


@pytest.fixture
def ledger(consortium: Consortium) -> Ledger:
    return consortium.ledger


@pytest.fixture
def deployment(consortium: Consortium) -> Deployment:
    return Deployment.load(consortium.file)


def references(label: str, count: int = 6) -> list[Reference]:
    return [Reference(keccak(f"{label} {number}".encode())) for number in range(count)]


def anchoring(label: str, count: int = 6, kind: Kind = Kind.READING) -> writes.Anchor:
    root = Tree.of(references(label)).root
    return writes.Anchor(int(kind), 20_000, writes.Word(root), count, writes.Word(RuleSet().hash()))


def unchecked(ledger: Ledger, write: writes.Write, sender: str) -> Pending:
    """Send a write that will fail, as somebody would who does not ask first."""
    contract = ledger.deployment.contracts[write.CONTRACT]
    encoded = ledger.web3.eth.contract(abi=contract.abi).encode_abi(write.FUNCTION, write.arguments())
    sent = send_raw(ledger.web3, account(sender), contract.address, encoded, DECISION_GAS)
    return Pending(bytes(sent), write)


def sent_by(ledger: Ledger, name: str) -> int:
    """How many transactions an account has sent, those that wait included."""
    return int(ledger.web3.eth.get_transaction_count(account(name).address, "pending"))


# anchoring


def test_an_anchored_batch_proves_its_leaves_and_no_others(ledger: Ledger) -> None:
    leaves = references("batch")
    tree = Tree.of(leaves)
    receipt = ledger.write(anchoring("batch"), account("ORACLE"))
    anchor = ledger.anchor_of(Kind.READING, tree.root)
    assert receipt["status"] == 1
    assert anchor > 0
    assert all(ledger.verify(anchor, leaf, tree.proof(leaf)) for leaf in leaves)
    assert not ledger.verify(anchor, references("other")[0], tree.proof(leaves[0]))
    assert not ledger.verify(anchor + 1_000, leaves[0], tree.proof(leaves[0]))
    assert ledger.anchor_of(Kind.READING, Tree.of(references("other")).root) == 0
    assert ledger.anchor_of(Kind.AUDIT, tree.root) == 0


def test_anchoring_again_after_a_crash_changes_nothing(ledger: Ledger) -> None:
    anchorer = Anchorer(ledger, {Kind.ERASURE: account("CUSTODIAN")}, RuleSet().hash())
    root = Tree.of(references("crash")).root
    assert anchorer.anchor_of(Kind.ERASURE, root) == 0
    first = anchorer.anchor(Kind.ERASURE, 20_001, root, 5)
    before = sent_by(ledger, "CUSTODIAN")
    assert anchorer.anchor(Kind.ERASURE, 20_001, root, 5) == first == anchorer.anchor_of(Kind.ERASURE, root) > 0
    assert sent_by(ledger, "CUSTODIAN") == before


def test_the_chain_refuses_what_the_rules_do_not_allow(ledger: Ledger) -> None:
    refused = {
        "registry: below floor": anchoring("below floor", 4),
        "registry: rules": replace(anchoring("rules"), rules=writes.Word(keccak(b"old rules"))),
        "governed: role missing": anchoring("hand", kind=Kind.ERASURE),
        "registry: kind": replace(anchoring("kind"), kind=9),
    }
    for reason, write in refused.items():
        with pytest.raises(WriteReverted, match=reason):
            ledger.write(write, account("ORACLE"))
        assert ledger.anchor_of(Kind.READING, write.root) == 0


def test_what_the_list_forbids_never_reaches_the_node(ledger: Ledger) -> None:
    before = sent_by(ledger, "ORACLE")
    with pytest.raises(Refusal, match="ONCHAIN_FIELD_FORBIDDEN"):
        ledger.write(replace(anchoring("text"), epoch="2026-11-22"), account("ORACLE"))  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="TYPE_UNKNOWN"):
        ledger.decide(object(), members(), keccak(b"salt"))  # type: ignore[arg-type]
    assert sent_by(ledger, "ORACLE") == before


def test_a_write_that_fails_in_its_block_says_why(ledger: Ledger) -> None:
    with pytest.raises(WriteReverted, match="registry: below floor"):
        ledger.wait(unchecked(ledger, anchoring("late", 4), "ORACLE"))


def test_a_write_overtaken_in_its_own_block_says_why(ledger: Ledger) -> None:
    both = [unchecked(ledger, anchoring("twice"), "ORACLE") for _ in range(2)]
    assert ledger.wait(both[0])["status"] == 1
    with pytest.raises(WriteReverted, match="registry: root"):
        ledger.wait(both[1])


def test_a_failure_that_cannot_be_repeated_is_still_one(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little gas in its block; the repetition is made to pass."""
    write = anchoring("gas")
    contract = ledger.deployment.contracts[write.CONTRACT]
    encoded = ledger.web3.eth.contract(abi=contract.abi).encode_abi(write.FUNCTION, write.arguments())
    sent = send_raw(ledger.web3, account("ORACLE"), contract.address, encoded, 60_000)
    monkeypatch.setattr(ledger.web3.eth, "call", lambda *_: b"")
    with pytest.raises(WriteReverted, match="passes now"):
        ledger.wait(Pending(bytes(sent), write))


# decisions


def test_the_council_decides_what_members_carry(ledger: Ledger) -> None:
    role = writes.SetRole(writes.Word(keccak(b"INSPECTOR")), address("second inspector"), True)
    ledger.decide(role, members()[:THRESHOLD], keccak(b"second inspector"))
    ledger.write(anchoring("dossier", 1, Kind.DOSSIER), account("second inspector"))
    assert ledger.anchor_of(Kind.DOSSIER, anchoring("dossier").root) > 0


def test_one_member_decides_nothing(ledger: Ledger) -> None:
    role = writes.SetRole(writes.Word(keccak(b"ORACLE")), address("friend"), True)
    with pytest.raises(WriteReverted, match="council: not ready"):
        ledger.decide(role, members()[:1], keccak(b"alone"))
    with pytest.raises(ChainError):
        ledger.write(anchoring("friend"), account("friend"))


# reading


def test_a_series_is_read_as_it_was_opened(ledger: Ledger) -> None:
    modulus = b"\x80" + bytes(254) + b"\x01"
    decision = writes.OpenSeries(202401007, writes.RsaValue(modulus), 100, 7)
    ledger.decide(decision, members()[:THRESHOLD], keccak(b"series"))
    series = ledger.series(202401007)
    assert (series.number, series.modulus, series.denomination) == (202401007, modulus, 7)
    assert (series.chain_id, series.contract) == (20210310, ledger.deployment.address_of("VoucherMint"))
    assert ledger.redeemed(202401007) == 0
    assert not ledger.is_spent(202401007, bytes(32))
    with pytest.raises(ChainError, match="SERIES_UNKNOWN"):
        ledger.series(190001005)


def test_the_ledger_knows_its_chain(ledger: Ledger) -> None:
    assert ledger.rules() == RuleSet().hash() == ledger.deployment.rules
    assert ledger.domain.name == CONSENT_DOMAIN
    assert ledger.domain.contract == ledger.deployment.address_of("ConsentRegistry")
    assert ledger.state_of(keccak(b"no agreement")) is AgreementState.NONE
    assert ledger.balance_of(address("nobody")) == 0 <= ledger.total_supply()
    block = ledger.web3.eth.get_block(ledger.height())
    assert block["timestamp"] <= ledger.time()


# what goes wrong on the way


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_silent_node_is_named(deployment: Deployment, closed_port: int) -> None:
    with pytest.raises(ChainError, match="NODE_UNREACHABLE"):
        Ledger(f"http://127.0.0.1:{closed_port}", deployment)


def test_another_chain_is_refused(consortium: Consortium, deployment: Deployment) -> None:
    with pytest.raises(ChainError, match="CHAIN_MISMATCH: the node serves chain 20210310, not 1 "):
        Ledger(consortium.url, replace(deployment, chain_id=1))


def test_a_deployment_of_another_chain_is_refused(consortium: Consortium, deployment: Deployment) -> None:
    elsewhere = {name: Deployed(address("nowhere"), found.abi) for name, found in deployment.contracts.items()}
    lost = Ledger(consortium.url, replace(deployment, contracts=elsewhere))
    with pytest.raises(ChainError, match="DEPLOYMENT_INVALID"):
        lost.rules()


def test_what_the_node_does_not_take_is_named(ledger: Ledger) -> None:
    """Any account could carry out a decision, but only members and role holders may call the Council at all."""
    decision = writes.SetRole(writes.Word(keccak(b"INSPECTOR")), address("third inspector"), True)
    salt = writes.Word(keccak(b"third"))
    receipt = ledger.write(writes.Propose(decision, salt), members()[0])
    proposal = receipt["logs"][0]["topics"][1]
    ledger.write(writes.Approve(writes.Word(proposal)), members()[1])
    with pytest.raises(ChainError, match="NODE_REFUSED"):
        ledger.write(writes.Execute(decision, salt), account("stranger"))
    assert sent_by(ledger, "stranger") == 0


def test_a_write_that_no_block_takes_times_out(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.ledger.WAIT_SECONDS", 0.05)
    with pytest.raises(ChainError, match="WRITE_TIMEOUT"):
        ledger.wait(Pending(keccak(b"never sent"), writes.Burn(1)))


def test_a_checksum_is_what_addresses_have(deployment: Deployment) -> None:
    assert all(Web3.is_checksum_address(found.address) for found in deployment.contracts.values())
