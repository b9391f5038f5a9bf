"""Which pod template is meant, whatever wrote it and whatever ReplicaSet carries it."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

HASH_LABEL: Final = "pod-template-hash"
FINGERPRINT_CHARACTERS: Final = 20


def fingerprint(template: Mapping[str, Any]) -> str:
    """Equal for templates that the deployment controller takes for equal.

    It ignores the hash label, and tells an absent field from an empty one no more than we do. So
    an API server that begins to leave empty fields out changes no fingerprint.
    """
    canonical = msgspec.json.encode(_pruned(without_hash(template)), order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:FINGERPRINT_CHARACTERS]


def without_hash(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template as a Deployment carries it."""
    return _relabelled(template, None)


def with_hash(template: Mapping[str, Any], pod_template_hash: str) -> dict[str, Any]:
    """The template as a ReplicaSet carries it."""
    return _relabelled(template, pod_template_hash)


def _relabelled(template: Mapping[str, Any], pod_template_hash: str | None) -> dict[str, Any]:
    metadata = template.get("metadata") or {}
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != HASH_LABEL}
    if pod_template_hash is not None:
        labels[HASH_LABEL] = pod_template_hash
    return {**template, "metadata": {**metadata, "labels": labels}}


def images_of(template: Mapping[str, Any]) -> tuple[str, ...]:
    """The images of the app containers, in their order."""
    containers = (template.get("spec") or {}).get("containers") or ()
    return tuple(str(container.get("image", "")) for container in containers)


def _pruned(value: Any) -> Any:
    """Without null and empty members; the length of a list is a fact and stays."""
    if isinstance(value, dict):
        members = {name: _pruned(member) for name, member in value.items()}
        return {k: v for k, v in members.items() if v is not None and v not in ({}, [])}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value
