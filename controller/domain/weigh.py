"""Brings a release's evidence up to date with what a snapshot shows, and asks for a verdict."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from controller.domain.attribution import Deaths, counted_deaths, ended_before, new_deaths
from controller.domain.evidence import CrashWindow, Evidence, History, RequestWindow
from controller.domain.findings import Finding, Metric, Outcome, Spared, Verdict
from controller.domain.guards import guarded
from controller.domain.identify import Family
from controller.domain.policy import DeathCause, Policy
from controller.domain.readings import UNREAD, Counts, Missing, Reading, Tally
from controller.domain.records import Pod
from controller.domain.snapshot import Snapshot
from controller.domain.status import Crash, Release

CRASHES_KEPT_MAX = 3
# A pod that is this much older than its release died before it, too; a little older is caught.
FRESH = timedelta(seconds=60)
UNSCRAPED_MAX = timedelta(seconds=30)


def weigh(
    snapshot: Snapshot, policy: Policy, release: Release, family: Family
) -> tuple[Release, Verdict]:
    """The release with its evidence moved on to `now`, and what it says.

    Evidence begins when stable's history was asked for, or with the canary's first crash: that one
    does not wait for metrics. None is lost, since deaths are counted from the release's first look
    on, a fresh pod's from its start, and requests from the release's start.
    """
    evidence, release = _so_far(snapshot, policy, release, family)
    canary = _deaths(family.canary_pods, snapshot, policy, release)
    stable = _deaths(family.stable_pods, snapshot, policy, release)
    pods = _staying(family.canary_pods), _staying(family.stable_pods)
    if evidence is None:
        if snapshot.history is None and canary.counted == 0:
            verdict = _not_begun(snapshot, policy)
            return guarded(snapshot, policy, release, verdict, stable_gone=pods[1] == 0)
        evidence = Evidence.begin(policy, _history(snapshot, policy, family))
        release = replace(
            release,
            evaluated_until=release.evaluated_until or release.started_at,
            slow_until=release.slow_until or release.started_at,
        )
    elapsed = _seconds(release.watched_until, snapshot.now)
    _weigh_crashes(evidence, (canary.counted, stable.counted), pods, elapsed)
    tally = _news(snapshot.requests, release.evaluated_until)
    if tally is not None:
        evidence.add_requests(_window(tally, family, pods))
    slow = _news(snapshot.slow, release.slow_until)
    if slow is not None:
        evidence.add_slow(_window(slow, family, pods))
    unscraped_since = _unscraped_since(tally, family, release.unscraped_since)
    verdict = evidence.verdict(
        blind=_missing(snapshot.requests) or _unscraped(unscraped_since, snapshot.now),
        slow_blind=_missing(snapshot.slow),
        stable_gone=not pods[1],
    )
    release = replace(
        release,
        evidence=evidence.dump(),
        evaluated_until=tally.until if tally is not None else release.evaluated_until,
        slow_until=slow.until if slow is not None else release.slow_until,
        watched_until=snapshot.now,
        unscraped_since=unscraped_since,
        deaths={**canary.known, **stable.known},
        spared=_spared(release.spared, canary, stable),
        first_crash_at=release.first_crash_at or (snapshot.now if canary.counted > 0 else None),
    )
    verdict = _with_spared(verdict, release.spared)
    return guarded(snapshot, policy, release, verdict, stable_gone=pods[1] == 0)


def _with_spared(verdict: Verdict, spared: tuple[Spared, ...]) -> Verdict:
    """The verdict, its finding on restarts listing the deaths that are held against nobody."""
    if not spared:
        return verdict
    findings = tuple(
        replace(finding, spared=spared) if finding.metric is Metric.RESTARTS else finding
        for finding in verdict.findings
    )
    return replace(verdict, findings=findings)


def _not_begun(snapshot: Snapshot, policy: Policy) -> Verdict:
    """There is no evidence yet; a source that is away shows at once."""
    missing = _missing(snapshot.requests)
    if policy.requests is None or missing is None or missing == UNREAD:
        return Verdict(outcome=Outcome.UNDECIDED)
    blind = Finding(metric=Metric.ERROR_RATE, outcome=Outcome.BLIND, reason=str(missing))
    return Verdict(outcome=Outcome.BLIND, findings=(blind,))


def exposure_changed(policy: Policy, release: Release) -> Release:
    """The release after the controller itself changed how many pods take traffic."""
    if not release.evidence:
        return release
    evidence = Evidence.load(release.evidence, policy)
    evidence.exposure_changed()
    return replace(release, evidence=evidence.dump())


def _so_far(
    snapshot: Snapshot, policy: Policy, release: Release, family: Family
) -> tuple[Evidence | None, Release]:
    """The evidence so far; None where there is none, or it cannot be read any more.

    A newer version wrote it, or it is of another policy: what is lost is time, never safety. Deaths
    count from the release's first look on, so that those of canary and stable are of the same time.
    """
    if release.evidence:
        try:
            return Evidence.load(release.evidence, policy), release
        except ValueError:
            release = replace(release, evidence="", deaths={})
            old = (*family.canary_pods, *family.stable_pods)
    elif release.watched_until is None:
        before = release.started_at - FRESH
        old = (*(p for p in family.canary_pods if p.created_at < before), *family.stable_pods)
    else:
        return None, release
    known = dict(_deaths(old, snapshot, policy, release).known)
    return None, replace(release, deaths=known, watched_until=snapshot.now)


def _history(snapshot: Snapshot, policy: Policy, family: Family) -> History:
    """Stable's past: what the metric source knows, and what its living pods show."""
    past = snapshot.history or History()
    pods = [pod for pod in family.stable_pods if not pod.leaving]
    deaths = sum(_counted(pod, snapshot, policy) for pod in pods)
    lived = sum(_seconds(pod.created_at, snapshot.now) for pod in pods)
    return replace(past, restarts=past.restarts + deaths, pod_seconds=past.pod_seconds + lived)


def _counted(pod: Pod, snapshot: Snapshot, policy: Policy) -> int:
    return counted_deaths(pod, policy.restarts, snapshot.restarts.get(pod.name, 0))


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


def _deaths(pods: Iterable[Pod], snapshot: Snapshot, policy: Policy, release: Release) -> Deaths:
    """Deaths of these pods since the last look; those that ended before the release are history.

    They may lie about for months: a cluster keeps thousands of them.
    """
    counted, spared, known = 0, Counter[DeathCause](), dict[str, int]()
    for pod in pods:
        if ended_before(pod, release.started_at):
            continue
        elsewhere = snapshot.restarts.get(pod.name, 0)
        deaths = new_deaths(pod, release.deaths, policy.restarts, elsewhere)
        counted += deaths.counted
        spared.update(deaths.spared)
        known.update(deaths.known)
    return Deaths(counted=counted, spared=spared, known=known)


def _spared(before: tuple[Spared, ...], canary: Deaths, stable: Deaths) -> tuple[Spared, ...]:
    """The deaths held against nobody, those of this look included.

    Stable pods that are deleted are left out: each step of the release deletes some.
    """
    if not canary.spared and not stable.spared:
        return before
    listed = {one.cause: one for one in before}
    for cause in DeathCause:
        known = listed.get(cause, Spared(cause=cause.value))
        others = stable.spared.get(cause, 0) if cause is not DeathCause.DELETED else 0
        now = replace(
            known,
            canary=known.canary + canary.spared.get(cause, 0),
            stable=known.stable + others,
        )
        if now.canary or now.stable:
            listed[cause] = now
    return tuple(listed.values())


def _missing(reading: Reading) -> Missing | None:
    return reading if isinstance(reading, Missing) else None


def _unscraped_since(
    tally: Tally | None, family: Family, before: datetime | None
) -> datetime | None:
    """Since when samples of stable's pods have come in, and none of the canary's that are Ready."""
    if tally is None:
        return before
    ready = [pod for pod in family.canary_pods if pod.ready and not pod.leaving]
    of_stable = any(pod.name in tally.pods for pod in family.stable_pods)
    if not ready or not of_stable or any(pod.name in tally.pods for pod in family.canary_pods):
        return None
    return before or tally.until


def _unscraped(since: datetime | None, now: datetime) -> Missing | None:
    """A canary that nobody sees has not "no errors"."""
    if since is None or now - since < UNSCRAPED_MAX:
        return None
    return Missing(
        "canary not scraped",
        f"no samples of its pods since {since:%H:%M:%S} UTC, while those of stable's arrive",
    )


def _news(reading: Reading, done: datetime | None) -> Tally | None:
    """The counts since the last look, none of them twice; None when there are none.

    After a long absence a tally may begin later than asked: what lies between is not known.
    """
    if not isinstance(reading, Tally) or done is None or reading.since < done:
        return None
    return reading if reading.until > reading.since else None


def _window(tally: Tally, family: Family, pods: tuple[int, int]) -> RequestWindow:
    """The counts of a look; `pods` are of canary and stable."""
    return RequestWindow(
        seconds=_seconds(tally.since, tally.until),
        canary=_of(tally, family.canary_pods),
        stable=_of(tally, family.stable_pods),
        canary_pods=pods[0],
        stable_pods=pods[1],
    )


def _of(tally: Tally, pods: Iterable[Pod]) -> dict[str, Mapping[str, Counts]]:
    return {pod.name: tally.pods[pod.name] for pod in pods if pod.name in tally.pods}


def _staying(pods: Iterable[Pod]) -> int:
    return sum(not pod.leaving for pod in pods)


def _seconds(since: datetime | None, until: datetime) -> float:
    """Seconds between two instants; a clock that went back makes no negative time."""
    return max(0.0, (until - since).total_seconds()) if since is not None else 0.0


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
