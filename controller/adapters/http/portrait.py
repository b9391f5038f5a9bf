"""A Canary as the API and the status page show it, made of its scene and its journal."""

from collections.abc import Iterable
from typing import Any, Final

from controller.adapters.http.compared import compared
from controller.adapters.http.releases import Releases
from controller.adapters.http.shapes import (
    CanaryShape,
    CrashShape,
    GlanceShape,
    MomentShape,
    PastShape,
    PodShape,
    PodsShape,
    ReleaseShape,
    ReplicaSetShape,
    RevisionShape,
    UncoveredShape,
)
from controller.domain.changes import (
    Catch,
    Change,
    ClearIntent,
    Freeze,
    LetGo,
    OptIn,
    Promote,
    Scale,
    Seed,
    Undo,
)
from controller.domain.identify import Family, identify
from controller.domain.lifecycle import AT_REST
from controller.domain.policy import Policy
from controller.domain.records import Container, ContainerRole, Pod, Problem, Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Crash, Past, Release, Revision
from controller.domain.wording import crash_sentence
from controller.engine.journal import Entry

API: Final = "/api/v1/canaries"
# What fits on a page that is fetched every second; the whole journal is the process's own.
TIMELINE_MAX: Final = 50


def glance(scene: Scene) -> GlanceShape:
    """One Canary in a line."""
    return GlanceShape(**_in_a_line(scene, _family(scene)))


def portrait(releases: Releases, ref: Ref) -> CanaryShape | None:
    """Everything known of one Canary; None when there is none of this name."""
    scene = releases.scene(ref)
    if scene is None:
        return None
    family, entries, status = _family(scene), releases.entries(ref), scene.status
    release, running = _release(scene, entries)
    findings, unshown = compared(status.findings)
    return CanaryShape(
        **_in_a_line(scene, family),
        at=releases.now(),
        problem=str(scene.policy) if isinstance(scene.policy, Problem) else _absent(scene),
        release=_release_shape(release, scene, running=running) if release else None,
        findings=findings,
        unshown=unshown,
        uncovered=tuple(
            UncoveredShape(segment=u.segment, requests=u.requests, needed=u.needed)
            for u in status.uncovered
        ),
        history=tuple(_past(past) for past in reversed(status.history)),
        pods=tuple(_pods(scene, family)),
        replica_sets=tuple(_replica_sets(scene, family)),
        timeline=tuple(_moment(entry) for entry in reversed(entries[-TIMELINE_MAX:])),
    )


def change_sentence(change: Change) -> str:  # noqa: PLR0911 - one for each
    """What was done to the workload."""
    match change:
        case OptIn():
            return "put the Deployment under watch"
        case LetGo():
            return "let go of the Deployment"
        case Catch():
            return "paused the Deployment: a rollout had begun"
        case Seed(replicas):
            return f"started {_count(replicas, 'canary pod')}"
        case Scale(sizes):
            return f"scaled {', '.join(f'{name} to {size}' for name, size in sizes)}"
        case Promote():
            return "resumed the Deployment: its own strategy finishes the rollout"
        case Undo(name):
            return f"wrote the template of {name} back"
        case Freeze(stable, replicas, _):
            return f"gave {stable} all {replicas} pods and the canary none"
        case ClearIntent():
            return "took the command off the Canary: it is done"


def _in_a_line(scene: Scene, family: Family) -> dict[str, Any]:
    ref, status = scene.ref, scene.status
    release = status.release if status.phase not in AT_REST else None
    steps = len(scene.policy.steps) if isinstance(scene.policy, Policy) else None
    stable, canary = family.stable, family.canary
    return {
        "namespace": ref.namespace,
        "name": ref.name,
        "phase": status.phase,
        "since": status.since,
        "message": status.message,
        "verdict": status.verdict,
        "stable": _revision(status.stable) if status.stable else None,
        "canary": _revision(release.canary) if release else None,
        "step": min(release.step + 1, steps or release.step + 1) if release else None,
        "steps": steps,
        "stable_pods": _size(stable.replicas if stable else 0, family.stable_pods),
        "canary_pods": _size(canary.replicas if canary else 0, family.canary_pods),
        "url": f"{API}/{ref.namespace}/{ref.name}",
    }


def _family(scene: Scene) -> Family:
    status = scene.status
    return identify(
        scene,
        stable=status.stable.fingerprint if status.stable else "",
        canary=status.release.canary.fingerprint if status.release else "",
    )


def _absent(scene: Scene) -> str:
    return "" if scene.workload else "the Deployment that it names does not exist"


def _size(wanted: int, pods: tuple[Pod, ...]) -> PodsShape:
    here = [pod for pod in pods if not pod.leaving]
    return PodsShape(
        wanted=wanted, ready=sum(pod.ready for pod in here), restarts=sum(map(_restarts, here))
    )


def _revision(revision: Revision) -> RevisionShape:
    return RevisionShape(
        fingerprint=revision.fingerprint,
        number=revision.number,
        images=revision.images,
        name=str(revision),
    )


def _release(scene: Scene, entries: tuple[Entry, ...]) -> tuple[Release | None, bool]:
    """The release that runs; at rest the last one, as far as it is remembered."""
    if scene.status.release is not None:
        return scene.status.release, scene.status.phase not in AT_REST
    for entry in reversed(entries):
        for status in (entry.plan.status, entry.snapshot.scene.status):
            if status.release is not None:
                return status.release, False
    return None, False


def _release_shape(release: Release, scene: Scene, *, running: bool) -> ReleaseShape:
    steps = scene.policy.steps if isinstance(scene.policy, Policy) else ()
    step = min(release.step, max(len(steps) - 1, 0))
    return ReleaseShape(
        canary=_revision(release.canary),
        running=running,
        started_at=release.started_at,
        step=step + 1,
        step_since=release.step_since,
        canary_share=str(steps[step].canary) if steps else None,
        first_crash_at=release.first_crash_at,
        decided_at=release.decided_at,
        cause=release.cause,
        held_for=release.held_for,
        crashes=tuple(_crash(crash) for crash in release.crashes),
    )


def _crash(crash: Crash) -> CrashShape:
    return CrashShape(
        pod=crash.pod,
        container=crash.container,
        at=crash.at,
        exit_code=crash.exit_code,
        reason=crash.reason,
        deaths=crash.deaths,
        log=crash.log,
        sentence=crash_sentence(crash),
    )


def _past(past: Past) -> PastShape:
    return PastShape(
        canary=_revision(past.canary),
        started_at=past.started_at,
        ended_at=past.ended_at,
        result=past.result,
        reason=past.reason,
    )


def _pods(scene: Scene, family: Family) -> Iterable[PodShape]:
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


def _replica_sets(scene: Scene, family: Family) -> Iterable[ReplicaSetShape]:
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


def _moment(entry: Entry) -> MomentShape:
    before, after = entry.snapshot.scene.status, entry.plan.status
    return MomentShape(
        at=entry.snapshot.now,
        phase=after.phase,
        came_from=before.phase if before.phase is not after.phase else None,
        message=after.message,
        change=change_sentence(entry.plan.change) if entry.plan.change else "",
        events=tuple(f"{said.reason}: {said.message}" for said in entry.plan.occurrences),
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
