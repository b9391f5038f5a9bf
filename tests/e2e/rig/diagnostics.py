"""What went on in a namespace, as text for the report of a failed test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.e2e.rig.api import ApiError, KubeApi

Object = dict[str, Any]

EVENTS_MAX: Final = 40
LOG_LINES_MAX: Final = 20


def describe(api: KubeApi, namespace: str, *, logs: Sequence[Path] = ()) -> str:
    parts = []
    for kind, line in (("Deployment", _deployment), ("ReplicaSet", _replica_set), ("Pod", _pod)):
        parts += [f"{kind} {line(item)}" for item in api.list(kind, namespace)]
    try:
        for canary in api.list("Canary", namespace):
            status = json.dumps(canary.get("status"), indent=1)
            parts.append(f"Canary {canary['metadata']['name']} {status}")
    except ApiError:
        parts.append("(no Canary resource in this cluster)")
    events = api.list("Event", namespace)
    events.sort(key=lambda event: event["metadata"]["creationTimestamp"])
    parts += [
        f"Event {e['metadata']['creationTimestamp']} {e['involvedObject']['name']} "
        f"{e.get('reason')}: {e.get('message')}"
        for e in events[-EVENTS_MAX:]
    ]
    for log in logs:
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_MAX:]
        parts += [f"--- {log.name}", *lines]
    return "\n".join(parts)


def _deployment(item: Object) -> str:
    spec, status = item["spec"], item.get("status", {})
    counts = {k: v for k, v in status.items() if k.endswith(("eplicas", "Generation"))}
    paused = " paused" if spec.get("paused") else ""
    return f"{item['metadata']['name']}{paused} wants {spec['replicas']} {counts}"


def _replica_set(item: Object) -> str:
    meta, status = item["metadata"], item["status"]
    revision = meta.get("annotations", {}).get("deployment.kubernetes.io/revision")
    image = item["spec"]["template"]["spec"]["containers"][0]["image"]
    wanted, ready = item["spec"]["replicas"], status.get("readyReplicas", 0)
    return f"{meta['name']} revision {revision} {image}: wants {wanted}, ready {ready}"


def _pod(item: Object) -> str:
    status, meta = item.get("status", {}), item["metadata"]
    containers = [
        f"{c['name']} ready={c['ready']} restarts={c['restartCount']} {json.dumps(c['state'])}"
        for c in status.get("containerStatuses", [])
    ]
    leaving = " (being deleted)" if "deletionTimestamp" in meta else ""
    return f"{meta['name']} {status.get('phase')}{leaving} {status.get('podIP')} {containers}"
