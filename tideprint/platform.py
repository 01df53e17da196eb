"""One member's rooms wired together: chain, vault, gate, oracle.

This is the only place that knows all of them. Everything below one directory (`Places`) belongs to one platform.
"""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from eth_account.signers.local import LocalAccount

from chain import Anchorer, Ledger
from oracles.anchoring import Anchoring, ProofKeeper
from oracles.batches import BatchBuilder
from oracles.closing import DayCloser
from oracles.issuer import Issuer
from oracles.ledger import Ledger as IssuanceLedger
from oracles.pending import PendingReference
from oracles.register import ShoeRegister
from oracles.rewards import Rewards
from oracles.sealing import ErasableSeal
from oracles.series_keys import WRAPPING_KEY_SIZE, SeriesKeys
from oracles.sidecar import Oracle, OracleParts
from oracles.spool import Spool
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Seconds, SubjectId
from protocol.references import Kind
from protocol.rules import RuleSet
from tideprint.places import Places
from tideprint.stores import AuditTrail, Certificates, SealedRecords, SubjectStore
from vault import Cause, Vault, VaultOptions
from vault.access_log import AccessLog
from vault.agreement_book import AgreementBook
from vault.agreements import Agreements
from vault.certificates import Certificate
from vault.folders import UnmappedLog
from vault.gate import Gate, Request
from vault.gate.notes import PatientNotes
from vault.releases import Release, ReleaseBook

REQUEST_DOMAIN = b"tideprint/erasure-request/1"


def system_seconds() -> Seconds:
    """UTC seconds now."""
    return Seconds(int(time.time()))


class Platform:
    """Use as a context manager; `create` makes the files, `open` finds them."""

    def __init__(
        self,
        places: Places,
        ledger: Ledger,
        oracle_account: LocalAccount,
        custodian_account: LocalAccount,
        rules: RuleSet,
        *,
        create: bool,
        allow_remnants: bool = False,
        clock: Callable[[], Seconds] = system_seconds,
    ) -> None:
        """`allow_remnants` takes a root slot where overwritten secrets may stay readable; whoever passes it says so."""
        self.places = places
        self.ledger = ledger
        self.rules = rules
        self.clock = clock
        self._closing = ExitStack()
        options = VaultOptions(allow_remnants=allow_remnants, clock=clock)
        make = Vault.create if create else Vault.open
        self.vault = self._closing.enter_context(make(places.vault, options))
        self._open_gate(create)
        self._open_oracle(oracle_account, custodian_account)
        self._register_stores()
        self.vault.erasures.resume()
        self.queue_certificates()

    def __enter__(self) -> "Platform":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every file."""
        self._closing.close()

    def release(self, request: Request) -> Release:
        """Ask the gate. Whatever it decides, its log lines and receipts go into the next AUDIT batch."""
        release = None
        try:
            release = self.gate.release(request)
            return release
        finally:
            self.oracle.add_references(AuditTrail(self.access_log, self.vault.records).waiting(release))

    def erase(self, credential: bytes) -> Certificate:
        """Erase the wearer who asks for it and shows the credential; the certificate waits for the ERASURE batch.

        Asked again, also after a crash or a store that did not answer, it goes on where it stopped; once it is over the
        same certificate comes back. Refuses `NOT_DATA_SUBJECT` where nobody enrolled has this credential."""
        request_key = hashlib.sha256(REQUEST_DOMAIN + credential).hexdigest()
        known = self.vault.erasures.find(request_key)
        if known is None:
            known = self.vault.request_erasure(self._known(credential), Cause.ERASURE_REQUEST, request_key)
        done = self.vault.erasures.run(known.id, identity_verified=True)
        self.queue_certificates()
        return self.vault.erasures.certificate_of(done)

    def queue_certificates(self) -> None:
        """Put certificates that no batch holds into the queue; each counts as one person under a fresh token."""
        self.oracle.add_references(
            PendingReference(Kind.ERASURE, certificate.reference, os.urandom(16), certificate.number)
            for certificate in self.vault.certificates.pending()
        )

    def wearer_of(self, credential: bytes) -> SubjectId | None:
        """Whose credential this is, if anybody's."""
        return self.vault.identity.subject_of_credential(hashlib.sha256(credential).digest())

    # what wallets call: `wallet.Issuer`

    def due(self, credential: bytes, series: int) -> int:
        """How many vouchers of a series this wearer may still collect."""
        return self.oracle.collectable(self._known(credential)).get(series, 0)

    def sign(self, credential: bytes, series: int, request: bytes, blinded: Sequence[int]) -> list[int]:
        """Blind signatures for a wearer who is entitled to them."""
        return self.oracle.collect(self._known(credential), series, request, blinded)

    def _known(self, credential: bytes) -> SubjectId:
        subject = self.wearer_of(credential)
        if subject is None:
            raise Refusal(RefusalCode.NOT_DATA_SUBJECT, "nobody enrolled has this credential")
        return subject

    def _open_gate(self, create: bool) -> None:
        """The gate and its books, beside the sealed records."""
        books = self.places.vault / "gate"
        books.mkdir(mode=0o700, exist_ok=True)
        tags = self.vault.tag_key_of
        self.access_log = AccessLog(books / "access.db", tags, self.clock, create=create)
        book = AgreementBook(books / "agreements.db", tags, create=create)
        releases = ReleaseBook(books / "releases.db", create=create)
        notes = PatientNotes(books / "notes.db", self.vault.identity.slot_of, create=create)
        for file in (self.access_log, book, releases, notes):
            self._closing.callback(file.close)
        for store in (book, releases, notes):
            self.vault.erasures.register(store.erasable)
        self.vault.erasures.register(UnmappedLog(self.access_log))
        records = self.vault.records
        self.agreements = Agreements(records, book, self.ledger.domain, self.rules, self.clock)
        self.gate = Gate(
            records,
            self.ledger,
            self.access_log,
            self.rules,
            self.clock,
            agreements=self.agreements,
            releases=releases,
            notes=notes,
        )

    def _open_oracle(self, oracle: LocalAccount, custodian: LocalAccount) -> None:
        """The oracle and its stores."""
        self.places.oracle.mkdir(mode=0o700, exist_ok=True)
        seal = ErasableSeal(self.vault.tag_key_of)
        self.spool = Spool(self.places.oracle / "spool.db", seal)
        self.shoes = ShoeRegister(self.places.oracle / "shoes.db", seal, self.vault.identity.subject_of_device)
        issuance = IssuanceLedger(self.places.oracle / "issuance.db", seal)
        for file in (self.spool, self.shoes, issuance):
            self._closing.callback(file.close)
        keys = SeriesKeys(self.places.oracle / "series", _wrapping_key(self.places.series_wrap))
        self.issuer = Issuer(keys, issuance)
        accounts = {
            Kind.READING: oracle,
            Kind.ISSUANCE: oracle,
            Kind.AUDIT: custodian,
            Kind.ERASURE: custodian,
        }
        keepers: dict[Kind, ProofKeeper] = {
            Kind.READING: SealedRecords(self.vault.records),
            Kind.AUDIT: AuditTrail(self.access_log, self.vault.records),
            Kind.ERASURE: Certificates(self.vault.certificates),
        }
        self.builder = BatchBuilder(self.spool.pending, self.rules.k_floor)
        self.oracle = Oracle(
            OracleParts(
                spool=self.spool,
                register=self.shoes,
                closer=DayCloser(self.spool, self.vault.records, Rewards(issuance, self.rules), self.rules),
                builder=self.builder,
                anchoring=Anchoring(self.builder, Anchorer(self.ledger, accounts, self.rules.hash()), keepers),
                issuer=self.issuer,
                now_ms=lambda: self.clock() * 1_000,
            )
        )

    def _register_stores(self) -> None:
        """Everything outside the vault that knows a subject; no erasure is certified without them."""
        for store in (self.spool, self.shoes, self.issuer):
            self.vault.erasures.register(SubjectStore(store))


def _wrapping_key(path: Path) -> bytes:
    """The key under which series keys are encrypted at rest: a file of its own, 0600, made once, backed up with neither
    oracle nor vault. Whoever has it and the oracle's directory can issue vouchers up to the cap."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.urandom(WRAPPING_KEY_SIZE))
            file.flush()
            os.fsync(file.fileno())
    return path.read_bytes()
