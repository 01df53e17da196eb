"""A root secret in k-of-n shares on keepers of their own: any k rebuild it, fewer say nothing.

Every epoch has a fresh secret and fresh shares; keeper number i holds share i. The vault goes on while k keepers answer
and says what is owed (`report`): who is silent, who has no share of the epoch, who has an old one.

An old secret is beyond recovery once n-k+1 keepers said, after overwriting, that they hold nothing but the current
one: at most k-1 shares of any other secret can be left, wherever the silent keepers stand. With 2 of 3 that is two.
Shares of an attempt that never committed count like those of an old epoch: its rows may lie in a write-ahead log.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Protocol

from vault.errors import RootRefused, StoreDamaged, StoreUnavailable, VaultError
from vault.process import random_buffer, wipeable
from vault.roots.keeper_link import KeeperSilent
from vault.roots.layout import check_of
from vault.roots.shamir import combine, split
from vault.roots.slot import SECRET_SIZE, Entropy, RootReport, Secret, is_kept, root_key

KEEPERS_LIMIT = 15
STALE = "ROOT_STALE"


@dataclass(frozen=True, slots=True)
class View:
    """What one keeper said it holds."""

    held: tuple[Secret, ...]
    owner: bytes


class Link(Protocol):
    """The way to one keeper."""

    name: str

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Its answer. Raises `KeeperSilent`."""

    def close(self) -> None:
        """Hang up."""


class SharesRootSlot:
    """A root slot spread over keepers; `threshold` of them are needed."""

    def __init__(self, links: Sequence[Link], threshold: int, *, entropy: Entropy = random_buffer) -> None:
        """The place of a link in the list is the number of its share. Raises `ROOT_SETTINGS`; nobody is asked yet."""
        if not 2 <= threshold <= len(links) <= KEEPERS_LIMIT or len({link.name for link in links}) < len(links):
            hint = "name 2 to 15 keepers, each once, of which at least 2 are needed"
            raise VaultError("ROOT_SETTINGS", f"{threshold} of {len(links)} keepers will not do", hint)
        self._links = dict(enumerate(links, 1))
        self._threshold = threshold
        self._entropy = entropy
        self._pool = ThreadPoolExecutor(len(links), "keeper")
        self._fresh: tuple[Secret, bytes] | None = None

    def held(self) -> tuple[Secret, ...]:
        """The secrets of which k shares may exist, those of silent keepers counted. Raises `KEEPERS_UNREACHABLE`."""
        views = self._views()
        return tuple(sorted(secret for secret in _shares(views) if self._may_exist(secret, views)))

    def epochs(self) -> tuple[int, ...]:
        """Their epochs, ascending."""
        return tuple(sorted({secret.epoch for secret in self.held()}))

    def owner(self) -> bytes:
        """The id of the vault the keepers serve; empty if they hold nothing. Raises `ROOT_FOREIGN` if they differ."""
        owners = {view.owner for view in self._views().values() if view.owner}
        if len(owners) > 1:
            raise RootRefused("ROOT_FOREIGN", "the keepers serve different vaults", "give every vault its own keepers")
        return next(iter(owners), b"")

    def root_key(self, epoch: int, attempt: bytes = b"") -> bytes:
        """The key of the root node, from k shares. Raises `ROOT_EPOCH_GONE`, `ROOT_SHARES_DAMAGED`."""
        if self._fresh is not None and self._fresh[0].epoch == epoch and attempt in (b"", self._fresh[0].attempt):
            return self._fresh[1]
        views = self._views()
        wanted = [found for found in self.held() if found.epoch == epoch and attempt in (b"", found.attempt)]
        for secret in wanted:
            holders = [number for number, view in views.items() if secret in view.held]
            if len(holders) >= self._threshold:
                return self._rebuild(secret, holders)
        if wanted:
            raise self._too_few(views, f"not enough shares of epoch {epoch} answer")
        raise RootRefused("ROOT_EPOCH_GONE", f"no secret for epoch {epoch}", "this key database is an old copy")

    def _rebuild(self, secret: Secret, holders: Iterable[int]) -> bytes:
        request = {"do": "share", "epoch": secret.epoch, "attempt": secret.attempt.hex()}
        answers = self._ask(dict.fromkeys(holders, request))
        shares: dict[tuple[bytes, bytes], dict[int, bytearray]] = {}
        for answer in answers.values():
            try:
                kind = bytes.fromhex(answer["vault"]), bytes.fromhex(answer["check"])
                shares.setdefault(kind, {})[int(answer["index"])] = bytearray.fromhex(answer["share"])
            except (KeyError, ValueError, TypeError):
                continue
        for (vault_id, check), found in shares.items():
            for chosen in combinations(found, self._threshold):
                rebuilt = combine({number: found[number] for number in chosen})
                try:
                    if check_of(rebuilt, vault_id, secret) == check:
                        return root_key(rebuilt, vault_id, secret.epoch)
                finally:
                    rebuilt[:] = bytes(len(rebuilt))
        hint = "bring back the keepers that are missing; one of those that answer has a damaged share"
        raise StoreDamaged("ROOT_SHARES_DAMAGED", "no set of shares gives the root secret", hint)

    def prepare(self, epoch: int, vault_id: bytes, attempt: bytes, replaces: Collection[bytes] = ()) -> None:
        """Make a secret and give every keeper that answers its share; k must have taken theirs."""
        views, made = self._views(), Secret(epoch, attempt)
        dead = {found.attempt for found in _shares(views) if found.epoch >= epoch and not self._may_exist(found, views)}
        secret = wipeable(self._entropy(SECRET_SIZE))
        common = {
            "do": "prepare",
            "epoch": epoch,
            "attempt": attempt.hex(),
            "vault": vault_id.hex(),
            "check": check_of(secret, vault_id, made).hex(),
            "replaces": [found.hex() for found in {*list(replaces)[-16:], *dead}],
        }
        shares = split(secret, self._threshold, len(self._links), self._entropy)
        answers = self._ask({n: common | {"index": n, "share": shares[n].hex()} for n in views})
        key = root_key(secret, vault_id, epoch)
        for buffer in (secret, *shares.values()):
            buffer[:] = bytes(len(buffer))
        taken = {number: view for number, view in _read(answers).items() if made in view.held}
        for answer in answers.values():
            code = answer.get("error")
            if code in (STALE, "ROOT_FOREIGN") or (code == "ROOT_FULL" and len(taken) < self._threshold):
                hint = "open the current key database of this vault; nothing came into use"
                raise RootRefused(str(code), f"a keeper says: {answer.get('message')}", hint)
        if len(taken) < self._threshold:
            raise self._too_few(taken, f"only {len(taken)} took their share of epoch {epoch}")
        self._fresh = made, key

    def settle(self, epoch: int, attempt: bytes) -> None:
        """Have every other share destroyed. Raises `ROOT_STILL_HELD` until n-k+1 keepers confirmed."""
        request = {"do": "settle", "epoch": epoch, "attempt": attempt.hex()}
        clean = self._clean(_read(self._ask(dict.fromkeys(self._links, request))), Secret(epoch, attempt))
        if self._fresh is not None and self._fresh[0].epoch < epoch:
            self._fresh = None
        if len(clean) < self._confirmations:
            missing = ", ".join(link.name for number, link in self._links.items() if number not in clean)
            message = f"{len(clean)} of {self._confirmations} keepers confirmed; no word from {missing}"
            raise StoreUnavailable("ROOT_STILL_HELD", message, "bring them back; it is not erased before")

    def settled(self, epoch: int, attempt: bytes) -> bool:
        """Did n-k+1 keepers say just now that they hold nothing else?"""
        return len(self._clean(self._views(enough=0), Secret(epoch, attempt))) >= self._confirmations

    def report(self, epoch: int, attempt: bytes) -> RootReport:
        """Who confirmed, and what is owed."""
        current, views = Secret(epoch, attempt), self._views(enough=0)
        clean = self._clean(views, current)
        debts = []
        for number, link in self._links.items():
            if number not in views:
                debts.append(f"{link.name} does not answer")
                continue
            if current not in views[number].held:
                debts.append(f"{link.name} has no share of epoch {epoch}: run an epoch (refresh)")
            if number not in clean:
                debts.append(f"{link.name} still holds an old share")
        names = tuple(self._links[number].name for number in clean)
        place = f"{self._threshold} of {len(self._links)} shares"
        return RootReport("shares", place, names if len(clean) >= self._confirmations else (), tuple(debts))

    def close(self) -> None:
        """Hang up; a second call does nothing."""
        self._fresh = None
        for link in self._links.values():
            link.close()
        self._pool.shutdown()

    @property
    def _confirmations(self) -> int:
        return len(self._links) - self._threshold + 1

    def _may_exist(self, secret: Secret, views: Mapping[int, View]) -> bool:
        return _shares(views)[secret] + len(self._links) - len(views) >= self._threshold

    def _clean(self, views: Mapping[int, View], current: Secret) -> list[int]:
        return [n for n, view in views.items() if all(is_kept(found, current) for found in view.held)]

    def _views(self, enough: int | None = None) -> dict[int, View]:
        """What the keepers that answer hold. Raises `KEEPERS_UNREACHABLE` if fewer than `enough` (k) do."""
        views = _read(self._ask({number: {"do": "held"} for number in self._links}))
        if len(views) < (self._threshold if enough is None else enough):
            raise self._too_few(views, "too few keepers answer")
        return views

    def _too_few(self, answered: Collection[int], message: str) -> StoreUnavailable:
        silent = ", ".join(link.name for number, link in self._links.items() if number not in answered)
        hint = f"{self._threshold} are needed; bring back {silent}. Nothing was lost"
        return StoreUnavailable("KEEPERS_UNREACHABLE", message, hint)

    def _ask(self, requests: Mapping[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
        """The answers to a request for each keeper, all asked at once; who is silent is left out."""
        waiting: dict[int, Callable[[], dict[str, Any]]] = {
            number: self._pool.submit(self._links[number].ask, request).result for number, request in requests.items()
        }
        answers = {}
        for number, result in waiting.items():
            try:
                answers[number] = result()
            except KeeperSilent:
                continue
        return answers


def _shares(views: Mapping[int, View]) -> Counter[Secret]:
    """How many keepers hold a share of each secret."""
    return Counter(secret for view in views.values() for secret in view.held)


def _read(answers: Mapping[int, dict[str, Any]]) -> dict[int, View]:
    """What the answers say is held; an answer that does not say it is left out."""
    views = {}
    for number, answer in answers.items():
        try:
            held = tuple(Secret(int(epoch), bytes.fromhex(attempt)) for epoch, attempt in answer["held"])
            views[number] = View(held, bytes.fromhex(answer["owner"]))
        except (KeyError, ValueError, TypeError):
            continue
    return views
