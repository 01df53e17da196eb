"""A copy of every store is taken, one wearer is erased, and the copy is shown to be useless for that wearer alone."""

import shutil

from audit import Canaries, Report, check_control, scan_files, scan_ledger
from protocol.errors import RefusalCode
from protocol.minutes import RECORD_SIZE
from protocol.records import RecordKind
from protocol.references import Kind
from tideprint.demo.people import Wearer
from tideprint.demo.stages.sharing import Agreement
from tideprint.demo.world import World
from vault import Cause
from vault.certificates import Certificate, verify_certificate
from vault.forgetting import attack, take_copy
from vault.vault import ROOT_FILE

CONTROL_ROOT = "root-slot-for-the-control"


def copy_stores(world: World) -> None:
    """What a backup or a thief would take: everything but the root slot, which no backup may hold."""
    take_copy(world.places.vault, world.places.copy / "vault")
    for name in ("oracle", "node"):
        shutil.copytree(world.places.directory / name, world.places.copy / name)
    shutil.copyfile(world.places.vault / ROOT_FILE, world.places.copy / CONTROL_ROOT)
    (world.places.copy / CONTROL_ROOT).chmod(0o600)
    control = attack(world.places.copy / "vault", world.places.vault)
    total = control.living_opened
    world.claims.figures["sealed_rows_in_the_copy"] = total
    world.claims.check(
        f"before the erasure the copy and the live root open all {total} rows", total > 0 and not control.living_closed
    )


def erase(world: World, agreed: Agreement) -> None:
    """The patient of the agreements asks to be forgotten."""
    gone = agreed.patient
    world.erased = canaries_of(world, gone)
    with world.claims.refused(RefusalCode.NOT_DATA_SUBJECT, "a stranger asks for somebody's erasure"):
        world.platform.erase(world.random(32))
    with world.claims.refused(RefusalCode.IDENTITY_UNVERIFIED, "the operator, without having verified who asks"):
        world.platform.vault.erase(world.runner.subject, Cause.ERASURE_REQUEST)
    for unverified in world.platform.vault.erasures.unfinished():
        world.platform.vault.erasures.cancel(unverified.id)
    before = len(list(world.platform.vault.records.records_of(gone.subject)))
    certificate = world.platform.erase(gone.wallet.keys.credential())
    stores = [store["name"] for store in certificate.body["stores"]]
    world.claims.count("erasures", 1)
    world.claims.figures["stores_in_the_certificate"] = len(stores)
    world.claims.check(
        f"{before} records erased in {len(stores)} stores, certified without naming anybody",
        certificate.body["state"] == "CERTIFIED" and gone.subject.hex() not in str(certificate.body),
    )
    world.claims.check("the certificate's signature verifies", _signed(world, certificate))
    known = world.platform.vault.identity.subject_of(gone.identity)
    world.claims.check("the identity map no longer knows the person", known is None)
    again = world.platform.erase(gone.wallet.keys.credential())
    world.claims.check("asked again, the same certificate comes back", again == certificate)
    with world.claims.refused(RefusalCode.CONSENT_MISSING, "the daughter asks for the forgotten once more"):
        world.platform.release(agreed.request)
    held = world.platform.oracle.anchor(Kind.ERASURE).held
    if held is not None:
        world.claims.refusals[held.code.value] = world.claims.refusals.get(held.code.value, 0) + 1
    world.claims.check("one certificate alone is not anchored: it waits for four more", held is not None)


def attack_copy(world: World, agreed: Agreement) -> None:
    """A thief with the copy and everything that exists now, the live root included."""
    copy = world.places.copy / "vault"
    findings = attack(copy, world.places.vault)
    world.claims.figures["rows_of_the_erased_that_open"] = findings.erased_opened
    world.claims.figures["rows_of_the_others_that_open"] = findings.living_opened
    world.claims.check(
        f"the copy is useless for the erased: 0 of {findings.erased_closed} rows open",
        findings.erased_opened == 0 and findings.erased_closed > 0,
    )
    world.claims.check(
        f"and still good for the others: all {findings.living_opened} rows open",
        findings.living_opened > 0 and findings.living_closed == 0,
    )
    control = attack(copy, world.places.vault, world.places.copy / CONTROL_ROOT)
    world.claims.check(
        "control: with the old root slot the same attack opens everything",
        control.erased_opened == findings.erased_closed and not control.erased_closed,
    )
    (world.places.copy / CONTROL_ROOT).unlink()
    neighbour = world.walkers[1]
    kept = list(world.platform.vault.records.records_of(neighbour.subject, [RecordKind.DAY]))
    steps = {record.day: record.record["steps"] for record in kept}
    walked = {day: sum(minutes) for day, minutes in neighbour.days.items() if sum(minutes)}
    world.claims.check("the neighbour's days are all there", {d: steps[d] for d in walked} == walked)


def scan_for_canaries(world: World, agreed: Agreement) -> None:
    """Nothing of anybody on the chain; nothing of the erased in any store, raw bytes, logs and free pages included."""
    everybody = Canaries()
    for wearer in world.wearers:
        everybody.add_all(wearer.secrets())
    for wearer in world.walkers[1:]:
        _add_days(world, everybody, wearer)
    check_control(everybody, [data for _, data in world.walkers[1].secrets()], world.places.directory)
    known = Canaries()
    known.add("an anchored root", bytes(world.ledger.anchors()[0][4]))
    chain, control = scan_ledger(world.places.url(), everybody), scan_ledger(world.places.url(), known)
    files, in_files = scan_files([world.places.node], everybody), scan_files([world.places.node], known)
    world.claims.figures["canaries_watched_for"] = everybody.windows
    scanned = f"{chain.places} blocks, {chain.scanned + files.scanned:,} bytes with the node's files"
    world.claims.figures["ledger_scanned"] = scanned
    world.claims.check(
        "control: a root that is on the ledger is found there, and in the node's files",
        bool(control.found) and bool(in_files.found),
    )
    found = len(chain.found) + len(files.found)
    world.claims.check(f"canaries of {len(world.wearers)} people on the ledger: {found}", found == 0)
    check_control(world.erased, [data for _, data in agreed.patient.secrets()], world.places.directory)
    own = scan_files([world.places.vault, world.places.oracle, world.places.node], world.erased)
    world.claims.figures["canaries_found"] = found + len(own.found)
    world.claims.check(
        f"canaries of the erased in {own.places} files of vault, oracle and node: {_list(own)}", not own.found
    )
    stolen = scan_files(
        [world.places.copy / name for name in ("vault", "oracle", "node")], _without_handle(world, agreed)
    )
    world.claims.check(f"and in the {stolen.places} files of their old copies: {_list(stolen)}", not stolen.found)


def canaries_of(world: World, wearer: Wearer) -> Canaries:
    """What would give a wearer away and is met by no chance: identity, pseudonym, shoes, salts, signatures."""
    canaries = Canaries()
    canaries.add_all(wearer.secrets())
    _add_days(world, canaries, wearer)
    return canaries


def _add_days(world: World, canaries: Canaries, wearer: Wearer) -> None:
    for record in world.platform.vault.records.records_of(wearer.subject, [RecordKind.DAY]):
        canaries.add(f"{wearer.name}: salt", record.opening.salt)
    for shoe in (wearer.pair.left, wearer.pair.right):
        if shoe.log.newest:
            minute = next(iter(shoe.records(shoe.log.newest, shoe.log.newest)))
            canaries.add(f"{wearer.name}: signature of a minute", minute[RECORD_SIZE:])


def _without_handle(world: World, agreed: Agreement) -> Canaries:
    """The canaries of the erased but the pseudonym: copies of the oracle's stores keep it, as the handle to delete rows
    by. It stands beside nothing that identifies, and what mapped it to a person does not open any more."""
    canaries = Canaries()
    pseudonym = bytes(agreed.patient.subject)
    canaries.add_all((name, data) for name, data in agreed.patient.secrets() if data != pseudonym)
    for shoe in (agreed.patient.pair.left, agreed.patient.pair.right):
        for minute in shoe.records(shoe.log.oldest, shoe.log.newest):
            canaries.add("signature of a minute", minute[RECORD_SIZE:])
    return canaries


def _signed(world: World, certificate: Certificate) -> bool:
    return verify_certificate(world.platform.vault.certificates.public_key, certificate)


def _list(report: Report) -> str:
    return ", ".join(f"{name} in {', '.join(where)}" for name, where in sorted(report.found.items())) or "0"
