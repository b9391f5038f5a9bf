"""The status of a pod as a kubelet writes it: a pure function of its containers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tests.e2e.rig.node.container import Container
from tests.e2e.rig.node.life import Life

Object = dict[str, Any]

# As `terminationMessagePolicy: FallbackToLogsOnError` says.
MESSAGE_BYTES_MAX: Final = 2048


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def phase(containers: Sequence[Container], restart: str) -> str:
    if any(c.life is None for c in containers):
        return "Pending"
    ends = [c.end for c in containers]
    if restart == "Always" or any(end is None for end in ends):
        return "Running"
    if all(end is not None and end.exit_code == 0 for end in ends):
        return "Succeeded"
    return "Failed" if restart == "Never" else "Running"


def conditions(
    containers: Sequence[Container], *, initialized: bool, now: datetime, before: Sequence[Object]
) -> list[Object]:
    unready = [c.name for c in containers if not c.ready]
    states = {
        "PodReadyToStartContainers": True,
        "Initialized": initialized,
        "ContainersReady": not unready,
        "Ready": not unready,
    }
    since = {c["type"]: (c["status"], c["lastTransitionTime"]) for c in before}
    written: list[Object] = []
    for kind, holds in states.items():
        value = str(holds)
        old, moment = since.get(kind, ("", ""))
        condition = {
            "type": kind,
            "status": value,
            "lastTransitionTime": moment if old == value else text(now),
        }
        if not holds and kind.endswith("Ready"):
            condition["reason"] = "ContainersNotReady"
            condition["message"] = f"containers with unready status: [{' '.join(unready)}]"
        written.append(condition)
    return written


def ended(reason: str, message: str, conditions: Sequence[Object]) -> Object:
    """What differs in the status of a pod that the kubelet ended."""
    disruption = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "TerminationByKubelet",
        "message": message,
        "lastTransitionTime": text(datetime.now(UTC)),
    }
    return {
        "phase": "Failed",
        "reason": reason,
        "message": message,
        "conditions": [*conditions, disruption],
    }


def container_status(container: Container, uid: str) -> Object:
    image = container.manifest["image"]
    written: Object = {
        "name": container.name,
        "image": image,
        "imageID": f"rig://{image}" if container.life else "",
        "ready": container.ready,
        "started": container.life is not None and container.life.end is None,
        "restartCount": container.restarts,
        "state": _state(container, uid),
        "lastState": {},
    }
    if container.life is not None:
        written["containerID"] = _container_id(container.life, container.name, uid)
    last = container.life if container.waiting is not None else container.previous
    if last is not None:
        written["lastState"] = {"terminated": _terminated(last, container, uid)}
    return written


def _state(container: Container, uid: str) -> Object:
    if container.waiting is not None:
        waiting = {"reason": container.waiting.reason, "message": container.waiting.message}
        return {"waiting": {name: value for name, value in waiting.items() if value}}
    assert container.life is not None, "a container that does not wait has begun"
    if container.life.end is None:
        return {"running": {"startedAt": text(container.life.started)}}
    return {"terminated": _terminated(container.life, container, uid)}


def _terminated(life: Life, container: Container, uid: str) -> Object:
    end = life.end
    assert end is not None, "only the dead have terminated"
    written: Object = {
        "exitCode": end.exit_code,
        "reason": end.reason,
        "startedAt": text(life.started),
        "finishedAt": text(end.at),
        "containerID": _container_id(life, container.name, uid),
    }
    if end.signal:
        written["signal"] = end.signal
    policy = container.manifest.get("terminationMessagePolicy")
    if policy == "FallbackToLogsOnError" and end.exit_code:
        written["message"] = life.log.read_bytes()[-MESSAGE_BYTES_MAX:].decode(errors="replace")
    return written


def _container_id(life: Life, name: str, uid: str) -> str:
    return f"rig://{uid}-{name}-{life.number}"
