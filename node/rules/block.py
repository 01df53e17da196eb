"""Executing the transactions of a block under all rules: what may go in does, the rest is refused with its reason."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from node.errors import ExecutionBroke, NodeError, Refused, TransactionRefused
from node.execution import BlockRun
from node.receipts import Receipt
from node.rules.allowance import Allowances
from node.rules.permissions import Permissions
from node.rules.transactions import check_form, check_next, check_sender
from node.transactions import Transaction

LEAST_TRANSACTION_GAS = 21_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the transactions of one block are judged by."""

    chain_id: int
    gas_limit: int
    permissions: Permissions
    allowances: Allowances


@dataclass(slots=True)
class Executed:
    """What happened to the transactions of a block; those in none of the lists found no room and stay in the pool."""

    included: list[Transaction] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    refused: list[tuple[Transaction, TransactionRefused]] = field(default_factory=list)


def admit(run: BlockRun, conditions: Conditions, tx: Transaction) -> Receipt:
    """Execute one transaction as the next of its block. Raises TransactionRefused and then leaves no trace."""
    permissions = conditions.permissions
    check_form(tx, conditions.chain_id, conditions.gas_limit)
    if tx.gas > conditions.gas_limit - run.gas_used:
        raise TransactionRefused(Refused.BLOCK_GAS_EXCEEDED, "the block has no room for this transaction's gas")
    account = run.account(tx.sender)
    check_sender(tx, account, run.code(tx.sender))
    check_next(tx, account)
    permissions.check(tx)
    conditions.allowances.check(tx, permissions)
    founding = permissions.founds_council(tx)
    receipt = run.apply(tx)
    if run.touched(permissions.council):
        permissions.forget()
    if founding:
        _keep_only_a_council(run, permissions)
    conditions.allowances.charge(tx.sender, receipt.gas_used)
    return receipt


def _keep_only_a_council(run: BlockRun, permissions: Permissions) -> None:
    try:
        permissions.check_council()
    except TransactionRefused:
        run.undo()
        permissions.forget()
        raise


def fill(
    run: BlockRun, conditions: Conditions, candidates: Iterable[Transaction], in_time: Callable[[], bool]
) -> Executed:
    """Take as many candidates as fit, in their order; each sender's must rise by nonce. Stops when `in_time` says no.

    A sender whose transaction is refused or finds no room has its later ones postponed. What finds no room costs next
    to nothing, so it does not keep smaller ones behind it from being reached.

    Raises ExecutionBroke for a candidate that meets a defect: the run is then of no more use.
    """
    done = Executed()
    blocked: set[bytes] = set()
    for tx in candidates:
        room = conditions.gas_limit - run.gas_used
        if room < LEAST_TRANSACTION_GAS or not in_time():
            break
        if tx.sender in blocked or room < tx.gas <= conditions.gas_limit:
            blocked.add(tx.sender)
            continue
        try:
            done.receipts.append(admit(run, conditions, tx))
            done.included.append(tx)
        except TransactionRefused as refusal:
            blocked.add(tx.sender)
            if refusal.refused is not Refused.NONCE_TOO_HIGH:
                done.refused.append((tx, refusal))
        except (NodeError, OSError, MemoryError):
            raise
        except Exception as error:
            raise ExecutionBroke(tx.hash, tx.raw, error) from error
    return done
