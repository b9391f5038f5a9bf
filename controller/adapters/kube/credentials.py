"""What a kubeconfig's user and cluster mean on the wire: headers, certificates, a proxy."""

import asyncio
import base64
import binascii
import json
import os
import shutil
import ssl
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from controller.engine.ports import Refused

# A credential plugin may open a browser, and wait for a person there.
LOGIN_SECONDS_MAX: Final = 120.0
EXEC_VERSIONS: Final = (
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
)


class Unusable(Refused):
    """Credentials that cannot be used; says what a person has to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A cluster or a user of a kubeconfig; its relative paths start at `folder`."""

    said: Mapping[str, Any] = field(default_factory=dict, repr=False)
    folder: Path = field(default_factory=Path)

    def text(self, name: str) -> str:
        """A member; empty when it is not there."""
        value = self.said.get(name)
        return value if isinstance(value, str) else ""

    def content(self, name: str) -> str:
        """Of the member with its data, else of the file that it names; empty when neither is there.

        The data is in base64, as a kubeconfig has it.
        """
        data = self.text(f"{name}-data")
        if data:
            try:
                return base64.b64decode(data, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError) as error:
                raise Unusable(f"{name}-data is not in base64") from error
        file = self.text(name)
        return self.file(file) if file else ""

    def file(self, path: str) -> str:
        """What is in a file that the kubeconfig names."""
        try:
            return (self.folder / Path(path).expanduser()).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Unusable(f"{path} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What goes with each request. `renewable`: to ask for them again may give others."""

    server: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    context: ssl.SSLContext | None = None
    server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)
    renewable: bool = False


async def credentials(cluster: Entry, user: Entry) -> Credentials:
    """Of this user for this cluster. Raises Unusable."""
    server = cluster.text("server").rstrip("/")
    if not server.startswith(("http://", "https://")):
        raise Unusable(f"the cluster's server {server!r} is no address such as https://host:6443")
    token, certificate, key = await _who(cluster, user)
    headers = [("Authorization", token)] if token else []
    return Credentials(
        server=server,
        headers=(*headers, *_impersonated(user)),
        context=_context(cluster, certificate, key) if server.startswith("https") else None,
        server_name=cluster.text("tls-server-name") or None,
        proxy=cluster.text("proxy-url") or None,
        renewable="exec" in user.said or bool(user.text("tokenFile")),
    )


async def _who(cluster: Entry, user: Entry) -> tuple[str, str, str]:
    """The header, the certificate and its key, each empty where there is none."""
    certificate, key = user.content("client-certificate"), user.content("client-key")
    if user.text("tokenFile"):
        return f"Bearer {user.file(user.text('tokenFile')).strip()}", certificate, key
    if user.text("token"):
        return f"Bearer {user.text('token')}", certificate, key
    if user.text("username"):
        pair = f"{user.text('username')}:{user.text('password')}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}", certificate, key
    plugin = user.said.get("exec")
    if isinstance(plugin, dict):
        status = await _asked(plugin, cluster, user.folder)
        token = status.get("token") or ""
        return (
            f"Bearer {token}" if token else "",
            status.get("clientCertificateData") or certificate,
            status.get("clientKeyData") or key,
        )
    return "", certificate, key


def _impersonated(user: Entry) -> tuple[tuple[str, str], ...]:
    """As whom the user acts, if as somebody else."""
    headers = [("Impersonate-User", user.text("as")), ("Impersonate-Uid", user.text("as-uid"))]
    headers += [("Impersonate-Group", str(group)) for group in user.said.get("as-groups") or ()]
    extra = user.said.get("as-user-extra") or {}
    headers += [(f"Impersonate-Extra-{k}", str(v)) for k, values in extra.items() for v in values]
    return tuple((name, value) for name, value in headers if value)


def _context(cluster: Entry, certificate: str, key: str) -> ssl.SSLContext:
    authority = cluster.content("certificate-authority")
    try:
        context = ssl.create_default_context(cadata=authority or None)
        # The CAs of clusters are often made without what the strict check asks for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if cluster.said.get("insecure-skip-tls-verify") is True:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate:
            _load(context, certificate, key)
    except (ssl.SSLError, ValueError) as error:
        raise Unusable(f"a certificate cannot be read: {error}") from error
    return context


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """The library reads them from files alone: those are ours, and gone in a moment."""
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder) / "certificate", Path(folder) / "key")
        for file, content in zip(files, (certificate, key), strict=True):
            file.touch(mode=0o600)
            file.write_text(content, encoding="utf-8")
        context.load_cert_chain(files[0], files[1] if key else None)


async def _asked(plugin: Mapping[str, Any], cluster: Entry, folder: Path) -> Mapping[str, Any]:
    """What a credential plugin answers. What it says on standard error is for the person."""
    command, version = str(plugin.get("command") or ""), str(plugin.get("apiVersion") or "")
    if version not in EXEC_VERSIONS:
        raise Unusable(f"the plugin {command!r} speaks {version!r}, not {EXEC_VERSIONS[0]}")
    path = str(folder / command) if "/" in command else command
    if shutil.which(path) is None:
        hint = f": {plugin['installHint']}" if plugin.get("installHint") else ""
        raise Unusable(f"the credential plugin {command!r} is not installed{hint}")
    interactive = plugin.get("interactiveMode") != "Never" and sys.stdin.isatty()
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = _told(cluster)
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": spec}
    more = {one["name"]: one["value"] for one in plugin.get("env") or ()}
    process = await asyncio.create_subprocess_exec(
        path,
        *map(str, plugin.get("args") or ()),
        env={**os.environ, **more, "KUBERNETES_EXEC_INFO": json.dumps(info)},
        stdin=None if interactive else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LOGIN_SECONDS_MAX):
            said, _ = await process.communicate()
    except TimeoutError as error:
        raise Unusable(f"{command} took more than {LOGIN_SECONDS_MAX:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
    return _status(command, process.returncode, said)


def _told(cluster: Entry) -> dict[str, Any]:
    """The cluster as a plugin is told of it."""
    authority = cluster.content("certificate-authority")
    return {
        "server": cluster.text("server"),
        "tls-server-name": cluster.text("tls-server-name"),
        "insecure-skip-tls-verify": cluster.said.get("insecure-skip-tls-verify") is True,
        "certificate-authority-data": base64.b64encode(authority.encode()).decode(),
        "proxy-url": cluster.text("proxy-url"),
    }


def _status(command: str, code: int | None, said: bytes) -> Mapping[str, Any]:
    if code != 0:
        raise Unusable(f"{command} ended with exit code {code}")
    try:
        status = json.loads(said)["status"]
    except (ValueError, KeyError, TypeError):
        status = None
    # What it said is a secret, whole or not.
    if not isinstance(status, dict) or not (
        status.get("token") or status.get("clientCertificateData")
    ):
        raise Unusable(f"{command} gave no credentials") from None
    return status
