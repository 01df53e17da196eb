"""The legal bases on which something may be kept against an erasure: a closed, dated list, no free text.

A basis names the law, the record kinds it may keep, how long at most, and since when it is in the list. A change is a
new row with its own dates, so that an old hold is judged by the list of its day. `LIST_HASH` goes with every hold.
Sources: the acts named in the rows, as in force in 2021; an operator's counsel confirms the list.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass

from protocol.calendar import date_of, day_from_date
from protocol.canonical import canonical
from protocol.quantities import Day
from protocol.records import RecordKind
from vault.errors import VaultError
from vault.stores import Hold

EVIDENCE = frozenset(RecordKind) - {RecordKind.PROOF}


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """One row of the list."""

    code: str
    law: str
    keeps: frozenset[RecordKind]
    years: int
    """A hold may last this long from the day it was placed."""
    since: dt.date
    until: dt.date | None = None
    """The last day on which a hold may be placed on it; None: still open."""


BASES = (
    LegalBasis(
        "MEDICAL_RECORD",
        "Medical Service Act, article 22; Enforcement Rule, article 15: medical records, 10 years",
        frozenset({RecordKind.RELEASE, RecordKind.CONSENT, RecordKind.CONTRACT}),
        10,
        dt.date(2021, 3, 10),
    ),
    LegalBasis(
        "CONTRACT_RECORD",
        "Act on the Consumer Protection in Electronic Commerce, article 6; Enforcement Decree, article 6: contracts, "
        "5 years",
        frozenset({RecordKind.CONTRACT, RecordKind.CONSENT}),
        5,
        dt.date(2021, 3, 10),
    ),
    LegalBasis(
        "DISPUTE_RECORD",
        "Act on the Consumer Protection in Electronic Commerce, article 6; Enforcement Decree, article 6: complaints "
        "and disputes, 3 years",
        EVIDENCE,
        3,
        dt.date(2021, 3, 10),
    ),
    LegalBasis(
        "TAX_RECORD",
        "Framework Act on National Taxes, article 85-3: books and proof of transactions, 5 years",
        frozenset({RecordKind.ENTITLEMENT, RecordKind.CONTRACT}),
        5,
        dt.date(2021, 3, 10),
    ),
    LegalBasis(
        "COURT_EVIDENCE",
        "Civil Procedure Act, articles 344 and 375: evidence a court ordered to be kept",
        EVIDENCE,
        5,
        dt.date(2021, 3, 10),
    ),
    LegalBasis(
        "COMMISSION_INSPECTION",
        "Personal Information Protection Act, article 63: material the Commission demanded",
        EVIDENCE,
        2,
        dt.date(2021, 3, 10),
    ),
)


def _row(basis: LegalBasis) -> dict[str, object]:
    return {
        "code": basis.code,
        "keeps": sorted(basis.keeps),
        "law": basis.law,
        "since": basis.since.isoformat(),
        "until": "" if basis.until is None else basis.until.isoformat(),
        "years": basis.years,
    }


LIST_HASH = hashlib.sha256(b"tideprint/legal-bases/1" + canonical({"bases": [_row(basis) for basis in BASES]})).digest()
"""SHA-256 of the canonical list."""


def basis_of(code: str, placed: Day | None = None) -> LegalBasis:
    """The row of a code that is open on a day; without a day, any row. Raises `BASIS_UNKNOWN`."""
    date = None if placed is None else date_of(placed)
    for basis in BASES:
        dated = date is None or (basis.since <= date and (basis.until is None or date <= basis.until))
        if basis.code == code and dated:
            return basis
    codes = ", ".join(sorted({basis.code for basis in BASES}))
    raise VaultError("BASIS_UNKNOWN", f"no law of the list is called {code} then", f"one of: {codes}")


def check_hold(hold: Hold) -> None:
    """Raises `BASIS_UNKNOWN` for a hold whose basis is not in the list."""
    basis_of(hold.basis)


def last_day(basis: LegalBasis, placed: Day) -> Day:
    """The last day to which a hold placed on a day may reach."""
    date = date_of(placed)
    try:
        return day_from_date(date.replace(year=date.year + basis.years))
    except ValueError:
        return day_from_date(dt.date(date.year + basis.years, 3, 1))
