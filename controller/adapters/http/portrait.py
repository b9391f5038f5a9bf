"""A Canary as the API and the pages show it, made of its scene and its journal."""

from typing import Any, Final

from controller.adapters.http.compared import compared
from controller.adapters.http.paths import canary_path
from controller.adapters.http.portrait_commands import commands
from controller.adapters.http.portrait_course import course_shape
from controller.adapters.http.portrait_moments import moment
from controller.adapters.http.portrait_pods import pods, replica_sets, size
from controller.adapters.http.releases import Releases
from controller.adapters.http.shapes import (
    CanaryShape,
    CrashShape,
    GlanceShape,
    PastShape,
    ReleaseShape,
    RevisionShape,
    UncoveredShape,
)
from controller.adapters.http.shapes_commands import MeantShape
from controller.domain.identify import Family, identify
from controller.domain.lifecycle import AT_REST
from controller.domain.policy import Policy
from controller.domain.records import Problem, Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Crash, Past, Release, Revision
from controller.domain.wording import crash_sentence, left_of
from controller.engine.commands import possible
from controller.engine.journal import Entry

# What fits on a page that is fetched every second; the whole journal is the process's own.
TIMELINE_MAX: Final = 50


def glance(scene: Scene) -> GlanceShape:
    """One Canary in a line."""
    return GlanceShape(**_in_a_line(scene, _family(scene)))


def portrait(releases: Releases, ref: Ref, *, course: bool = True) -> CanaryShape | None:
    """Everything known of one Canary; None when there is none of this name.

    The course is by far the longest part of it: who follows a release has it already.
    """
    scene = releases.scene(ref)
    if scene is None:
        return None
    seen = releases.course(ref) if course else None
    family, entries, status = _family(scene), releases.entries(ref), scene.status
    release, running = _release(scene, entries)
    findings, unshown = compared(status.findings)
    return CanaryShape(
        **_in_a_line(scene, family),
        at=releases.now(),
        problem=_problem(scene),
        release=_release_shape(release, scene, running=running) if release else None,
        findings=findings,
        unshown=unshown,
        uncovered=tuple(
            UncoveredShape(segment=u.segment, requests=u.requests, needed=u.needed)
            for u in status.uncovered
        ),
        history=tuple(_past(past) for past in reversed(status.history)),
        pods=tuple(pods(scene, family)),
        replica_sets=tuple(replica_sets(scene, family)),
        commands=commands(scene),
        possible=possible(scene),
        meant=_meant(scene),
        course=course_shape(seen) if seen else None,
        timeline=tuple(moment(entry) for entry in reversed(entries[-TIMELINE_MAX:])),
    )


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
        "stable_pods": size(stable.replicas if stable else 0, family.stable_pods),
        "canary_pods": size(canary.replicas if canary else 0, family.canary_pods),
        "url": canary_path(ref),
    }


def _family(scene: Scene) -> Family:
    status = scene.status
    return identify(
        scene,
        stable=status.stable.fingerprint if status.stable else "",
        canary=status.release.canary.fingerprint if status.release else "",
    )


def _problem(scene: Scene) -> str:
    """Why nothing can be done, or why a command cannot be read."""
    if isinstance(scene.policy, Problem):
        return str(scene.policy)
    if scene.workload is None:
        return "the Deployment that it names does not exist"
    return str(scene.intent) if isinstance(scene.intent, Problem) else ""


def _meant(scene: Scene) -> MeantShape | None:
    release = scene.status.release
    if release is None:
        return None
    return MeantShape(revision=release.canary.fingerprint, step=release.step + 1)


def _revision(revision: Revision) -> RevisionShape:
    return RevisionShape(
        fingerprint=revision.fingerprint,
        number=revision.number,
        replica_set=revision.replica_set,
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
        not_undone=left_of(scene.status),
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
