"""The purse: vouchers from the issuer's blind signature to the chain, surviving a crash at any step.

Each voucher of a series has a place. Serial, blinding factor and recipient follow from the wallet's keys and the place,
so the purse only has to remember which places were asked for and what came back. Eight places in a row share a fresh
recipient and are redeemed as one lot: every redemption of every wallet looks the same. Lots sent back to back would say
that they belong together, so one call sends one lot, drawn at random, and the caller decides when the next one follows.

A purse that was lost or is an old copy asks for places it was given before, under the same request ids, because
everything about a place follows from the keys. The issuer knows these requests by the number of places they were for;
the purse tries the numbers and gets the old answer again.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chain import Ledger, writes
from chain.errors import WriteReverted
from chain.ledger import Pending
from protocol.errors import TideprintError
from protocol.quantities import Address
from protocol.vouchers import Series, Voucher, blind, unblind
from wallet.errors import WalletError
from wallet.keys import Keys

LOT = 8
"""Vouchers a redemption holds; one of `protocol.vouchers.LOTS`."""
REQUEST = 32
"""The most vouchers asked for at once."""

REQUEST_CHANGED = "REQUEST_CHANGED"
"""How the issuer says that it knows this request with other messages."""
NOTHING_TO_SIGN = ("NOT_ENTITLED", "SERIES_CLOSED")
"""How it says that it does not know this request and will not sign it."""
DRAW_SIZE = 16
"""Random bytes for one choice."""

Lot = list[tuple[int, Voucher]]
"""Vouchers redeemed together, with their places."""
Random = Callable[[int], bytes]
"""Gives as many random bytes as asked for, e.g. `secrets.token_bytes`."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A lot on its way to the chain; without `pending` the chain had it already."""

    lot: Lot
    pending: Pending | None


_SCHEMA = """
CREATE TABLE IF NOT EXISTS voucher(
    series INTEGER NOT NULL, place INTEGER NOT NULL, request BLOB NOT NULL, signature BLOB,
    redeemed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(series, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS relation(number INTEGER PRIMARY KEY, uses INTEGER NOT NULL);
"""


class Issuer(Protocol):
    """The side that signs what it cannot read."""

    def due(self, credential: bytes, series: int) -> int:
        """How many vouchers of a series this wearer may still collect."""

    def sign(self, credential: bytes, series: int, request: bytes, blinded: Sequence[int]) -> list[int]:
        """Blind signatures; the same request gives the same answer without counting twice.

        Refuses `REQUEST_CHANGED` if the request was for other messages, whoever is due what; `NOT_ENTITLED` and
        `SERIES_CLOSED` only for a request that is new."""


class Purse:
    """Vouchers of one wallet in one SQLite file (0600)."""

    def __init__(self, path: Path, keys: Keys) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._keys = keys
        self._on_the_way: set[tuple[int, int]] = set()
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def collect(self, issuer: Issuer, series: Series) -> int:
        """Collect all vouchers that are due; returns how many came. Requests cut short earlier are finished first.

        Take `series` from the chain, not from the issuer: an issuer with a key per wearer could link vouchers.
        Raises `VOUCHER_INVALID` if a signature does not verify; the request stays open."""
        open_requests = self._db.execute(
            "SELECT DISTINCT request FROM voucher WHERE series=? AND signature IS NULL ORDER BY place", (series.number,)
        ).fetchall()
        collected = sum(self._finish(issuer, series, request) for (request,) in open_requests)
        credential = self._keys.credential()
        while due := issuer.due(credential, series.number):
            request = self._reserve(series.number, min(due, REQUEST))
            collected += self._finish(issuer, series, request)
        return collected

    def recover(self, issuer: Issuer, series: Series) -> int:
        """Collect as `collect` does, and everything these keys collected before and this file has lost.

        For a purse that was restored from the words or from an old copy: it asks for its next places until the issuer
        does not know them. Returns how many vouchers came; what of them was redeemed before shows when it is sent."""
        collected = self.collect(issuer, series)
        while True:
            first = self._next_place(series.number)
            request = self._request(series.number, first)
            try:
                signed = self._ask(issuer, series, request, first, 1)
            except TideprintError as error:
                if error.code not in NOTHING_TO_SIGN:
                    raise
                return collected
            collected += self._keep(series, request, first, signed)

    def waiting(self, series: Series, *, singles: bool = False) -> int:
        """How many full lots wait to be sent; with `singles` also each voucher that fills none."""
        return len(self._lots(series, singles))

    def send(self, ledger: Ledger, series: Series, random: Random, *, singles: bool = False) -> Sent | None:
        """Send one full lot, drawn at random, to its own fresh recipient, without waiting for it; None if none waits.

        `singles` draws from single vouchers of lots that are not full as well. They share a recipient with others of
        their lot, which says that these belong together, and singles are rare: better wait for the lot to fill, and
        use them for a series that is about to close. What was sent waits no more; hand it to `settle`."""
        lots = self._lots(series, singles)
        if not lots:
            return None
        sent = self._submit(ledger, lots[int.from_bytes(random(DRAW_SIZE), "big") % len(lots)])
        self._on_the_way.update((voucher.series, place) for place, voucher in sent.lot)
        return sent

    def settle(self, ledger: Ledger, sent: Sent) -> int:
        """Wait for what was sent and mark it as redeemed; returns how many vouchers. If it fails, it waits again.

        Only what the chain has spent is marked: a lot sent twice across a crash fails the second time and counts once,
        and a crash may have left single vouchers of a lot redeemed and others not."""
        lot = sent.lot
        try:
            if sent.pending is not None:
                ledger.wait(sent.pending)
        except WriteReverted:
            lot = _spent(ledger, lot)
            if not lot:
                raise
        finally:
            self._on_the_way.difference_update((voucher.series, place) for place, voucher in sent.lot)
        with self._transaction() as db:
            db.executemany(
                "UPDATE voucher SET redeemed=1 WHERE series=? AND place=?",
                [(voucher.series, place) for place, voucher in lot],
            )
        return len(lot)

    def redeem(self, ledger: Ledger, series: Series, random: Random, *, singles: bool = False) -> int:
        """Send one lot and settle it; returns how many vouchers were redeemed, 0 if none waited.

        Let a random time pass before the next one: lots in a row are taken for one wallet's."""
        sent = self.send(ledger, series, random, singles=singles)
        return self.settle(ledger, sent) if sent is not None else 0

    def count(self, *, redeemed: bool) -> int:
        """Vouchers held with a signature, redeemed or not."""
        query = "SELECT count(*) FROM voucher WHERE signature IS NOT NULL AND redeemed=?"
        return int(self._db.execute(query, (int(redeemed),)).fetchone()[0])

    def lots(self) -> list[tuple[int, int]]:
        """(series, lot) of every recipient that received something."""
        query = f"SELECT DISTINCT series, place / {LOT} FROM voucher WHERE redeemed=1 ORDER BY 1, 2"  # noqa: S608
        return [(int(series), int(lot)) for series, lot in self._db.execute(query)]

    def recipients(self) -> list[tuple[int, int]]:
        """(series, lot) of every recipient that vouchers were made out to, redeemed or not."""
        query = f"SELECT DISTINCT series, place / {LOT} FROM voucher WHERE signature IS NOT NULL ORDER BY 1, 2"  # noqa: S608
        return [(int(series), int(lot)) for series, lot in self._db.execute(query)]

    def lot(self, series: int, lot: int) -> list[Voucher]:
        """The vouchers of one recipient that were redeemed."""
        rows = self._db.execute(
            "SELECT place, signature FROM voucher WHERE series=? AND place / ? = ? AND redeemed=1 ORDER BY place",
            (series, LOT, lot),
        )
        return [self._voucher(series, place, signature) for place, signature in rows]

    def next_use(self, relation: int) -> int:
        """A number never handed out before for this relation: the use of a one-time signer."""
        row = self._db.execute(
            "INSERT INTO relation VALUES(?, 1) ON CONFLICT(number) DO UPDATE SET uses = uses + 1 RETURNING uses",
            (relation,),
        ).fetchone()
        return int(row[0]) - 1

    def _next_place(self, series: int) -> int:
        query = "SELECT coalesce(max(place) + 1, 0) FROM voucher WHERE series=?"
        return int(self._db.execute(query, (series,)).fetchone()[0])

    def _request(self, series: int, first: int) -> bytes:
        """The id of a request, by the first place it is for."""
        return self._keys.serial(series, -1 - first)[:16]

    def _reserve(self, series: int, count: int) -> bytes:
        """Write down what will be asked for before it is asked for."""
        first = self._next_place(series)
        request = self._request(series, first)
        rows = [(series, first + offset, request) for offset in range(count)]
        with self._transaction() as db:
            db.executemany("INSERT INTO voucher(series, place, request) VALUES(?, ?, ?)", rows)
        return request

    def _finish(self, issuer: Issuer, series: Series, request: bytes) -> int:
        query = "SELECT min(place), count(*) FROM voucher WHERE series=? AND request=?"
        first, count = self._db.execute(query, (series.number, request)).fetchone()
        return self._keep(series, request, first, self._ask(issuer, series, request, first, count))

    def _ask(self, issuer: Issuer, series: Series, request: bytes, first: int, count: int) -> list[int]:
        """Have a request signed; one that the issuer knows already with the number of places it was for then."""
        blinded: list[int] = []
        for size in (count, *(other for other in range(1, REQUEST + 1) if other != count)):
            blinded += [self._blinded(series, first + offset) for offset in range(len(blinded), size)]
            try:
                signed = issuer.sign(self._keys.credential(), series.number, request, blinded[:size])
            except TideprintError as error:
                if error.code != REQUEST_CHANGED:
                    raise
                continue
            if len(signed) != size:
                raise WalletError("VOUCHER_INVALID", "the issuer signed another number of vouchers", "try again later")
            return signed
        raise WalletError("VOUCHER_INVALID", "the issuer knows this request, but not as ours", "tell the oracle's desk")

    def _keep(self, series: Series, request: bytes, first: int, signed: Sequence[int]) -> int:
        """Check signatures and put the vouchers into the file, in place of what was reserved; returns how many."""
        vouchers = []
        for place, value in enumerate(signed, first):
            factor = self._keys.blinding_factor(series.number, place, series.modulus)
            signature = unblind(value, factor, series.modulus)
            if not series.verify(self._voucher(series.number, place, signature)):
                raise WalletError("VOUCHER_INVALID", "the issuer's signature does not verify", "collect again later")
            vouchers.append((series.number, place, request, signature))
        with self._transaction() as db:
            db.execute("DELETE FROM voucher WHERE series=? AND request=?", (series.number, request))
            db.executemany("INSERT INTO voucher(series, place, request, signature) VALUES(?, ?, ?, ?)", vouchers)
        return len(vouchers)

    def _blinded(self, series: Series, place: int) -> int:
        message = series.message(self._keys.serial(series.number, place), self._recipient(series.number, place))
        return blind(message, self._keys.blinding_factor(series.number, place, series.modulus), series.modulus)

    def _lots(self, series: Series, singles: bool) -> list[Lot]:
        rows = self._db.execute(
            "SELECT place, signature FROM voucher WHERE series=? AND redeemed=0 AND signature IS NOT NULL "
            "ORDER BY place",
            (series.number,),
        ).fetchall()
        by_lot: dict[int, Lot] = {}
        for place, signature in rows:
            if (series.number, place) in self._on_the_way:
                continue
            by_lot.setdefault(place // LOT, []).append((place, self._voucher(series.number, place, signature)))
        full = [lot for lot in by_lot.values() if len(lot) == LOT]
        rest = [[item] for lot in by_lot.values() if len(lot) < LOT for item in lot]
        return full + (rest if singles else [])

    def _submit(self, ledger: Ledger, lot: Lot) -> Sent:
        """Send a lot from its own recipient; what a crash hid that it was redeemed before comes back without a send."""
        place, first = lot[0]
        write = writes.Redeem(
            first.series,
            first.recipient,
            tuple(writes.Word(voucher.serial) for _, voucher in lot),
            tuple(writes.RsaValue(voucher.signature) for _, voucher in lot),
        )
        try:
            return Sent(lot, ledger.submit(write, self._keys.recipient(first.series, place // LOT)))
        except WriteReverted:
            if spent := _spent(ledger, lot):
                return Sent(spent, None)
            raise

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            yield self._db

    def _voucher(self, series: int, place: int, signature: bytes) -> Voucher:
        return Voucher(series, self._keys.serial(series, place), self._recipient(series, place), signature)

    def _recipient(self, series: int, place: int) -> Address:
        return Address(self._keys.recipient(series, place // LOT).address)


def _spent(ledger: Ledger, lot: Lot) -> Lot:
    return [(place, voucher) for place, voucher in lot if ledger.is_spent(voucher.series, voucher.serial)]
