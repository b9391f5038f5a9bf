"""Brings a release's evidence up to date with what a snapshot shows, and asks for a verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from controller.domain.evidence import CrashWindow, Evidence, History, RequestWindow
from controller.domain.findings import Outcome, Verdict
from controller.domain.identify import Family
from controller.domain.policy import Policy
from controller.domain.readings import Counts, Missing, Tally
from controller.domain.records import Pod
from controller.domain.snapshot import Snapshot
from controller.domain.status import Crash, Release

CRASHES_KEPT_MAX = 3


def weigh(
    snapshot: Snapshot, policy: Policy, release: Release, family: Family
) -> tuple[Release, Verdict]:
    """The release with its evidence moved on to `now`, and what it says.

    Evidence begins when stable's history was asked for, or with the canary's first crash: that one
    does not wait for metrics. None is lost, since deaths are counted from the pods' start.
    """
    begun = release.evidence or snapshot.history is not None
    if not begun and not any(_has_crashed(p, snapshot, policy) for p in family.canary_pods):
        return release, Verdict(outcome=Outcome.UNDECIDED)
    evidence, release = _resume(snapshot, policy, release, family)
    pods = _staying(family.canary_pods), _staying(family.stable_pods)
    canary, canary_deaths = _crashes(family.canary_pods, snapshot, policy, release)
    stable, stable_deaths = _crashes(family.stable_pods, snapshot, policy, release)
    _weigh_crashes(evidence, (canary, stable), pods, _seconds(release.watched_until, snapshot.now))
    tally = _news(snapshot, release)
    if tally is not None:
        _weigh_requests(evidence, tally, family, pods)
    blind = snapshot.requests if isinstance(snapshot.requests, Missing) else None
    verdict = evidence.verdict(
        blind=blind if policy.requests is not None else None, stable_gone=pods[1] == 0
    )
    first = release.first_crash_at
    return replace(
        release,
        evidence=evidence.dump(),
        evaluated_until=tally.until if tally is not None else release.evaluated_until,
        watched_until=snapshot.now,
        deaths={**canary_deaths, **stable_deaths},
        first_crash_at=snapshot.now if first is None and canary > 0 else first,
    ), verdict


def exposure_changed(policy: Policy, release: Release) -> Release:
    """The release after the controller itself changed how many pods take traffic."""
    if not release.evidence:
        return release
    evidence = Evidence.load(release.evidence, policy)
    evidence.exposure_changed()
    return replace(release, evidence=evidence.dump())


def deaths_of(pod: Pod, policy: Policy, restarts: Mapping[str, int]) -> int:
    """Container deaths of a pod: the larger of what the watch and the metric source count.

    The metric source counts all containers of a pod, so it is asked only when all of them matter.
    """
    wanted = policy.restarts.containers
    if wanted:
        return sum(c.deaths for c in pod.containers if c.name in wanted)
    return max(pod.deaths, restarts.get(pod.name, 0))


def _resume(
    snapshot: Snapshot, policy: Policy, release: Release, family: Family
) -> tuple[Evidence, Release]:
    """The evidence so far; begun anew where there is none or it cannot be read any more."""
    if release.evidence:
        try:
            return Evidence.load(release.evidence, policy), release
        except ValueError:
            pass  # A newer version wrote it. What is lost is time, never safety.
    now = snapshot.now
    history = _history(snapshot, policy, family)
    known = {
        pod.uid: deaths
        for pod in family.stable_pods
        if (deaths := deaths_of(pod, policy, snapshot.restarts)) > 0
    }
    return Evidence.begin(policy, history), replace(
        release, deaths=known, evaluated_until=release.evaluated_until or now, watched_until=now
    )


def _history(snapshot: Snapshot, policy: Policy, family: Family) -> History:
    pods = [pod for pod in family.stable_pods if not pod.leaving]
    names = {pod.name for pod in pods}
    counts = snapshot.history.pods if isinstance(snapshot.history, Tally) else {}
    stable = {name: segments for name, segments in counts.items() if name in names}
    segments: dict[str, Counts] = {}
    for per_segment in stable.values():
        for segment, value in per_segment.items():
            segments[segment] = segments.get(segment, Counts()) + value
    return History(
        segments=segments,
        pods={name: _sum(per_segment.values()) for name, per_segment in stable.items()},
        restarts=sum(deaths_of(pod, policy, snapshot.restarts) for pod in pods),
        pod_seconds=sum((snapshot.now - pod.created_at).total_seconds() for pod in pods),
    )


def _has_crashed(pod: Pod, snapshot: Snapshot, policy: Policy) -> bool:
    return not pod.leaving and deaths_of(pod, policy, snapshot.restarts) > 0


def _weigh_crashes(
    evidence: Evidence, crashes: tuple[int, int], pods: tuple[int, int], seconds: float
) -> None:
    """Add the crashes since the last look; pairs are of canary and stable."""
    evidence.add_crashes(
        CrashWindow(
            canary_crashes=crashes[0],
            stable_crashes=crashes[1],
            seconds=seconds,
            canary_seconds=seconds * pods[0],
            stable_seconds=seconds * pods[1],
        )
    )


def _crashes(
    pods: Iterable[Pod], snapshot: Snapshot, policy: Policy, release: Release
) -> tuple[int, dict[str, int]]:
    """Deaths since the last look, and the deaths counted so far for each living pod.

    A pod that is being deleted is told to stop: its processes end, and that is no crash.
    """
    crashes = 0
    ledger: dict[str, int] = {}
    for pod in pods:
        before = release.deaths.get(pod.uid, 0)
        seen = before if pod.leaving else deaths_of(pod, policy, snapshot.restarts)
        if seen > before:
            crashes += seen - before
        if seen > 0 or before > 0:
            ledger[pod.uid] = max(seen, before)
    return crashes, ledger


def _news(snapshot: Snapshot, release: Release) -> Tally | None:
    """The counts since the last look, none of them twice; None when there are none.

    After a long absence a tally may begin later than asked: what lies between is not known.
    """
    tally, done = snapshot.requests, release.evaluated_until
    if not isinstance(tally, Tally) or done is None or tally.since < done:
        return None
    return tally if tally.until > tally.since else None


def _weigh_requests(
    evidence: Evidence, tally: Tally, family: Family, pods: tuple[int, int]
) -> None:
    """Add the counts of a look; `pods` are of canary and stable."""
    evidence.add_requests(
        RequestWindow(
            seconds=_seconds(tally.since, tally.until),
            canary=_of(tally, family.canary_pods),
            stable=_of(tally, family.stable_pods),
            canary_pods=pods[0],
            stable_pods=pods[1],
        )
    )


def _of(tally: Tally, pods: Iterable[Pod]) -> dict[str, Mapping[str, Counts]]:
    return {pod.name: tally.pods[pod.name] for pod in pods if pod.name in tally.pods}


def _staying(pods: Iterable[Pod]) -> int:
    return sum(not pod.leaving for pod in pods)


def _seconds(since: datetime | None, until: datetime) -> float:
    """Seconds between two instants; a clock that went back makes no negative time."""
    return max(0.0, (until - since).total_seconds()) if since is not None else 0.0


def _sum(values: Iterable[Counts]) -> Counts:
    return sum(values, Counts())


def with_crashes(release: Release, seen: tuple[Crash, ...]) -> Release:
    """The release with the crashes that were seen and what their containers said last."""
    return release if not seen else replace(release, crashes=_merge(release.crashes, seen))


def _merge(kept: tuple[Crash, ...], seen: tuple[Crash, ...]) -> tuple[Crash, ...]:
    """The last crashes, each once; a log that came later replaces its absence."""
    known = {(c.pod, c.container, c.deaths): c for c in kept}
    for crash in seen:
        key = (crash.pod, crash.container, crash.deaths)
        if key not in known or (crash.log and not known[key].log):
            known[key] = crash
    # Instants are whole seconds and pods die together: without their names the order would flap,
    # and each look would have news.
    ordered = sorted(known.values(), key=lambda c: (c.at, c.deaths, c.pod, c.container))
    return tuple(ordered)[-CRASHES_KEPT_MAX:]
