"""Which ReplicaSet is stable and which is canary: found by template equality, never by counting."""

from dataclasses import dataclass

from controller.domain.records import Pod, ReplicaSet
from controller.domain.snapshot import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The workload's ReplicaSets by role, with their pods. `others` still have pods wanted."""

    stable: ReplicaSet | None = None
    canary: ReplicaSet | None = None
    others: tuple[ReplicaSet, ...] = ()
    stable_pods: tuple[Pod, ...] = ()
    canary_pods: tuple[Pod, ...] = ()

    @property
    def canary_ready(self) -> int:
        return sum(pod.ready and not pod.leaving for pod in self.canary_pods)

    @property
    def stable_ready(self) -> int:
        return sum(pod.ready and not pod.leaving for pod in self.stable_pods)


def revision_of(scene: Scene, fingerprint: str) -> ReplicaSet | None:
    """The ReplicaSet of this template; the one with most pods if there are several."""
    same = [rs for rs in scene.replica_sets if rs.fingerprint == fingerprint]
    return max(same, key=lambda rs: (rs.replicas, rs.revision), default=None)


def identify(scene: Scene, *, stable: str, canary: str) -> Family:
    """Tell the workload's ReplicaSets apart by the fingerprints of their templates.

    A canary of the same template as stable is no canary.
    """
    stable_set = revision_of(scene, stable) if stable else None
    canary_set = revision_of(scene, canary) if canary and canary != stable else None
    known = {rs.uid for rs in (stable_set, canary_set) if rs is not None}
    return Family(
        stable=stable_set,
        canary=canary_set,
        others=tuple(rs for rs in scene.replica_sets if rs.uid not in known and rs.replicas > 0),
        stable_pods=_pods(scene, stable_set),
        canary_pods=_pods(scene, canary_set),
    )


def incumbent(scene: Scene) -> ReplicaSet | None:
    """The running ReplicaSet that is not the template's: stable, when its name was lost."""
    assert scene.workload is not None
    running = [
        rs
        for rs in scene.replica_sets
        if rs.fingerprint != scene.workload.fingerprint and rs.replicas > 0
    ]
    return max(running, key=lambda rs: (rs.ready, rs.replicas, rs.revision), default=None)


def _pods(scene: Scene, owner: ReplicaSet | None) -> tuple[Pod, ...]:
    if owner is None:
        return ()
    return tuple(pod for pod in scene.pods if pod.replica_set == owner.uid)
