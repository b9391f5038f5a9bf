"""What a recorded decision was made on, in words: the cluster, the metrics and the command."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from controller.domain.identify import identify
from controller.domain.lifecycle import AT_REST
from controller.domain.readings import Counts, Measured, Missing, Reading
from controller.domain.records import Intent, Pod, Problem, ReplicaSet
from controller.domain.snapshot import Scene, Snapshot
from controller.domain.wording import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """One revision as it was seen."""

    role: str
    revision: str
    replicaset: str
    wanted: int
    ready: int
    deaths: int


def seen_sentences(snapshot: Snapshot) -> Iterator[str]:
    scene = snapshot.scene
    yield _workload(scene)
    yield from _policy(scene, snapshot)
    release = scene.status.release
    if release is not None:
        age = duration(snapshot.now - release.started_at)
        yield f"Release: {release.canary}, pushed {age} before"
        yield f"Requests: {_reading(snapshot.requests, scene)}"
        yield f"Slow requests: {_reading(snapshot.slow, scene)}"
        yield _past(snapshot)
        yield from (f"Guard {name}: {_value(value)}" for name, value in snapshot.guards.items())
    yield from _command(scene)


def _workload(scene: Scene) -> str:
    workload = scene.workload
    if workload is None:
        return "Deployment: it does not exist"
    held = "held by canary-controller" if workload.held_by_us else "rolling out by itself"
    held = "paused by a person" if workload.paused_by_a_person else held
    gitops = f", tracked by {workload.gitops}" if workload.gitops else ""
    return (
        f"Deployment {workload.name}: {workload.replicas} pods wanted, {workload.total} there, "
        f"{workload.available} available; {held}; written last by {workload.writer}{gitops}"
    )


def _policy(scene: Scene, snapshot: Snapshot) -> Iterator[str]:
    policy, release = scene.policy, scene.status.release
    if isinstance(policy, Problem):
        yield f"Policy: it cannot be acted on. {policy}"
        return
    yield f"Policy: {policy.mode.value}, steps {', '.join(str(s.canary) for s in policy.steps)}"
    if release is None or release.step >= len(policy.steps):
        return
    step = policy.steps[release.step]
    ready = "not ready yet"
    if release.ready_at is not None:
        ready = f"ready for {duration(snapshot.now - release.ready_at)}"
    approval = ", and a person's approval" if step.approval else ""
    yield (
        f"Step {release.step + 1} of {len(policy.steps)} ({step.canary}): {ready}; needs "
        f"{duration(step.min_duration)}{approval}, waits {duration(step.max_duration)} at most"
    )


def _reading(reading: Reading, scene: Scene) -> str:
    """What was read since the look before, by role."""
    if isinstance(reading, Missing):
        return f"none, {reading}"
    roles = _roles(scene)
    owners = {pod.name: roles.get(pod.replica_set, "other") for pod in scene.pods}
    sums: dict[str, Counts] = {"canary": Counts(), "stable": Counts()}
    for pod, segments in reading.pods.items():
        role = owners.get(pod, "other")
        sums[role] = sum(segments.values(), sums.get(role, Counts()))
    counted = ", ".join(
        f"{role} {counts.errors:g} of {counts.requests:g}" for role, counts in sums.items()
    )
    return f"{counted} (events of requests, {reading.since:%H:%M:%S} to {reading.until:%H:%M:%S})"


def _past(snapshot: Snapshot) -> str:
    history = snapshot.history
    if history is None:
        return "Stable's past: not asked for in this look"
    total = sum(history.errors.segments.values(), Counts())
    return (
        f"Stable's past: {total.errors:,.0f} of {total.requests:,.0f} requests failed, "
        f"{history.restarts} restarts in {duration(timedelta(seconds=history.pod_seconds))} of "
        "life of pods that are gone"
    )


def _value(value: Measured | Missing) -> str:
    if isinstance(value, Missing):
        return f"none, {value}"
    stable = f", stable {value.stable:g}" if value.stable is not None else ""
    return f"{value.lowest:g} to {value.highest:g}{stable}"


def _command(scene: Scene) -> Iterator[str]:
    intent = scene.intent
    if isinstance(intent, Problem):
        yield f"Command: it cannot be read. {intent}"
    if isinstance(intent, Intent):
        via = f" via {intent.via}" if intent.via else ""
        why = f" ({intent.reason})" if intent.reason else ""
        revision = intent.revision or "whatever runs"
        yield f"Command: {intent.by} asked for {intent.action.value} of {revision}{via}{why}"


def pods_seen(scene: Scene) -> Iterator[Pods]:
    roles = _roles(scene)
    for one in sorted(scene.replica_sets, key=lambda rs: rs.revision):
        pods = [pod for pod in scene.pods if pod.replica_set == one.uid]
        if one.uid in roles or pods or one.replicas:
            yield _set(one, roles.get(one.uid, "old"), pods)


def _set(one: ReplicaSet, role: str, pods: list[Pod]) -> Pods:
    what = ", ".join(one.images) or one.fingerprint[:10]
    return Pods(
        role=role,
        revision=f"{one.revision} ({what})",
        replicaset=one.name,
        wanted=one.replicas,
        ready=sum(pod.ready and not pod.leaving for pod in pods),
        deaths=sum(pod.deaths for pod in pods),
    )


def _roles(scene: Scene) -> Mapping[str, str]:
    """Of ReplicaSets, by uid; as the decision sees it."""
    status = scene.status
    stable = status.stable.fingerprint if status.stable else ""
    family = identify(scene, stable=stable, canary=_canary(scene))
    pairs = ((family.stable, "stable"), (family.canary, "canary"))
    return {one.uid: role for one, role in pairs if one is not None}


def _canary(scene: Scene) -> str:
    status = scene.status
    if status.release is not None and status.phase not in AT_REST:
        return status.release.canary.fingerprint
    return scene.workload.fingerprint if scene.workload is not None else ""
