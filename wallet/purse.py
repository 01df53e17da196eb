"""The purse: vouchers from the issuer's blind signature to the chain, surviving a crash at any step.

Each voucher of a series has a place. Serial, blinding factor and recipient follow from the wallet's keys and the place,
so the purse only has to remember which places were asked for and what came back. Eight places in a row share a fresh
recipient and are redeemed as one lot: every redemption of every wallet looks the same.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from chain import Ledger, writes
from chain.errors import WriteReverted
from chain.ledger import Pending
from protocol.quantities import Address
from protocol.vouchers import Series, Voucher, blind, unblind
from wallet.errors import WalletError
from wallet.keys import Keys

LOT = 8
"""Vouchers a redemption holds; one of `protocol.vouchers.LOTS`."""
REQUEST = 32
"""The most vouchers asked for at once."""

Lot = list[tuple[int, Voucher]]
"""Vouchers redeemed together, with their places."""

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
        """Blind signatures; the same request gives the same answer without counting twice."""


class Purse:
    """Vouchers of one wallet in one SQLite file (0600)."""

    def __init__(self, path: Path, keys: Keys) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._keys = keys
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

    def redeem(self, ledger: Ledger, series: Series, *, singles: bool = False) -> int:
        """Redeem every full lot, each to its own fresh recipient; returns how many vouchers were redeemed.

        `singles` also redeems what fills no lot, one voucher at a time: for a series that is about to close."""
        sent = [self._submit(ledger, lot) for lot in self._lots(series, singles)]
        return sum(self._settle(ledger, lot, pending) for lot, pending in sent)

    def count(self, *, redeemed: bool) -> int:
        """Vouchers held with a signature, redeemed or not."""
        query = "SELECT count(*) FROM voucher WHERE signature IS NOT NULL AND redeemed=?"
        return int(self._db.execute(query, (int(redeemed),)).fetchone()[0])

    def lots(self) -> list[tuple[int, int]]:
        """(series, lot) of every recipient that received something."""
        query = f"SELECT DISTINCT series, place / {LOT} FROM voucher WHERE redeemed=1 ORDER BY 1, 2"  # noqa: S608
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

    def _reserve(self, series: int, count: int) -> bytes:
        """Write down what will be asked for before it is asked for."""
        first = self._db.execute(
            "SELECT coalesce(max(place) + 1, 0) FROM voucher WHERE series=?", (series,)
        ).fetchone()[0]
        request = self._keys.serial(series, -1 - first)[:16]
        rows = [(series, first + offset, request) for offset in range(count)]
        with self._transaction() as db:
            db.executemany("INSERT INTO voucher(series, place, request) VALUES(?, ?, ?)", rows)
        return request

    def _finish(self, issuer: Issuer, series: Series, request: bytes) -> int:
        rows = self._db.execute(
            "SELECT place FROM voucher WHERE series=? AND request=? ORDER BY place", (series.number, request)
        )
        places = [int(place) for (place,) in rows]
        factors = [self._keys.blinding_factor(series.number, place, series.modulus) for place in places]
        blinded = [
            blind(
                series.message(self._keys.serial(series.number, place), self._recipient(series.number, place)),
                factor,
                series.modulus,
            )
            for place, factor in zip(places, factors, strict=True)
        ]
        signed = issuer.sign(self._keys.credential(), series.number, request, blinded)
        if len(signed) != len(places):
            raise WalletError("VOUCHER_INVALID", "the issuer signed another number of vouchers", "collect again later")
        signatures = [unblind(value, factor, series.modulus) for value, factor in zip(signed, factors, strict=True)]
        for place, signature in zip(places, signatures, strict=True):
            if not series.verify(self._voucher(series.number, place, signature)):
                raise WalletError("VOUCHER_INVALID", "the issuer's signature does not verify", "collect again later")
        with self._transaction() as db:
            db.executemany(
                "UPDATE voucher SET signature=? WHERE series=? AND place=?",
                [(signature, series.number, place) for place, signature in zip(places, signatures, strict=True)],
            )
        return len(places)

    def _lots(self, series: Series, singles: bool) -> list[Lot]:
        rows = self._db.execute(
            "SELECT place, signature FROM voucher WHERE series=? AND redeemed=0 AND signature IS NOT NULL "
            "ORDER BY place",
            (series.number,),
        ).fetchall()
        by_lot: dict[int, Lot] = {}
        for place, signature in rows:
            by_lot.setdefault(place // LOT, []).append((place, self._voucher(series.number, place, signature)))
        full = [lot for lot in by_lot.values() if len(lot) == LOT]
        rest = [[item] for lot in by_lot.values() if len(lot) < LOT for item in lot]
        return full + (rest if singles else [])

    def _submit(self, ledger: Ledger, lot: Lot) -> tuple[Lot, Pending | None]:
        """Send a lot from its own recipient; what a crash hid that it was redeemed before comes back without a send."""
        place, first = lot[0]
        write = writes.Redeem(
            first.series,
            first.recipient,
            tuple(writes.Word(voucher.serial) for _, voucher in lot),
            tuple(writes.RsaValue(voucher.signature) for _, voucher in lot),
        )
        try:
            return lot, ledger.submit(write, self._keys.recipient(first.series, place // LOT))
        except WriteReverted:
            if spent := _spent(ledger, lot):
                return spent, None
            raise

    def _settle(self, ledger: Ledger, lot: Lot, pending: Pending | None) -> int:
        """Wait for a lot and mark it; a lot sent twice across a crash fails the second time and counts once.

        Only what the chain has spent is marked: a crash may have left single vouchers of a lot redeemed and others not.
        """
        try:
            if pending is not None:
                ledger.wait(pending)
        except WriteReverted:
            lot = _spent(ledger, lot)
            if not lot:
                raise
        places = [(voucher.series, place) for place, voucher in lot]
        with self._transaction() as db:
            db.executemany("UPDATE voucher SET redeemed=1 WHERE series=? AND place=?", places)
        return len(lot)

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
