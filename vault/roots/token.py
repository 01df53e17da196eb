"""A root slot in a PKCS#11 token: one generic secret per epoch that never leaves it.

The token makes the secret (CKM_GENERIC_SECRET_KEY_GEN, sensitive, not extractable) and computes the key of the root
node (CKM_SHA256_HMAC), the same way as every other kind of slot. An object's label is "<label> <vault id hex> <epoch>",
its id the mark of the attempt. Destruction is checked by searching again. Switch off the token's own backup and key
export: a copy of the token undoes later erasures. python-pkcs11 comes with the extra `pkcs11`.
"""

import os
import stat
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vault.errors import RootRefused, StoreUnavailable, VaultError
from vault.roots.slot import SECRET_SIZE, RootReport, Secret, is_kept, root_message

PIN_LIMIT = 255


def read_pin(pin_file: Path | None, credential: str) -> str:
    """The user PIN: the first line of a file of mode 0600, or of a credential of the service manager
    ($CREDENTIALS_DIRECTORY). Never from a command line. Raises `TOKEN_PIN_MISSING`, `TOKEN_PIN_EXPOSED`."""
    hint = "name pin_file (mode 0600) or pin_credential (LoadCredential= of the service)"
    if credential:
        directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
        pin_file = Path(directory) / credential if directory and "/" not in credential else None
    if pin_file is None:
        raise RootRefused("TOKEN_PIN_MISSING", "no PIN for the token is given", hint)
    try:
        with pin_file.open("rb") as stream:
            if not credential and stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
                raise RootRefused("TOKEN_PIN_EXPOSED", "others may read the PIN file", "chmod 600, and change the PIN")
            pin = stream.readline(PIN_LIMIT).strip().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RootRefused("TOKEN_PIN_MISSING", f"the PIN cannot be read: {error}", hint) from error
    if not pin:
        raise RootRefused("TOKEN_PIN_MISSING", "the PIN file is empty", hint)
    return pin


class TokenRootSlot:
    """A root slot in a token; one label serves one vault."""

    def __init__(self, module: Path, token: str, label: str, pin: str) -> None:
        """Log in. Raises `TOKEN_SUPPORT_MISSING`, `TOKEN_UNAVAILABLE`, `TOKEN_PIN_WRONG`, `ROOT_SETTINGS`."""
        try:
            import pkcs11
        except ImportError:
            hint = "install tideprint[pkcs11]"
            raise StoreUnavailable("TOKEN_SUPPORT_MISSING", "python-pkcs11 is not installed", hint) from None
        if not label or " " in label:
            raise VaultError("ROOT_SETTINGS", "the label of a token slot is one word", "set label in the settings")
        self._pkcs11: Any = pkcs11
        self._label, self._token = label, token
        self._lock = threading.RLock()
        self._session: Any = None
        with self._translated():
            self._session = pkcs11.lib(str(module)).get_token(token_label=token).open(rw=True, user_pin=pin)

    def held(self) -> tuple[Secret, ...]:
        """The secrets in the token."""
        return tuple(sorted(secret for secret, _, _ in self._objects()))

    def epochs(self) -> tuple[int, ...]:
        """Their epochs, ascending."""
        return tuple(secret.epoch for secret in self.held())

    def owner(self) -> bytes:
        """The id of the vault under this label. Raises `ROOT_FOREIGN` if there are several."""
        owners = {vault_id for _, vault_id, _ in self._objects()}
        if len(owners) > 1:
            raise RootRefused("ROOT_FOREIGN", "several vaults share this label", "give every vault a label of its own")
        return next(iter(owners), b"")

    def root_key(self, epoch: int, attempt: bytes = b"") -> bytes:
        """The key of the root node, computed in the token. Raises `ROOT_EPOCH_GONE`."""
        for secret, vault_id, found in self._objects():
            if secret.epoch == epoch and attempt in (b"", secret.attempt):
                with self._translated():
                    message = root_message(vault_id, epoch)
                    return bytes(found.sign(message, mechanism=self._pkcs11.Mechanism.SHA256_HMAC))
        raise RootRefused("ROOT_EPOCH_GONE", f"no secret for epoch {epoch}", "this key database is an old copy")

    def prepare(self, epoch: int, vault_id: bytes, attempt: bytes, replaces: Collection[bytes] = ()) -> None:
        """Have the token make a secret; one of the same epoch that never came into use is destroyed first."""
        known = {*replaces, attempt}
        with self._lock:
            found = self._objects()
            if any(owner != vault_id for _, owner, _ in found):
                raise RootRefused("ROOT_FOREIGN", "another vault's secret is here", "give every vault its own label")
            if any(s.epoch > epoch or (s.epoch == epoch and s.attempt not in known) for s, _, _ in found):
                hint = "this key database is an old copy; open the current one, nothing was changed"
                raise RootRefused("ROOT_STALE", "the token holds a newer secret that this database never made", hint)
            if len({secret.epoch for secret, _, _ in found} - {epoch}) > 1:
                raise RootRefused("ROOT_FULL", "two other epochs are held", "open the vault again: it settles first")
            self._destroy([key for secret, _, key in found if secret.epoch == epoch])
            self._generate(epoch, vault_id, attempt)

    def _generate(self, epoch: int, vault_id: bytes, attempt: bytes) -> None:
        attribute, kinds = self._pkcs11.Attribute, self._pkcs11.KeyType
        with self._translated():
            key = self._session.generate_key(
                kinds.GENERIC_SECRET,
                8 * SECRET_SIZE,
                id=attempt,
                label=f"{self._label} {vault_id.hex()} {epoch}",
                store=True,
                mechanism=self._pkcs11.Mechanism.GENERIC_SECRET_KEY_GEN,
                template={
                    attribute.SENSITIVE: True,
                    attribute.EXTRACTABLE: False,
                    attribute.PRIVATE: True,
                    attribute.SIGN: True,
                },
            )
            sealed_in = key[attribute.NEVER_EXTRACTABLE] and key[attribute.ALWAYS_SENSITIVE]
        if not sealed_in:
            self._destroy([key])
            hint = "allow non-extractable secrets in the token's policy"
            raise RootRefused("TOKEN_EXTRACTABLE", "the token made a key that can leave it", hint)

    def settle(self, epoch: int, attempt: bytes) -> None:
        """Destroy every other secret and search again. Raises `ROOT_STILL_HELD`."""
        current = Secret(epoch, attempt)
        with self._lock:
            self._destroy([key for secret, _, key in self._objects() if not is_kept(secret, current)])
            if not self.settled(epoch, attempt):
                raise StoreUnavailable(
                    "ROOT_STILL_HELD", "the token keeps a key it was told to destroy", "ask its maker"
                )

    def settled(self, epoch: int, attempt: bytes) -> bool:
        """Does a search find no other secret?"""
        return all(is_kept(secret, Secret(epoch, attempt)) for secret in self.held())

    def report(self, epoch: int, attempt: bytes) -> RootReport:
        """How things stand."""
        settled = self.settled(epoch, attempt)
        debts = () if settled else ("the token still holds an old secret",)
        return RootReport("pkcs11", f"token {self._token}", (f"token {self._token}",) if settled else (), debts)

    def close(self) -> None:
        """Log out; a second call does nothing."""
        session, self._session = self._session, None
        if session is not None:
            with self._translated():
                session.close()

    def _objects(self) -> list[tuple[Secret, bytes, Any]]:
        """Secret, vault id and object of everything under the label."""
        attribute = self._pkcs11.Attribute
        found = []
        with self._lock, self._translated():
            wanted = {attribute.CLASS: self._pkcs11.ObjectClass.SECRET_KEY, attribute.TOKEN: True}
            for key in list(self._session.get_objects(wanted)):
                words = str(key[attribute.LABEL]).split(" ")
                if len(words) == 3 and words[0] == self._label and words[2].isdigit():
                    found.append((Secret(int(words[2]), bytes(key[attribute.ID])), bytes.fromhex(words[1]), key))
        return found

    def _destroy(self, keys: list[Any]) -> None:
        with self._translated():
            for key in keys:
                key.destroy()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        errors = self._pkcs11.exceptions
        try:
            yield
        except (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange, errors.PinLocked) as error:
            hint = "correct the PIN before you try again: tokens lock after a few wrong ones"
            raise RootRefused("TOKEN_PIN_WRONG", f"the token refuses the PIN ({type(error).__name__})", hint) from error
        except (errors.PKCS11Error, AttributeError, RuntimeError) as error:
            hint = "check module, token label and device; nothing was lost"
            message = f"the token cannot be used: {type(error).__name__} {error}"
            raise StoreUnavailable("TOKEN_UNAVAILABLE", message, hint) from error
