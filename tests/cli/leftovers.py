"""What a controller that goes away leaves behind, and what is said of it."""

import json
from collections.abc import Callable

from controller.domain.status import Status
from tests.adapters.kube.apiserver import Object
from tests.cli.clusters import shop
from tests.cli.typing_in import Said

LABEL, GATE = "canary-controller.io/canary", "canary-controller.io/gate"
DEPLOYMENTS = "/apis/apps/v1/deployments"
IN_EXAMS = "/apis/apps/v1/namespaces/exams"
CANARIES = "/apis/canary-controller.io/v1alpha1"
Type = Callable[..., Said]


def marked(found: Object, *, label: bool = True, mark: bool = True) -> Object:
    """A Deployment as the gate and the controller leave it."""
    meta = found["metadata"]
    if label:
        meta.setdefault("labels", {})[LABEL] = "exam"
    if mark:
        meta.setdefault("annotations", {})[GATE] = "2"
    return found


def held(status: Status | None = None) -> tuple[Object, ...]:
    """A release that waits for a verdict, on three of twelve pods."""
    canary, workload, *others = shop(status)
    return (canary, marked(workload), *others)


def items(said: Said) -> list[Object]:
    found: list[Object] = json.loads(said.out)["items"]
    return found


def commands(item: Object, when: str) -> list[list[str]]:
    return [way["commands"] for way in item["finish"][when]]
