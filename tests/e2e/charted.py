"""The chart on a real control plane: rendered, and applied as it is, without Helm's bookkeeping."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from helm.generate import DEPLOY, NAME, render
from tests.e2e.rig import kubeconfig, resources
from tests.e2e.rig.api import APPLY, ApiError
from tests.e2e.rig.world import World

Object = dict[str, Any]

KEEP: Final = "helm.sh/resource-policy"
HOOK: Final = "helm.sh/hook"
NOTES: Final = "NOTES.txt"
# There is no image to pull here: the pods that the chart asks for wait for a node that never comes,
# and a process of the test is the controller, with the account and the rights of those pods.
NOWHERE: Final[Mapping[str, Any]] = {"nodeSelector": {"rig": "nowhere"}}
# Helm creates in such an order, and deletes in the reverse one.
FIRST: Final = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Role")


def serves_gate(world: World) -> bool:
    """Whether the server has admission policies that change what is written."""
    versions = world.api.request("GET", "/apis/admissionregistration.k8s.io/v1").json()
    return any(one["name"] == "mutatingadmissionpolicies" for one in versions["resources"])


def chart(world: World, values: Mapping[str, Any] | None = None) -> list[Object]:
    """The manifests of the chart for this server, in the order in which they are applied."""
    # Helm asks the server which kinds it knows; a rendering without a server cannot.
    gate = {"gate": {"mode": "Always" if serves_gate(world) else "Never"}}
    rendered = render({**NOWHERE, **gate, **(values or {})})
    texts = (text for name, text in rendered.items() if name != NOTES)
    found = [one for text in texts for one in yaml.safe_load_all(text) if one]
    wanted = (one for one in found if HOOK not in (one["metadata"].get("annotations") or {}))
    return sorted(wanted, key=_rank)


def _rank(manifest: Object) -> int:
    kind = manifest["kind"]
    return FIRST.index(kind) if kind in FIRST else len(FIRST)


def deployed() -> list[Object]:
    """The same as plain manifests, as `kubectl apply -k deploy/` would read them."""
    names = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]
    texts = ((DEPLOY / name).read_text() for name in names)
    return sorted((one for text in texts for one in yaml.safe_load_all(text)), key=_rank)


def apply(world: World, manifests: Iterable[Object], *, dry_run: bool = False) -> list[Object]:
    """Apply what the server has kinds for, strictly; returns the rest."""
    world.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}})
    how = {"fieldManager": "helm", "force": "true", "fieldValidation": "Strict"}
    how |= {"dryRun": "All"} if dry_run else {}
    unknown = []
    for manifest in manifests:
        if _is_served(world, manifest["apiVersion"]):
            path = resources.path_of(manifest)
            world.api.request("PATCH", path, body=manifest, content_type=APPLY, **how)
        else:
            unknown.append(manifest)
    return unknown


def _is_served(world: World, api_version: str) -> bool:
    try:
        root = "/api" if api_version == "v1" else "/apis"
        world.api.request("GET", f"{root}/{api_version}")
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return True


def uninstall(world: World, manifests: Iterable[Object]) -> None:
    """What `helm uninstall` does: everything goes but what says that it is to be kept."""
    for manifest in reversed(list(manifests)):
        meta = manifest["metadata"]
        if (meta.get("annotations") or {}).get(KEEP) != "keep":
            kind = f"{manifest['apiVersion']}/{manifest['kind']}"
            world.api.delete(kind, meta["name"], meta.get("namespace", ""))


def account(world: World, name: str = NAME, namespace: str = NAME) -> Path:
    """The kubeconfig of the ServiceAccount that the chart has made: its token, and no more."""
    path = world.folder / f"{namespace}-{name}.kubeconfig"
    token = world.api.token(name, namespace)
    return kubeconfig.write(path, like=world.api.kubeconfig, token=token)
