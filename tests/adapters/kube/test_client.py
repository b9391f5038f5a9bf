"""The wire: how answers fail, and how credentials are found and renewed."""

import asyncio
import datetime
import ipaddress
import json
import os
import ssl
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kubernetes.aio.client.configuration import Configuration

from controller.adapters.kube.client import (
    AlreadyExists,
    Denied,
    Expired,
    KubeClient,
    NotFound,
    Unauthenticated,
    failure_of,
    load_configuration,
)
from controller.engine.ports import Conflict, Refused, Unavailable


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "BadRequest", Refused),
        (401, "Unauthorized", Unauthenticated),
        (403, "Forbidden", Denied),
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (410, "Expired", Expired),
        (422, "Invalid", Refused),
        (429, "TooManyRequests", Unavailable),
        (500, "InternalError", Unavailable),
        (504, "Timeout", Unavailable),
    ],
)
def test_a_status_says_what_to_do_next(status: int, reason: str, kind: type[Exception]) -> None:
    body = json.dumps({"kind": "Status", "reason": reason, "message": "why"}).encode()
    failure = failure_of(status, body)
    assert type(failure) is kind
    assert str(failure) == f"{status} why"


@pytest.mark.parametrize("body", [b"<html>\n Bad\n gateway</html>", b"", b"[]", b"\xff"])
def test_a_page_of_a_proxy_is_a_failure_like_any_other(body: bytes) -> None:
    assert type(failure_of(502, body)) is Unavailable


def test_a_version_ahead_of_the_server_is_known_by_its_cause_or_its_words() -> None:
    for body in (
        {"message": "Timeout: Too large resource version: 9, current: 1"},
        {"details": {"causes": [{"reason": "ResourceVersionTooLarge"}]}},
    ):
        assert isinstance(failure_of(504, json.dumps(body).encode()), Expired)


def kubeconfig(folder: Path) -> Path:
    path = folder / "config"
    content = {
        "current-context": "b",
        "clusters": [{"name": n, "cluster": {"server": f"http://{n}:1"}} for n in "ab"],
        "users": [{"name": "me", "user": {"token": "secret"}}],
        "contexts": [{"name": n, "context": {"cluster": n, "user": "me"}} for n in "ab"],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_kubeconfig_is_read_with_its_context_or_a_named_one(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path)
    assert asyncio.run(load_configuration(path, None)).host == "http://b:1"
    assert asyncio.run(load_configuration(path, "a")).host == "http://a:1"


def test_a_kubeconfig_that_names_no_cluster_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("{}")
    with pytest.raises(Refused, match=r"current-context.*In a pod.*--kubeconfig"):
        asyncio.run(load_configuration(tmp_path / "config", None))


def test_nobody_listening_is_unavailable() -> None:
    async def run() -> None:
        client = KubeClient(Configuration(host="http://127.0.0.1:9"))
        with pytest.raises(Unavailable, match="GET /version"):
            await client.request("GET", "/version", timeout_seconds=2)
        await client.close()

    asyncio.run(run())


def test_a_token_that_is_being_replaced_is_unavailable_for_the_moment(tmp_path: Path) -> None:
    token = tmp_path / "token"

    def refresh(configuration: Configuration) -> None:
        configuration.api_key["BearerToken"] = f"bearer {token.read_text()}"

    async def run() -> None:
        configuration = Configuration(host="http://127.0.0.1:9", api_key={"BearerToken": "old"})
        configuration.refresh_api_key_hook = refresh
        client = KubeClient(configuration)
        with pytest.raises(Unavailable, match="No such file"):
            await client.request("GET", "/version")
        await client.close()

    asyncio.run(run())


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A new authority's certificate for 127.0.0.1, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    public, private = folder / f"{name}.crt", folder / f"{name}.key"
    public.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


def test_a_replaced_authority_is_loaded_when_the_old_one_fails(tmp_path: Path) -> None:
    old, _ = certificate(tmp_path, "old")
    new, context = certificate(tmp_path, "new")
    trusted = tmp_path / "ca.crt"
    trusted.write_bytes(old.read_bytes())
    os.utime(trusted, (1, 1))

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="{}")

    async def run() -> None:
        application = web.Application()
        application.router.add_get("/version", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        host, port = runner.addresses[0][:2]
        client = KubeClient(Configuration(host=f"https://{host}:{port}", ssl_ca_cert=str(trusted)))
        with pytest.raises(Unavailable):
            await client.request("GET", "/version")
        trusted.write_bytes(new.read_bytes())
        with pytest.raises(Unavailable):
            await client.request("GET", "/version")
        assert await client.request("GET", "/version") == b"{}"
        await client.close()
        await runner.cleanup()

    asyncio.run(run())
