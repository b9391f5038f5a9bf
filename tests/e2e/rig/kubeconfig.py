"""Reads and writes the few parts of a kubeconfig that the rig needs."""

from __future__ import annotations

import base64
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach one API server, as whom."""

    server: str
    tls: ssl.SSLContext
    headers: dict[str, str]


def load(path: Path) -> Access:
    config = yaml.safe_load(path.read_text())
    context = _named(config, "context", config["current-context"])
    cluster = _named(config, "cluster", context["cluster"])
    user = _named(config, "user", context["user"])
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    return Access(server=cluster["server"], tls=_tls(cluster, user, path.parent), headers=headers)


def write(path: Path, *, like: Path, token: str) -> Path:
    """A kubeconfig for the same cluster as `like`, for the bearer of `token`."""
    config = yaml.safe_load(like.read_text())
    context = _named(config, "context", config["current-context"])
    cluster = _named(config, "cluster", context["cluster"])
    if "certificate-authority" in cluster:
        cluster["certificate-authority"] = str(like.parent / cluster["certificate-authority"])
    path.write_text(yaml.safe_dump(document(cluster, {"token": token})))
    return path


def document(cluster: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "rig", "cluster": cluster}],
        "users": [{"name": "rig", "user": user}],
        "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": "rig"}}],
        "current-context": "rig",
    }


def _named(config: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(e[kind] for e in config[f"{kind}s"] if e["name"] == name)
    return found


def _tls(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority := _material(cluster, "certificate-authority", folder):
        context = ssl.create_default_context(cadata=authority)
    certificate = _material(user, "client-certificate", folder)
    key = _material(user, "client-key", folder)
    if certificate and key:
        # The standard library takes a client certificate from a file only.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:
            both.write(certificate + "\n" + key)
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _material(section: dict[str, Any], name: str, folder: Path) -> str | None:
    if encoded := section.get(f"{name}-data"):
        return base64.b64decode(encoded).decode()
    if path := section.get(name):
        return Path(folder, path).read_text()
    return None
