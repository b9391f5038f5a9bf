"""Over TLS: with a certificate from files, which is renewed without a restart."""

import asyncio
import datetime
import ssl
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry

from controller.adapters.http.app import Health, Tls, build_app, serve
from controller.engine.ports import Refused
from tests.domain.tabletop import START

HEALTH = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
SECONDS_MAX = 30


def certificate(folder: Path, name: str) -> Tls:
    """A self-signed one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START - datetime.timedelta(days=1))
        .not_valid_after(START + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / "tls.crt", folder / "tls.key"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Tls(certificate=cert_path, key=key_path, renewal_seconds=0.02)


async def subject_at(port: int) -> str:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return str(x509.load_der_x509_certificate(shown).subject.rfc4514_string())


def test_with_a_certificate_everything_is_encrypted_and_stays_so(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "one")

    async def story() -> httpx.Response:
        context = ssl.create_default_context(cafile=str(tls.certificate))
        async with (
            serve(build_app(HEALTH, CollectorRegistry()), "127.0.0.1", 0, tls=tls) as port,
            httpx.AsyncClient(verify=context, trust_env=False) as http,
        ):
            return await http.get(f"https://localhost:{port}/healthz")

    answer = asyncio.run(story())
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "one")

    async def story() -> None:
        async with serve(build_app(HEALTH, CollectorRegistry()), "127.0.0.1", 0, tls=tls) as port:
            assert await subject_at(port) == "CN=one"
            tls.certificate.write_text("half written")
            await asyncio.sleep(0.1)
            assert await subject_at(port) == "CN=one"
            certificate(tmp_path, "two")
            async with asyncio.timeout(SECONDS_MAX):
                while await subject_at(port) != "CN=two":  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.02)

    asyncio.run(story())


def test_a_certificate_that_cannot_be_used_is_refused_with_a_remedy(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "one")
    other = tmp_path / "other"
    other.mkdir()
    strange = certificate(other, "two")

    async def story(wrong: Tls) -> None:
        async with serve(build_app(HEALTH, CollectorRegistry()), "127.0.0.1", 0, tls=wrong):
            pass

    absent = Tls(certificate=tmp_path / "none", key=tls.key)
    for wrong in (absent, Tls(certificate=tls.certificate, key=strange.key)):
        with pytest.raises(Refused, match="tls_cert_file and tls_key_file"):
            asyncio.run(story(wrong))
