"""Anchors batches with the keys of role holders, under the rule set the batches were made by."""

from collections.abc import Mapping

from eth_account.signers.local import LocalAccount

from chain import writes
from chain.ledger import Ledger
from protocol.references import Kind


class Anchorer:
    """The hands that anchor: an oracle's for READING and ISSUANCE, the custodian's for AUDIT and ERASURE."""

    def __init__(self, ledger: Ledger, accounts: Mapping[Kind, LocalAccount], rules: bytes) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._rules = rules

    def anchor(self, kind: Kind, epoch: int, root: bytes, count: int) -> int:
        """Anchor a root with its count of real leaves; returns the anchor's number.

        A root that is there already is not sent again, so a retry after a crash is harmless."""
        known = self._ledger.anchor_of(kind, root)
        if known:
            return known
        anchored = writes.Anchor(int(kind), epoch, writes.Word(root), count, writes.Word(self._rules))
        self._ledger.write(anchored, self._accounts[kind])
        return self._ledger.anchor_of(kind, root)

    def anchor_of(self, kind: Kind, root: bytes) -> int:
        """The number of the anchor that holds this root under this kind; 0 if none."""
        return self._ledger.anchor_of(kind, root)
