"""The chart as Helm renders it, and what Kubernetes would say to it."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import helm_python
import kubernetes_validate
import yaml

from helm import generate

Object = dict[str, Any]
CHART: Final = generate.CHART
KUBERNETES: Final = ("1.30", "1.33", "1.37")
# Kinds that a cluster has only with an operator's CRDs, and those newer than a version's schemas.
OF_OTHERS: Final = frozenset({"ServiceMonitor", "PrometheusRule", "HTTPRoute"})
SINCE: Final[Mapping[str, str]] = {
    "MutatingAdmissionPolicy": "1.36",
    "MutatingAdmissionPolicyBinding": "1.36",
}


def rendered(values: Object, **how: str) -> list[Object]:
    """Every object that the chart makes of the values."""
    return list(_objects(generate.render(values, **how)))


def _objects(files: Mapping[str, str]) -> Iterator[Object]:
    for name, text in files.items():
        if name.endswith(".yaml"):
            yield from (found for found in yaml.safe_load_all(text) if found is not None)


def notes(values: Object) -> str:
    """What helm install prints at its end."""
    return generate.render(values)["NOTES.txt"]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [found for found in objects if found["kind"] == kind]


def the(objects: list[Object], kind: str) -> Object:
    (found,) = of_kind(objects, kind)
    return found


def validate(found: Object, version: str) -> None:
    """Strictly: no field that this version of Kubernetes does not know. Raises when it is not."""
    kind = found["kind"]
    if kind in OF_OTHERS or _number(version) < _number(SINCE.get(kind, "1.0")):
        return
    _validated(json.dumps(found, sort_keys=True), version)


@cache
def _validated(text: str, version: str) -> None:
    # The same object comes of many values, and a schema is slow to load.
    kubernetes_validate.validate(json.loads(text), version, strict=True)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


__all__ = ["generate", "helm_python", "notes", "of_kind", "rendered", "the", "validate"]
