"""Who may send what: the Council's word, asked by static calls against the state at hand.

Before there is a Council its founders may do everything and nobody else anything. The Council is the contract that the
first founder creates with its first transaction; that transaction must create it and must succeed, since its address is
fixed in genesis and no second chance comes. Whatever the Council does not clearly answer with true is refused.

Gas being free, who may send to an open target only, and is neither member nor role holder, may ask for an eighth of a
block's gas in one transaction, and use what the Council allows in a window (see `allowance`).
"""

from eth_hash.auto import keccak

from node.errors import Refused, TransactionRefused
from node.execution import StateView
from node.genesis import Genesis
from node.transactions import SET_CODE, Transaction

CHECK_GAS = 1_000_000
"""Gas that one question to the Council may use."""
MAY_DEPLOY = keccak(b"may_deploy(address)")[:4]
MAY_SEND = keccak(b"may_send(address,address)")[:4]
OPEN_ALLOWANCE = keccak(b"open_allowance()")[:4]
NOWHERE = bytes(20)
"""No contract will ever be here, and the Council opens it to nobody: who may send here may send anywhere."""
MOST_ANSWERS = 50_000
TRUE = (1).to_bytes(32, "big")


class Permissions:
    """Answers for one block or one head, remembered until the Council's code has run or its account changed."""

    def __init__(self, genesis: Genesis, view: StateView, before: "Permissions | None" = None) -> None:
        """`before` answered for an earlier block; its answers hold as long as the Council's code and storage do."""
        self._genesis = genesis
        self._view = view
        self._mark = view.fingerprint(genesis.council)
        same = before is not None and before._mark == self._mark
        self._answers: dict[bytes, bytes] = before._answers if before is not None and same else {}
        self._governed: bool | None = None

    @property
    def council(self) -> bytes:
        """The Council's address, whether it exists yet or not."""
        return self._genesis.council

    @property
    def governed(self) -> bool:
        """Is there a Council yet?"""
        if self._governed is None:
            self._governed = bool(self._view.code(self._genesis.council))
        return self._governed

    def forget(self) -> None:
        """Drop what was remembered: the Council has run."""
        self._answers, self._mark = {}, b""
        self._governed = None

    def check(self, tx: Transaction) -> None:
        """Raises TransactionRefused: DEPLOY_FORBIDDEN, SEND_FORBIDDEN, COUNCIL_FIRST, GAS_OVER_OPEN_LIMIT.

        Setting code on accounts (type 4) counts as deploying, on top of sending.
        """
        if self.founds_council(tx) and not tx.is_creation:
            raise TransactionRefused(
                Refused.COUNCIL_FIRST,
                "the first founder's first transaction must create the Council",
                "deploy the Council from the first founder before anything else",
            )
        if tx.type == SET_CODE and not self.governed:
            raise TransactionRefused(
                Refused.COUNCIL_FIRST,
                "code is set on accounts only once there is a Council: it could use up the founder's nonce",
                "deploy the Council from the first founder before anything else",
            )
        if (tx.is_creation or tx.type == SET_CODE) and not self.may_deploy(tx.sender):
            raise TransactionRefused(
                Refused.DEPLOY_FORBIDDEN,
                f"permission denied: 0x{tx.sender.hex()} may not deploy contracts",
                "ask the Council for the DEPLOYER role",
            )
        if not tx.is_creation and not self.may_send(tx.sender, tx.to):
            raise TransactionRefused(
                Refused.SEND_FORBIDDEN,
                f"permission denied: 0x{tx.sender.hex()} may not send to 0x{tx.to.hex()}",
                "ask the Council for a role, or to open the target",
            )
        if tx.gas > self._genesis.open_gas_limit and not self.is_trusted(tx.sender):
            raise TransactionRefused(
                Refused.GAS_OVER_OPEN_LIMIT,
                f"exceeds gas limit of accounts without a role: have {tx.gas}, limit {self._genesis.open_gas_limit}",
                "lower the gas, or ask the Council for a role",
            )

    def founds_council(self, tx: Transaction) -> bool:
        """Is this the transaction that must create the Council?"""
        return tx.nonce == 0 and tx.sender == self._genesis.founders[0] and not self.governed

    def check_council(self) -> None:
        """After the founding transaction: there is a Council that answers. Raises TransactionRefused."""
        answer = self._ask(MAY_DEPLOY, self._genesis.founders[0])
        if not self.governed or answer is None or len(answer) != 32:
            raise TransactionRefused(
                Refused.COUNCIL_FIRST,
                "the first founder's first transaction created no working Council",
                "check the constructor's arguments and send it again; nothing has been recorded",
            )

    def may_deploy(self, account: bytes) -> bool:
        """May `account` create contracts?"""
        return self._allowed(MAY_DEPLOY, account)

    def may_send(self, account: bytes, target: bytes) -> bool:
        """May `account` send transactions to `target`?"""
        return self._allowed(MAY_SEND, account, target)

    def is_trusted(self, account: bytes) -> bool:
        """Is `account` a member or role holder (before the Council: a founder)?"""
        return self.may_send(account, NOWHERE)

    @property
    def open_allowance(self) -> int:
        """Gas that an account without a role may use in a window; 0 where the Council does not clearly say."""
        answer = self._ask(OPEN_ALLOWANCE)
        return 0 if answer is None or len(answer) != 32 else int.from_bytes(answer, "big")

    def _allowed(self, selector: bytes, *addresses: bytes) -> bool:
        if not self.governed:
            return addresses[0] in self._genesis.founders
        return self._ask(selector, *addresses) == TRUE

    def _ask(self, selector: bytes, *addresses: bytes) -> bytes | None:
        """Remembered is what follows from the Council's own code and storage alone: nobody can tell from the answers
        whether it was asked before."""
        data = selector + b"".join(bytes(12) + address for address in addresses)
        known = self._answers.get(data)
        if known is not None:
            return known
        answer, lasting = self._view.static_call(self._genesis.council, data, CHECK_GAS)
        if answer is not None and lasting:
            if len(self._answers) >= MOST_ANSWERS:
                self._answers.clear()
            self._answers[data] = answer
        return answer
