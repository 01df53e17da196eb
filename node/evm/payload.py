"""What py-evm's state wants to know of a transaction. Signatures were checked when it was decoded, not again here."""

from eth.vm.forks.prague.transactions import Authorization as PyEvmAuthorization

from node.execution import CallRequest
from node.forks import Fork
from node.transactions import BLOB, DYNAMIC_FEE, SET_CODE, Transaction, intrinsic_gas


class Payload:
    """What py-evm's state wants to know of a transaction; its sender is given, not recovered."""

    __slots__ = (
        "access_list", "authorization_list", "blob_versioned_hashes", "data", "gas", "gas_price", "intrinsic_gas",
        "max_fee_per_blob_gas", "max_fee_per_gas", "max_priority_fee_per_gas", "nonce", "r", "s", "sender", "to",
        "type_id", "value", "y_parity",
    )  # fmt: skip

    def __init__(self, request: CallRequest, sender: bytes, nonce: int, gas: int, fork: Fork = Fork.PRAGUE) -> None:
        self.sender, self.nonce, self.gas = sender, nonce, gas
        self.to, self.value, self.data, self.access_list = request.to, request.value, request.data, request.access_list
        self.max_fee_per_gas, self.max_priority_fee_per_gas = request.max_fee, request.max_priority_fee
        self.gas_price = request.max_fee
        self.max_fee_per_blob_gas, self.blob_versioned_hashes = request.max_blob_fee, request.blob_hashes
        self.authorization_list = tuple(
            PyEvmAuthorization(a.chain_id, a.address, a.nonce, a.y_parity, a.r, a.s) for a in request.authorizations
        )
        self.type_id = SET_CODE if request.authorizations else BLOB if request.blob_hashes else DYNAMIC_FEE
        self.y_parity, self.r, self.s = 0, 1, 1
        self.intrinsic_gas = intrinsic_gas(
            request.data, not request.to, request.access_list, len(request.authorizations), fork
        )

    @classmethod
    def of(cls, tx: Transaction, fork: Fork = Fork.PRAGUE) -> "Payload":
        request = CallRequest(
            tx.sender, tx.to, tx.value, tx.data, tx.gas, tx.access_list, tx.max_fee, tx.max_priority_fee,
            tx.authorizations, tx.max_blob_fee, tx.blob_hashes,
        )  # fmt: skip
        payload = cls(request, tx.sender, tx.nonce, tx.gas, fork)
        payload.type_id, payload.y_parity, payload.r, payload.s = tx.type, tx.y_parity, tx.r, tx.s
        return payload

    def validate(self) -> None:
        """Form and signature were checked at decoding, the rest by `node.rules`."""
