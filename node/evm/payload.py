"""What py-evm's state wants to know of a transaction. Signatures were checked when it was decoded, not again here."""

from eth.vm.forks.prague.transactions import Authorization

from node.execution import CallRequest
from node.transactions import Transaction, intrinsic_gas


class Payload:
    """What py-evm's state wants to know of a transaction; its sender is given, not recovered."""

    __slots__ = (
        "access_list", "authorization_list", "data", "gas", "intrinsic_gas", "max_fee_per_gas",
        "max_priority_fee_per_gas", "nonce", "s", "sender", "to", "type_id", "value",
    )  # fmt: skip

    def __init__(self, request: CallRequest, sender: bytes, nonce: int, gas: int) -> None:
        self.sender, self.nonce, self.gas = sender, nonce, gas
        self.to, self.value, self.data, self.access_list = request.to, request.value, request.data, request.access_list
        self.max_fee_per_gas = self.max_priority_fee_per_gas = 0
        self.authorization_list: tuple[Authorization, ...] = ()
        self.type_id, self.s = 2, 1
        self.intrinsic_gas = intrinsic_gas(request.data, not request.to, request.access_list, 0)

    @classmethod
    def of(cls, tx: Transaction) -> "Payload":
        request = CallRequest(tx.sender, tx.to, tx.value, tx.data, access_list=tx.access_list)
        payload = cls(request, tx.sender, tx.nonce, tx.gas)
        payload.max_fee_per_gas, payload.max_priority_fee_per_gas = tx.max_fee, tx.max_priority_fee
        payload.type_id, payload.s = tx.type, tx.s
        payload.authorization_list = tuple(
            Authorization(a.chain_id, a.address, a.nonce, a.y_parity, a.r, a.s) for a in tx.authorizations
        )
        payload.intrinsic_gas += 25_000 * len(tx.authorizations)
        return payload

    def validate(self) -> None:
        """Form and signature were checked at decoding, the rest by `node.rules`."""
