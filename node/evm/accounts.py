"""The accounts that py-evm executes on: plain tuples and dictionaries with one list of what to undo.

In place of py-evm's own, which keeps five layers of journals and caches over a trie that it changes key by key. Here
the trie is read once for each account and slot, and all changes of a block go into it in one pass at the end.

An account is (nonce, balance in wei, storage root, code hash), or None where there is none. The changes of a block are
kept until `persist`; those since `record` can be undone by `discard`. Warm addresses and slots (EIP-2929) belong to the
transaction, which `lock_changes` begins.
"""

from functools import lru_cache
from itertools import count
from typing import Any

from eth.abc import AccountDatabaseAPI
from eth.vm.interrupt import MissingAccountTrieNode, MissingBytecode, MissingStorageTrieNode
from eth_hash.auto import keccak
from eth_utils.exceptions import ValidationError

from node.trie import EMPTY_ROOT, MissingNode, list_head, lookup, update

EMPTY_CODE = keccak(b"")
ABSENT: "Account" = (0, 0, EMPTY_ROOT, EMPTY_CODE)
Account = tuple[int, int, bytes, bytes]

CODES: dict[bytes, bytes] = {}
"""Codes by their hash, as they were read, for all states of the process: what follows from a code is remembered too."""
MOST_CODES = 2_000

address_key = lru_cache(65_536)(keccak)


@lru_cache(65_536)
def slot_key(slot: int) -> bytes:
    """The path of a storage slot in its trie."""
    return bytes(keccak(slot.to_bytes(32, "big")))


class Slots:
    """The storage of one account: what the trie of `root` says, as far as read, and what was set since."""

    __slots__ = ("dirty", "root", "values")

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.values: dict[int, int] = {}
        self.dirty: set[int] = set()


class Accounts(AccountDatabaseAPI):
    """The `AccountDatabaseAPI` of a py-evm state."""

    def __init__(self, db: Any, state_root: bytes = EMPTY_ROOT) -> None:
        self._db, self._root = db, state_root
        self._read = db.find
        self._new: dict[bytes, bytes] = {}
        self._accounts: dict[bytes, Account | None] = {}
        self._dirty: set[bytes] = set()
        self._slots: dict[bytes, Slots] = {}
        self._set_codes: dict[bytes, bytes] = {}
        self._original: dict[tuple[bytes, int], int] = {}
        self._warm: set[Any] = set()
        self._undo: list[tuple[Any, ...]] = []
        self._marks: list[tuple[int, int]] = []
        self._counter = count(1)

    @property
    def state_root(self) -> bytes:
        return self._root

    @state_root.setter
    def state_root(self, value: bytes) -> None:
        if value != self._root:
            self._root = value
            self._accounts.clear()
            self._dirty.clear()
            self._slots.clear()

    def has_root(self, state_root: bytes) -> bool:
        return self._node(state_root) is not None

    def _node(self, digest: bytes) -> bytes | None:
        found = self._new.get(digest)
        return self._read(digest) if found is None else found

    # accounts

    def _get(self, address: bytes) -> Account | None:
        try:
            return self._accounts[address]
        except KeyError:
            found = self._accounts[address] = self._load(address)
            return found

    def _load(self, address: bytes) -> Account | None:
        key = address_key(address)
        try:
            raw = lookup(self._node, self._root, key)
        except MissingNode as error:
            raise MissingAccountTrieNode(error.args[0], self._root, key) from error
        return None if raw is None else _decode(raw)

    def _set(self, address: bytes, account: Account | None) -> None:
        self._undo.append((0, address, self._get(address)))
        self._accounts[address] = account
        self._dirty.add(address)

    def get_balance(self, address: bytes) -> int:
        account = self._get(address)
        return 0 if account is None else account[1]

    def set_balance(self, address: bytes, balance: int) -> None:
        if not 0 <= balance < 2**256:
            raise ValidationError(f"balance {balance} is out of range")
        nonce, _, root, code = self._get(address) or ABSENT
        self._set(address, (nonce, balance, root, code))

    def get_nonce(self, address: bytes) -> int:
        account = self._get(address)
        return 0 if account is None else account[0]

    def set_nonce(self, address: bytes, nonce: int) -> None:
        if not 0 <= nonce < 2**64:
            raise ValidationError(f"nonce {nonce} is out of range")
        _, balance, root, code = self._get(address) or ABSENT
        self._set(address, (nonce, balance, root, code))

    def increment_nonce(self, address: bytes) -> None:
        self.set_nonce(address, self.get_nonce(address) + 1)

    def get_code_hash(self, address: bytes) -> bytes:
        account = self._get(address)
        return EMPTY_CODE if account is None else account[3]

    def get_code(self, address: bytes) -> bytes:
        digest = self.get_code_hash(address)
        if digest == EMPTY_CODE:
            return b""
        code = self._set_codes.get(digest) or CODES.get(digest)
        if code is None:
            code = self._read(digest)
            if code is None:
                raise MissingBytecode(digest)
            if len(CODES) >= MOST_CODES:
                CODES.clear()
            CODES[digest] = code
        return code

    def set_code(self, address: bytes, code: bytes) -> None:
        digest = keccak(code)
        self._set_codes[digest] = code
        nonce, balance, root, _ = self._get(address) or ABSENT
        self._set(address, (nonce, balance, root, digest))

    def delete_code(self, address: bytes) -> None:
        nonce, balance, root, _ = self._get(address) or ABSENT
        self._set(address, (nonce, balance, root, EMPTY_CODE))

    def fingerprint(self, address: bytes) -> bytes:
        """Changes with code and storage, as of the root."""
        _, _, root, code = self._get(address) or ABSENT
        return root + code

    def account_has_code_or_nonce(self, address: bytes) -> bool:
        nonce, _, _, code = self._get(address) or ABSENT
        return nonce != 0 or code != EMPTY_CODE

    def account_exists(self, address: bytes) -> bool:
        return self._get(address) is not None

    def account_is_empty(self, address: bytes) -> bool:
        nonce, balance, _, code = self._get(address) or ABSENT
        return nonce == 0 and balance == 0 and code == EMPTY_CODE

    def touch_account(self, address: bytes) -> None:
        if self._get(address) is None:
            self._set(address, ABSENT)

    def delete_account(self, address: bytes) -> None:
        self._replace_slots(address)
        self._set(address, None)

    # storage

    def _slots_of(self, address: bytes) -> Slots:
        slots = self._slots.get(address)
        if slots is None:
            account = self._get(address)
            slots = self._slots[address] = Slots(EMPTY_ROOT if account is None else account[2])
        return slots

    def get_storage(self, address: bytes, slot: int, from_journal: bool = True) -> int:
        if not from_journal:
            original = self._original.get((address, slot))
            if original is not None:
                return original
        slots = self._slots.get(address) or self._slots_of(address)
        try:
            return slots.values[slot]
        except KeyError:
            value = slots.values[slot] = self._load_slot(address, slots.root, slot)
            return value

    def _load_slot(self, address: bytes, root: bytes, slot: int) -> int:
        key = slot_key(slot)
        try:
            raw = lookup(self._node, root, key)
        except MissingNode as error:
            raise MissingStorageTrieNode(error.args[0], root, key, None, address) from error
        if raw is None:
            return 0
        return raw[0] if len(raw) == 1 else int.from_bytes(raw[1:], "big")

    def set_storage(self, address: bytes, slot: int, value: int) -> None:
        if not 0 <= value < 2**256:
            raise ValidationError(f"storage value {value} is out of range")
        before = self.get_storage(address, slot)
        slots = self._slots[address]
        self._original.setdefault((address, slot), before)
        self._undo.append((1, slots, slot, before))
        slots.values[slot] = value
        slots.dirty.add(slot)

    def delete_storage(self, address: bytes) -> None:
        self._replace_slots(address)
        nonce, balance, _, code = self._get(address) or ABSENT
        self._set(address, (nonce, balance, EMPTY_ROOT, code))

    def _replace_slots(self, address: bytes) -> None:
        self._undo.append((2, address, self._slots_of(address)))
        self._slots[address] = Slots(EMPTY_ROOT)

    # warm addresses and slots

    def is_address_warm(self, address: bytes) -> bool:
        return address in self._warm

    def mark_address_warm(self, address: bytes) -> None:
        self._warm_up(address)

    def is_storage_warm(self, address: bytes, slot: int) -> bool:
        return (address, slot) in self._warm

    def mark_storage_warm(self, address: bytes, slot: int) -> None:
        self._warm_up((address, slot))

    def _warm_up(self, what: Any) -> None:
        if what not in self._warm:
            self._warm.add(what)
            self._undo.append((3, what))

    # checkpoints

    def record(self) -> Any:
        checkpoint = next(self._counter)
        self._marks.append((checkpoint, len(self._undo)))
        return checkpoint

    def discard(self, checkpoint: Any) -> None:
        length = self._forget(checkpoint)
        undo = self._undo
        while len(undo) > length:
            entry = undo.pop()
            kind = entry[0]
            if kind == 0:
                self._accounts[entry[1]] = entry[2]
            elif kind == 1:
                entry[1].values[entry[2]] = entry[3]
            elif kind == 2:
                self._slots[entry[1]] = entry[2]
            else:
                self._warm.discard(entry[1])

    def commit(self, checkpoint: Any) -> None:
        self._forget(checkpoint)
        if not self._marks:
            self._undo.clear()

    def _forget(self, checkpoint: int) -> int:
        """Drop a checkpoint and those after it; where it began."""
        while self._marks:
            found, length = self._marks.pop()
            if found == checkpoint:
                return length
        raise ValueError(f"checkpoint {checkpoint} is unknown")

    def lock_changes(self) -> None:
        self._original.clear()
        self._warm = set()

    # roots

    def make_state_root(self) -> bytes:
        for address in self._dirty | self._slots.keys():
            slots = self._slots.get(address)
            if slots is not None and slots.dirty:
                self._settle_slots(address, slots)
        changes = {address_key(address): encode_account(self._accounts[address]) for address in self._dirty}
        try:
            self._root = update(self._node, self._new.__setitem__, self._root, changes)
        except MissingNode as error:
            raise MissingAccountTrieNode(error.args[0], self._root, b"") from error
        for address in self._dirty:
            self._keep_code(self._accounts[address])
        self._dirty.clear()
        return self._root

    def _settle_slots(self, address: bytes, slots: Slots) -> None:
        changes = {slot_key(slot): encode_number(slots.values[slot]) for slot in slots.dirty}
        try:
            root = update(self._node, self._new.__setitem__, slots.root, changes)
        except MissingNode as error:
            raise MissingStorageTrieNode(error.args[0], slots.root, b"", None, address) from error
        slots.root, slots.dirty = root, set()
        account = self._get(address)
        if account is None and root == EMPTY_ROOT:
            return
        nonce, balance, before, code = account or ABSENT
        if root != before:
            self._accounts[address] = (nonce, balance, root, code)
            self._dirty.add(address)

    def _keep_code(self, account: Account | None) -> None:
        if account is not None and account[3] in self._set_codes:
            self._new[account[3]] = self._set_codes[account[3]]

    def persist(self) -> Any:
        self.make_state_root()
        for digest, raw in self._new.items():
            self._db[digest] = raw
        self._new.clear()
        self._undo.clear()
        self._marks.clear()
        self._original.clear()


def _decode(raw: bytes) -> Account:
    """From RLP: nonce, balance, storage root, code hash."""
    at = 1 if raw[0] <= 0xF7 else raw[0] - 0xF6
    numbers = []
    for _ in range(2):
        head = raw[at]
        size = head - 0x80 if head >= 0x80 else 0
        numbers.append(int.from_bytes(raw[at + 1 : at + 1 + size], "big") if head >= 0x80 else head)
        at += 1 + size
    return numbers[0], numbers[1], raw[at + 1 : at + 33], raw[at + 34 : at + 66]


def encode_account(account: Account | None) -> bytes:
    """RLP as it lies in the trie; nothing for no account."""
    if account is None:
        return b""
    nonce, balance, root, code = account
    payload = (encode_number(nonce) or b"\x80") + (encode_number(balance) or b"\x80") + b"\xa0" + root + b"\xa0" + code
    return list_head(len(payload)) + payload


def encode_number(value: int) -> bytes:
    """RLP of an integer of at most 32 bytes; nothing for zero."""
    if value < 0x80:
        return bytes([value]) if value else b""
    size = (value.bit_length() + 7) // 8
    return bytes([0x80 + size]) + value.to_bytes(size, "big")
