"""What a container's manifest means for the process that stands for it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Object = dict[str, Any]

UNITS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR")


class ConfigError(ValueError):
    """The kubelet would not create this container; the message goes into its status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the pods of a node live on this machine."""

    node: str
    host_ip: str
    logs: Path
    folder: Path
    images: Mapping[str, Sequence[str]]


def argv(
    container: Object, env: Mapping[str, str], images: Mapping[str, Sequence[str]]
) -> list[str]:
    """The image's own entry point, unless the manifest has a command, and then the arguments."""
    entrypoint = container.get("command") or images.get(repository(container["image"]))
    if entrypoint is None:
        raise ConfigError(f'Back-off pulling image "{container["image"]}": not in the image table')
    words = [*entrypoint, *container.get("args", [])]
    return [re.sub(r"\$\(([^)]+)\)", lambda m: env.get(m[1], m[0]), word) for word in words]


def repository(image: str) -> str:
    """`registry.local/team/exam-server:v2@sha256:…` is `exam-server`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def environment(pod: Object, container: Object, *, address: str, place: Place) -> dict[str, str]:
    meta = pod["metadata"]
    env = {name: os.environ[name] for name in INHERITED if name in os.environ}
    env |= {
        "POD_IP": address,
        "POD_NAME": meta["name"],
        "POD_NAMESPACE": meta["namespace"],
        "HOSTNAME": meta["name"],
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONUNBUFFERED": "1",
    }
    if ports := container.get("ports"):
        env["PORT"] = str(ports[0]["containerPort"])
    for entry in container.get("env", []):
        source = entry.get("valueFrom", {})
        if field := source.get("fieldRef", {}).get("fieldPath"):
            env[entry["name"]] = _field(pod, field, address=address, place=place)
        elif source:
            raise ConfigError(f"env {entry['name']}: this node knows fieldRef only")
        else:
            env[entry["name"]] = entry.get("value", "")
    return env


def _field(pod: Object, path: str, *, address: str, place: Place) -> str:
    known = {
        "status.podIP": address,
        "status.hostIP": place.host_ip,
        "spec.nodeName": place.node,
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", ""),
    }
    if path in known:
        return str(known[path])
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str(pod["metadata"].get(match[1], {}).get(match[2], ""))
    return str(pod["metadata"][path.removeprefix("metadata.")])


def memory_limit(container: Object) -> int | None:
    quantity = container.get("resources", {}).get("limits", {}).get("memory")
    if quantity is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]*)", str(quantity))
    assert match, f"not a quantity: {quantity}"
    assert match[2] in UNITS, f"a memory limit reads like 64Mi, not {quantity}"
    return int(float(match[1]) * UNITS[match[2]])


def port_number(container: Object, port: int | str) -> int:
    """A probe may name the container's port instead of giving its number."""
    named = {p.get("name"): p["containerPort"] for p in container.get("ports", [])}
    return int(named.get(port, port))
