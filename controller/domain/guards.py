"""People's own guards: what their queries measured against the bounds that were set. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from controller.domain.findings import Finding, Metric, Outcome, Side, Verdict
from controller.domain.policy import Guard, Policy
from controller.domain.readings import UNREAD, Measured, Missing
from controller.domain.snapshot import Snapshot
from controller.domain.status import Release

IDLE: Final = "stable has no pods any more to compare with"

# What decides when comparisons say different things: worse beats all, and nothing passes unseen.
GRAVITY: Final = (Outcome.NOT_WORSE, Outcome.UNDECIDED, Outcome.BLIND, Outcome.WORSE)


def guarded(
    snapshot: Snapshot, policy: Policy, release: Release, verdict: Verdict, *, stable_gone: bool
) -> tuple[Release, Verdict]:
    """The verdict with what the guards say, and the release that remembers who is out of bounds.

    A guard out of bounds for as long as it says is worse; one that cannot be evaluated is blind,
    and one that is out of bounds but not for long enough is suspicious: neither lets a release
    pass. A guard that asks for stable's pods asks nothing any more once there are none.
    """
    if not policy.guards:
        return release, verdict
    breached: dict[str, datetime] = {}
    findings = []
    for guard in policy.guards:
        if stable_gone and _asks_stable(guard):
            findings.append(_idle(guard))
            continue
        measured = snapshot.guards.get(guard.name, UNREAD)
        since = _breached_since(guard, measured, release.breached)
        if since is not None:
            breached[guard.name] = since
        findings.append(_finding(guard, measured, since))
    outcome = _together(verdict.outcome, [finding.outcome for finding in findings])
    findings_of_all = (*verdict.findings, *findings)
    if breached != release.breached:
        release = replace(release, breached=breached)
    waits = any(finding.outcome is Outcome.UNDECIDED for finding in findings)
    return release, replace(
        verdict,
        outcome=outcome,
        findings=findings_of_all,
        suspicious=verdict.suspicious or waits,
    )


def _asks_stable(guard: Guard) -> bool:
    return guard.max_ratio is not None or "{{stablePods}}" in guard.query.replace(" ", "")


def _idle(guard: Guard) -> Finding:
    """A guard that has nothing to compare with."""
    return Finding(
        metric=Metric.GUARD,
        segment=guard.name,
        outcome=Outcome.NOT_WORSE,
        reason=IDLE,
        bound=_bound(guard),
    )


def _breached_since(
    guard: Guard, measured: Measured | Missing, before: Mapping[str, datetime]
) -> datetime | None:
    """Since when the guard has been out of its bounds, without interruption.

    No answer interrupts it: what nobody saw convicts nobody.
    """
    since = before.get(guard.name)
    if isinstance(measured, Missing) or _breach(guard, measured) is None:
        return None
    return min(since, measured.at) if since is not None else measured.at


class Breach(NamedTuple):
    """Which bound was broken, what it is, and the value that broke it."""

    bound: str
    limit: float
    value: float


def _breach(guard: Guard, measured: Measured) -> Breach | None:
    """The bound that is broken now, if any. At a bound is within it."""
    if guard.maximum is not None and measured.highest > guard.maximum:
        return Breach("maximum", guard.maximum, measured.highest)
    if guard.minimum is not None and measured.lowest < guard.minimum:
        return Breach("minimum", guard.minimum, measured.lowest)
    stable = measured.stable
    ratio = guard.max_ratio
    if ratio is not None and stable is not None and measured.highest > ratio * stable:
        return Breach("ratio", ratio, measured.highest)
    return None


def _finding(guard: Guard, measured: Measured | Missing, since: datetime | None) -> Finding:
    finding = Finding(
        metric=Metric.GUARD, segment=guard.name, outcome=Outcome.BLIND, bound=_bound(guard)
    )
    if isinstance(measured, Missing):
        return replace(finding, reason=str(measured))
    stable = Side(events=measured.stable) if measured.stable is not None else Side()
    breach = _breach(guard, measured)
    if breach is None or since is None:
        within = Side(events=measured.highest if guard.minimum is None else measured.lowest)
        return replace(finding, outcome=Outcome.NOT_WORSE, canary=within, stable=stable)
    long_enough = measured.at - since >= guard.lasting
    return replace(
        finding,
        outcome=Outcome.WORSE if long_enough else Outcome.UNDECIDED,
        canary=Side(events=breach.value),
        stable=stable,
        reason=breach.bound,
        bound=breach.limit,
        since=since,
    )


def _bound(guard: Guard) -> float | None:
    bounds = (guard.maximum, guard.minimum, guard.max_ratio)
    return next((bound for bound in bounds if bound is not None), None)


def _together(verdict: Outcome, guards: Iterable[Outcome]) -> Outcome:
    """The gravest of all."""
    return max((verdict, *guards), key=GRAVITY.index)
