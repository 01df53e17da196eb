"""TLS: certificates read again while running, old versions refused, clients with certificates."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from node.config import Tls
from node.errors import ConfigError
from node.tls import TlsFiles
from tests.node.front.support import ASK, Ported, ported


def certify(folder: Path, name: str, days: int = 30, begins: int = -1) -> None:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=min(begins, days - 1)))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").touch(0o600)
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def trusting(folder: Path, name: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / f"{name}.pem"))


async def ask(at: Ported, context: ssl.SSLContext) -> int:
    async with aiohttp.ClientSession() as http, http.post(at.url, json=ASK, ssl=context) as reply:
        return int((await reply.json())["result"], 16)


async def test_served_over_tls_with_sockets_and_large_answers(tmp_path: Path) -> None:
    certify(tmp_path, "node")
    async with ported(tmp_path, tls=Tls("node.pem", "node.key")) as at:
        assert at.url.startswith("https://")
        context = trusting(tmp_path, "node")
        assert await ask(at, context) == 20_210_310
        async with aiohttp.ClientSession() as http:
            async with http.ws_connect(at.url, ssl=context) as socket:
                await socket.send_json(ASK)
                assert (await socket.receive_json())["result"] == hex(20_210_310)
            large = ASK | {"id": "x" * 500_000}
            async with http.post(at.url, json=large, ssl=context, headers={"Accept-Encoding": "identity"}) as reply:
                assert len((await reply.json())["id"]) == 500_000


async def test_old_versions_are_refused(tmp_path: Path) -> None:
    certify(tmp_path, "node")
    async with ported(tmp_path, tls=Tls("node.pem", "node.key")) as at:
        context = trusting(tmp_path, "node")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
            await ask(at, context)


async def test_a_new_certificate_without_a_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certify(tmp_path, "node")
    async with ported(tmp_path, tls=Tls("node.pem", "node.key")) as at:
        first = trusting(tmp_path, "node")
        assert await ask(at, first) == 20_210_310
        (tmp_path / "node.pem").write_text("broken")
        at.port.reload()
        assert "stays as it was" in caplog.text
        assert await ask(at, first) == 20_210_310
        certify(tmp_path, "node")
        at.port.reload()
        assert await ask(at, trusting(tmp_path, "node")) == 20_210_310
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await ask(at, first)


async def test_clients_need_a_certificate_where_one_is_asked_for(tmp_path: Path) -> None:
    certify(tmp_path, "node")
    certify(tmp_path, "client")
    async with ported(tmp_path, tls=Tls("node.pem", "node.key", "client.pem")) as at:
        context = trusting(tmp_path, "node")
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await ask(at, context)
        context.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
        assert await ask(at, context) == 20_210_310


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    certify(tmp_path, "node")
    certify(tmp_path, "other")
    for settings in (
        Tls("node.pem", "other.key"),
        Tls("none.pem", "node.key"),
        Tls("node.pem", "node.key", "none.pem"),
    ):
        with pytest.raises(ConfigError, match="TLS_FILES"):
            TlsFiles(tmp_path, settings)
