"""TLS of the port: 1.2 or later, from PEM files that are read again on SIGHUP; client certificates if asked for."""

import ssl
from pathlib import Path

from node.config import Tls
from node.errors import ConfigError

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class TlsFiles:
    """A server context and the files it came from."""

    def __init__(self, folder: Path, settings: Tls) -> None:
        """Raises ConfigError TLS_FILES."""
        self._folder, self._settings = folder, settings
        self.context = self._load()

    def reload(self) -> None:
        """Take the files as they are now for new connections; the old ones stay if these are wrong (ConfigError)."""
        self._load()
        self._chain(self.context)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        self._chain(context)
        if self._settings.clients:
            path = self._folder / self._settings.clients
            try:
                context.load_verify_locations(path)
            except OSError as error:
                raise _wrong(f"{path} cannot be used: {error.strerror or error}") from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _chain(self, context: ssl.SSLContext) -> None:
        certificate, key = self._folder / self._settings.certificate, self._folder / self._settings.key
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as error:
            raise _wrong(f"{certificate} and {key} cannot be used: {error}") from error


def _no_password() -> str:
    raise ValueError("the key is encrypted; the node needs it plain, in a file of mode 0600")


def _wrong(message: str) -> ConfigError:
    return ConfigError("TLS_FILES", message, "`node validate-config` says more")
