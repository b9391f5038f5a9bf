"""YAML of the pages: whole objects held against their schemas, parts put where they belong."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

import kubernetes_validate as validate
import yaml

from controller.adapters.kube.names import GROUP, KIND, VERSION
from controller.cli.linted import check
from tests.docs.charted import wrong_values
from tests.docs.pages import Block

OLDEST: Final = "1.30"
NEWEST: Final = "1.37"
FOREIGN: Final = frozenset(
    {
        "argoproj.io",
        "cert-manager.io",
        "external-secrets.io",
        "flagger.app",
        "gateway.networking.k8s.io",
        "helm.toolkit.fluxcd.io",
        "kind.x-k8s.io",
        "kustomize.config.k8s.io",
        "kustomize.toolkit.fluxcd.io",
        "monitoring.coreos.com",
        "source.toolkit.fluxcd.io",
    }
)
"""Groups of other tools, of whose objects only the frame is looked at, and our chart's values."""

NAMELESS: Final = frozenset({"Kustomization", "Cluster", "Component", "List"})
_CANARY: Final = {
    "apiVersion": f"{GROUP}/{VERSION}",
    "kind": KIND,
    "metadata": {"name": "example"},
    "spec": {"targetRef": {"name": "example"}},
}
_DEPLOYMENT: Final = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "example"},
    "spec": {
        "selector": {"matchLabels": {"app": "example"}},
        "template": {
            "metadata": {"labels": {"app": "example"}},
            "spec": {"containers": [{"name": "example", "image": "example:1"}]},
        },
    },
}
FRAMES: Final[dict[str, dict[str, Any]]] = {"Canary": _CANARY, "Deployment": _DEPLOYMENT}


def wrong_yaml(block: Block) -> Iterator[str]:
    """What is wrong with a block of YAML, by its mark: none, `values`, or `in=KIND:PATH`."""
    try:
        documents = [found for found in yaml.safe_load_all(block.body) if found is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        yield f"{block.at(mark.line + 1) if mark else block.where}: {error}"
        return
    if not documents:
        yield "the block is empty"
    marks = [mark for mark in block.marks if not mark.startswith("file=")]
    for mark in marks or ("object",):
        for document in documents:
            if mark == "object":
                yield from wrong_object(document, block.body)
            elif mark == "values":
                yield from wrong_values(document)
            elif mark.startswith("in="):
                yield from _wrong_part(mark.removeprefix("in="), document)
            else:
                yield f"mark {mark!r} is not known: values, or in=KIND:PATH (in=Canary:spec.bake)"


def wrong_text_of_values(body: str) -> Iterator[str]:
    yield from wrong_values(yaml.safe_load(body) or {})


def _wrong_part(where: str, part: Any) -> Iterator[str]:
    """A part is put into the smallest object of its kind, and that is checked."""
    kind, _, path = where.partition(":")
    if kind not in FRAMES or not path:
        yield f"in={where}: write in=KIND:PATH with a kind of {', '.join(FRAMES)}"
        return
    whole = deepcopy(FRAMES[kind])
    inner = whole
    *parents, last = path.split(".")
    for parent in parents:
        inner = inner.setdefault(parent, {})
    below = inner.get(last)
    inner[last] = {**below, **part} if isinstance(below, dict) else part
    yield from wrong_object(whole, yaml.safe_dump(whole, sort_keys=False))


def wrong_object(found: Any, body: str) -> Iterator[str]:
    """What is wrong with a whole object that stands in this text."""
    if not isinstance(found, Mapping) or not {"apiVersion", "kind"} <= found.keys():
        yield (
            "no whole object (apiVersion, kind, metadata.name): mark a part as "
            "`yaml in=Canary:spec.analysis`, values of the chart as `yaml values`"
        )
        return
    kind, version = str(found["kind"]), str(found["apiVersion"])
    name = (found.get("metadata") or {}).get("name")
    group = version.rpartition("/")[0]
    if kind == "List":
        for item in found.get("items", ()):
            yield from wrong_object(item, yaml.safe_dump(item, sort_keys=False))
        return
    if not name and (kind not in NAMELESS or "toolkit" in group):
        yield f"{kind} has no metadata.name"
    if group == GROUP:
        yield from _wrong_canary(body, str(name))
    elif group in FOREIGN:
        yield from _wrong_foreign(found)
    else:
        yield from _wrong_builtin(dict(found))


def _wrong_canary(body: str, name: str) -> Iterator[str]:
    for canary in check(body, {}):
        if canary.name in {name, ""}:
            for problem in canary.problems:
                yield f"Canary {canary.title}: {problem}"


def _wrong_builtin(found: dict[str, Any]) -> Iterator[str]:
    try:
        validate.validate(found, NEWEST, strict=True)
    except validate.SchemaNotFoundError:
        yield (
            f"Kubernetes {NEWEST} knows no {found['apiVersion']} {found['kind']}; the groups of "
            f"other tools that the docs name are {', '.join(sorted(FOREIGN))}"
        )
        return
    except validate.ValidationError as error:
        yield f"{found['kind']} in Kubernetes {NEWEST}: {_said(error)}"
        return
    try:
        validate.validate(found, OLDEST, strict=True)
    except validate.SchemaNotFoundError:
        return  # what is newer says so in the text
    except validate.ValidationError as error:
        yield f"{found['kind']} in Kubernetes {OLDEST}: {_said(error)}"


def _said(error: Exception) -> str:
    path = ".".join(str(key) for key in getattr(error, "path", ()))
    return f"{path or '(top)'}: {getattr(error, 'message', error)}"


def _wrong_foreign(found: Mapping[str, Any]) -> Iterator[str]:
    """Argo CD's and Flux's objects that install our chart give it values that it takes."""
    spec = found.get("spec") or {}
    if found["kind"] == "HelmRelease" and "canary-controller" in str(spec.get("chart")):
        yield from wrong_values(spec.get("values") or {})
    if found["kind"] == "Application":
        for source in [spec.get("source") or {}, *spec.get("sources", ())]:
            ours = "canary-controller" in f"{source.get('path')}{source.get('chart')}"
            if ours and (helm := source.get("helm")):
                given = helm.get("valuesObject") or yaml.safe_load(helm.get("values") or "{}")
                yield from wrong_values(given)
