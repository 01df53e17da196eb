"""Holds of a vault: placed on a subject beforehand, and moved to the silo when an erasure comes."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from protocol.calendar import day_of
from protocol.quantities import Day, Seconds, SubjectId
from protocol.records import RecordKind
from vault.certificates import Certificate
from vault.envelope import OpenedRecord
from vault.errors import VaultError
from vault.holds.bases import LIST_HASH, basis_of, last_day
from vault.identity import IdentityMap
from vault.records import RecordKeeper
from vault.sagas import StoreReport
from vault.standing import Order, OrderKind, StandingOrders
from vault.stores import ErasureTarget, Hold

SILO = "silo"
METHOD = "moved before the erasure, sealed to the hold officer under the silo's own keys"
PROOF = "counted in the silo after the move"


@dataclass(frozen=True, slots=True)
class Held:
    """What lies in the silo for one hold of one erasure; nothing in it names a person."""

    id: str
    basis: str
    until: Day
    """The last day it is kept."""
    rows: int
    moved_at: Seconds
    certificate: str | None
    """Number of the certificate of its destruction, once it is over."""


class SiloDoor(AbstractContextManager["SiloDoor"], Protocol):
    """What the vault does with the silo: put in, end, never read. `vault.holds.silo.Silo` is one."""

    def move_in(self, number: str, basis: str, until: Day, person: str, records: Sequence[OpenedRecord]) -> Held:
        """Keep records for a hold, durably; the same number again changes nothing."""

    def find(self, number: str) -> Held | None:
        """What lies here under this number, or lay."""

    def all(self) -> list[Held]:
        """Every hold, also those that are over."""

    def destroy(self, number: str) -> Certificate:
        """Destroy what one hold keeps."""

    def certificates(self) -> list[Certificate]:
        """Certificates of what was destroyed."""

    def refresh_daily(self, today: Day) -> None:
        """The epoch of the silo's key tree for a day; a second one on that day does nothing."""


@dataclass(frozen=True, slots=True)
class PlacedHold:
    """A hold that waits for an erasure. `subject` is for the vault's own use."""

    id: str
    subject: SubjectId
    basis: str
    until: Day
    kinds: frozenset[RecordKind]
    by: str
    at: Seconds


class Holds:
    """Places holds, and keeps what they cover when their subject is erased."""

    def __init__(
        self,
        orders: StandingOrders,
        identity: IdentityMap,
        records: RecordKeeper,
        open_silo: Callable[[], SiloDoor],
        clock: Callable[[], Seconds],
    ) -> None:
        """`records` opens also what is being erased; it serves nobody else."""
        self._orders = orders
        self._identity = identity
        self._records = records
        self._open_silo = open_silo
        self._clock = clock

    def place(
        self, subject: SubjectId, basis: str, until: Day, by: str, kinds: frozenset[RecordKind] | None = None
    ) -> PlacedHold:
        """Keep a subject's records of these kinds (all that the basis allows, if None) to the end of a day.

        Raises `BASIS_UNKNOWN`, `HOLD_TOO_LONG`, `HOLD_TOO_WIDE`, `SUBJECT_UNKNOWN`.
        """
        now = self._clock()
        today = day_of(now)
        row = basis_of(basis, today)
        kept = row.keeps if kinds is None else kinds
        if not kept or not kept <= row.keeps:
            raise VaultError("HOLD_TOO_WIDE", f"{basis} keeps {', '.join(sorted(row.keeps))} only")
        if not today <= until <= last_day(row, today):
            raise VaultError("HOLD_TOO_LONG", f"{basis} keeps {row.years} years at most, and no day that is over")
        terms = {
            "at": now,
            "basis": basis,
            "by": by,
            "kinds": sorted(kept),
            "list": LIST_HASH.hex(),
            "until": until,
        }
        return _placed(self._orders.add(OrderKind.HOLD, subject, terms))

    def placed(self) -> list[PlacedHold]:
        """Holds that wait for an erasure."""
        return [_placed(order) for order in self._orders.all(OrderKind.HOLD)]

    def lift(self, number: str) -> None:
        """Take a placed hold back. Raises `ORDER_UNKNOWN`."""
        self._orders.remove(number)

    def retain(self, erasure: str, target: ErasureTarget) -> StoreReport | None:
        """Move what holds keep of a target to the silo; None if nothing is kept. See `vault.erasure.Retain`."""
        today = day_of(self._clock())
        kept = [(hold, list(self._covered(hold, target))) for hold in self.placed() if hold.until >= today]
        kept = [(hold, records) for hold, records in kept if records]
        if not kept:
            return None
        with self._open_silo() as silo:
            for hold, records in kept:
                person = self._identity.person_of(hold.subject)
                silo.move_in(number_of(erasure, hold.id), hold.basis, hold.until, person, records)
            rows = sum(held.rows for hold, _ in kept if (held := silo.find(number_of(erasure, hold.id))))
        holds = tuple(dict.fromkeys(Hold(hold.basis, hold.until) for hold, _ in kept))
        return StoreReport(SILO, rows, done=True, holds=holds, method=METHOD, proof=PROOF)

    def _covered(self, hold: PlacedHold, target: ErasureTarget) -> Iterator[OpenedRecord]:
        if target.subject not in (None, hold.subject):
            return
        for record in self._records.records_of(hold.subject, hold.kinds):
            if record.record_id.startswith(target.prefixes):
                yield record


def number_of(erasure: str, hold: str) -> str:
    """The number in the silo of what one hold keeps from one erasure."""
    return hashlib.sha256(f"tideprint/held/1/{erasure}/{hold}".encode()).hexdigest()[:32]


def _placed(order: Order) -> PlacedHold:
    terms = order.terms
    kinds = frozenset(map(RecordKind, terms["kinds"]))
    return PlacedHold(
        order.id, order.subject, terms["basis"], Day(terms["until"]), kinds, terms["by"], Seconds(terms["at"])
    )
