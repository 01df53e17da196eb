"""`tideprint vault erase`."""

from pathlib import Path

import click

from protocol.errors import Refusal, RefusalCode
from vault.cli.common import DATA, JSON, REMNANTS, show, speaking
from vault.sagas import Cause
from vault.vault import Vault, VaultOptions


@click.command()
@DATA
@click.option("--person", required=True, help="Whom to forget, as enrolled.")
@click.option("--cause", type=click.Choice([cause.value for cause in Cause]), required=True, help="Why.")
@click.option("--identity-verified", is_flag=True, help="You have verified who asks.")
@click.option("--request", "request_key", help="The requester's own number: the same number never erases twice.")
@REMNANTS
@JSON
@speaking
def erase(
    data: Path,
    person: str,
    cause: str,
    identity_verified: bool,
    request_key: str | None,
    allow_remnants: bool,
    as_json: bool,
) -> None:
    """Erase a person everywhere and print the certificate.

    Example: tideprint vault erase --data DIR --person anna --cause ERASURE_REQUEST --identity-verified
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        known = opened.erasures.find(request_key)
        subject = opened.identity.subject_of(person)
        if known is not None:
            done = opened.erasures.run(known.id, identity_verified=identity_verified)
            certificate = opened.erasures.certificate_of(done)
        elif subject is None:
            raise Refusal(RefusalCode.NOT_DATA_SUBJECT, "nothing to erase for this person", "check how it was enrolled")
        else:
            certificate = opened.erase(
                subject, Cause(cause), identity_verified=identity_verified, request_key=request_key
            )
        public = {"public_key": opened.certificates.public_key.hex(), "signature": certificate.signature.hex()}
        show({**certificate.body, **public, "reference": certificate.reference.hex()}, as_json, "Erasure certificate")
