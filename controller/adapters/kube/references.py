"""Which ConfigMaps and Secrets a pod template names."""

from collections.abc import Iterator, Mapping
from typing import Any

from controller.domain.mounts import MOUNTS_MAX, Mount, MountKind


def mounts_of(template: Mapping[str, Any]) -> tuple[Mount, ...]:
    """What a pod template uses of ConfigMaps and Secrets, in order, each once, up to a limit."""
    spec = template.get("spec") or {}
    found = {Mount(kind, name) for kind, name in _named(spec) if name}
    return tuple(sorted(found)[:MOUNTS_MAX])


def _named(spec: Mapping[str, Any]) -> Iterator[tuple[MountKind, str]]:
    for volume in spec.get("volumes") or ():
        yield from _of_source(volume, "secretName")
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _of_source(source, "name")
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for variable in container.get("env") or ():
            yield from _of_references(variable.get("valueFrom") or {}, "KeyRef")
        for whole in container.get("envFrom") or ():
            yield from _of_references(whole, "Ref")


def _of_source(source: Mapping[str, Any], secret_name: str) -> Iterator[tuple[MountKind, str]]:
    yield MountKind.CONFIG_MAP, (source.get("configMap") or {}).get("name") or ""
    yield MountKind.SECRET, (source.get("secret") or {}).get(secret_name) or ""


def _of_references(place: Mapping[str, Any], ending: str) -> Iterator[tuple[MountKind, str]]:
    yield MountKind.CONFIG_MAP, (place.get(f"configMap{ending}") or {}).get("name") or ""
    yield MountKind.SECRET, (place.get(f"secret{ending}") or {}).get("name") or ""
