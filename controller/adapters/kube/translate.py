"""The API's objects as our records."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from controller.adapters.kube import objects
from controller.adapters.kube.fingerprint import fingerprint, images_of
from controller.adapters.kube.intents import read_intent
from controller.adapters.kube.model import parse_policy
from controller.adapters.kube.names import (
    FIELD_MANAGER,
    GATE_MARK,
    OPT_IN_LABEL,
    SKIP_ANNOTATION,
)
from controller.adapters.kube.references import mounts_of
from controller.adapters.kube.status_codec import load_status
from controller.domain.policy import Policy
from controller.domain.records import Intent, Problem, ReplicaSet, Workload
from controller.domain.status import Status

REVISION_ANNOTATION: Final = "deployment.kubernetes.io/revision"

GITOPS_PREFIXES: Final = {
    "argocd.argoproj.io/": "argo-cd",
    "kustomize.toolkit.fluxcd.io/": "flux",
    "helm.toolkit.fluxcd.io/": "flux",
}
GITOPS_MANAGERS: Final = {
    "argocd-controller": "argo-cd",
    "argocd-application-controller": "argo-cd",
    "kustomize-controller": "flux",
    "helm-controller": "flux",
    "flux": "flux",
}

_TEMPLATE: Final = msgspec.json.Decoder(dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRecord:
    """A Canary object as read. `target` is there although the rest of the spec may be wrong."""

    version: str
    generation: int
    created_at: datetime
    target: str
    policy: Policy | Problem
    status: Status
    intent: Intent | Problem | None


PresetProblem = Callable[[Policy], Problem | None]


def canary_record(canary: objects.Canary, preset_problem: PresetProblem) -> CanaryRecord:
    """The Canary, parsed whole: what is wrong with it is part of the record."""
    metadata = canary.metadata
    reference = canary.spec.get("targetRef")
    target = reference.get("name") if isinstance(reference, dict) else None
    return CanaryRecord(
        version=metadata.resource_version,
        generation=metadata.generation,
        created_at=_instant(metadata.creation_timestamp),
        target=target if isinstance(target, str) else "",
        policy=parse_policy(canary.spec, preset_problem),
        status=load_status(canary.status),
        intent=read_intent(metadata.annotations or {}),
    )


def workload(deployment: objects.Deployment) -> Workload:
    """The Deployment in the fields that a decision looks at."""
    metadata, spec, status = deployment.metadata, deployment.spec, deployment.status
    template = _TEMPLATE.decode(spec.template)
    labels, annotations = metadata.labels or {}, metadata.annotations or {}
    managed = metadata.managed_fields or ()
    surge, unavailable = fenceposts(spec.strategy, spec.replicas)
    return Workload(
        name=metadata.name,
        uid=metadata.uid,
        version=metadata.resource_version,
        generation=metadata.generation,
        observed_generation=status.observed_generation,
        replicas=spec.replicas,
        total=status.replicas,
        updated=status.updated_replicas,
        available=status.available_replicas,
        paused=spec.paused,
        fingerprint=fingerprint(template),
        images=images_of(template),
        strategy=spec.strategy.type,
        revisions_kept=spec.revision_history_limit,
        max_surge=surge,
        max_unavailable=unavailable,
        gate_mark=annotations.get(GATE_MARK),
        opted_in=labels.get(OPT_IN_LABEL),
        writer=template_writer(managed),
        gitops=gitops_tool(labels, annotations, managed),
        skip=annotations.get(SKIP_ANNOTATION),
    )


def replica_set(source: objects.ReplicaSet) -> ReplicaSet:
    """One revision of a workload."""
    metadata = source.metadata
    template = _TEMPLATE.decode(source.spec.template)
    revision = (metadata.annotations or {}).get(REVISION_ANNOTATION, "")
    return ReplicaSet(
        name=metadata.name,
        uid=metadata.uid,
        fingerprint=fingerprint(template),
        replicas=source.spec.replicas,
        ready=source.status.ready_replicas,
        revision=int(revision) if revision.isdecimal() else 0,
        images=images_of(template),
        mounts=mounts_of(template),
    )


def fenceposts(strategy: objects.Strategy, replicas: int) -> tuple[int, int]:
    """Pods a rollout may have above `replicas`, and below, as the deployment controller counts.

    A percentage of surge rounds up, one of unavailability down; were both none, one may be missing.
    """
    if strategy.type != "RollingUpdate":
        return 0, 0
    rolling = strategy.rolling_update or objects.RollingUpdate()
    surge = math.ceil(_pods(rolling.max_surge, replicas))
    unavailable = math.floor(_pods(rolling.max_unavailable, replicas))
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, replicas)


def _pods(value: int | str, replicas: int) -> float:
    if isinstance(value, int):
        return value
    percent = re.fullmatch(r"(\d+)%", value)
    assert percent is not None, f"the API server lets no such share pass: {value!r}"
    return replicas * int(percent[1]) / 100


def template_writer(managed: Iterable[objects.Managed]) -> str:
    """Who wrote the pod template last; we ourselves only if nobody else has a part in it."""
    owners = [
        m for m in managed if m.fields and m.fields.spec and m.fields.spec.template is not None
    ]
    others = [m for m in owners if m.manager != FIELD_MANAGER]
    newest = max(others or owners, key=lambda m: _instant(m.time), default=None)
    return newest.manager if newest and newest.manager else "unknown"


def gitops_tool(
    labels: Mapping[str, str], annotations: Mapping[str, str], managed: Iterable[objects.Managed]
) -> str | None:
    """The tool that would revert what we write into the spec, if there is one.

    The label `app.kubernetes.io/instance` proves nothing by itself: Helm and people set it too.
    """
    for key in (*labels, *annotations):
        for prefix, tool in GITOPS_PREFIXES.items():
            if key.startswith(prefix):
                return tool
    return next((GITOPS_MANAGERS[m.manager] for m in managed if m.manager in GITOPS_MANAGERS), None)


_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(time: datetime | None) -> datetime:
    """The API server sets every time that is asked for here; an absent one sorts first."""
    return time or _LONG_AGO
