"""The pods and ReplicaSets of a workload, as the API and the pages show them."""

from collections.abc import Iterable

from controller.adapters.http.shapes import PodShape, PodsShape, ReplicaSetShape
from controller.domain.identify import Family
from controller.domain.records import Container, ContainerRole, Pod
from controller.domain.snapshot import Scene


def size(wanted: int, pods: tuple[Pod, ...]) -> PodsShape:
    """How many pods there are; those that leave are not counted."""
    here = [pod for pod in pods if not pod.leaving]
    return PodsShape(
        wanted=wanted, ready=sum(pod.ready for pod in here), restarts=sum(map(_restarts, here))
    )


def pods(scene: Scene, family: Family) -> Iterable[PodShape]:
    """The canary first."""
    order = {"canary": 0, "stable": 1, "other": 2}
    shapes = [
        PodShape(
            name=pod.name,
            role=_role(pod.replica_set, family),
            ready=pod.ready,
            leaving=pod.leaving,
            restarts=_restarts(pod),
            deaths=pod.deaths,
            condition=_condition(pod),
        )
        for pod in scene.pods
    ]
    return sorted(shapes, key=lambda shape: (order[shape.role], shape.name))


def replica_sets(scene: Scene, family: Family) -> Iterable[ReplicaSetShape]:
    """The newest first."""
    shapes = [
        ReplicaSetShape(
            name=rs.name,
            role=_role(rs.uid, family),
            revision=rs.revision,
            images=rs.images,
            replicas=rs.replicas,
            ready=rs.ready,
        )
        for rs in scene.replica_sets
    ]
    return sorted(shapes, key=lambda shape: (-shape.revision, shape.name))


def _role(uid: str, family: Family) -> str:
    if family.canary is not None and uid == family.canary.uid:
        return "canary"
    if family.stable is not None and uid == family.stable.uid:
        return "stable"
    return "other"


def _restarts(pod: Pod) -> int:
    """Of the application: what runs beside it restarts for reasons of its own."""
    app = (one for one in pod.containers if one.role is ContainerRole.APP)
    return sum(container.restarts for container in app)


def _condition(pod: Pod) -> str:
    if pod.leaving:
        return "stopping"
    if pod.ready:
        return "ready"
    reasons = [reason for container in pod.containers if (reason := _down(container))]
    return f"not ready: {', '.join(reasons)}" if reasons else "not ready"


def _down(container: Container) -> str:
    """Why a container does not run; empty when it does, or when nothing is said."""
    if container.waiting:
        return container.waiting
    if container.deaths > container.restarts and container.last_death is not None:
        return f"ended with exit code {container.last_death.exit_code}"
    return ""
