"""One comparison of canary and stable, as a person reads it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from controller.domain.findings import Finding, Metric, Outcome, Side, Spared
from controller.domain.wording.figures import (
    FAR,
    clock,
    count,
    counted,
    daily,
    duration,
    measured,
    named,
    percent,
    plain,
)

COMPARED_WITH: Final = {
    "concurrent": ", compared with stable at the same time",
    "history": ", compared with stable's history",
}
LIMIT: Final = "limit"
# What happened in less pod time than this is no rate per day.
RATED_SECONDS_MIN: Final = 600
# How a guard's bound is broken.
BROKEN: Final = {
    "maximum": "above the limit of {}",
    "minimum": "below the limit of {}",
    "ratio": "more than {} times stable's value",
}
HAPPENED: Final = {Metric.ERROR_RATE: "failed", Metric.SLOW_REQUESTS: "were slow"}
RATE: Final = {Metric.ERROR_RATE: "failure rate", Metric.SLOW_REQUESTS: "share of slow requests"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A finding in words, part by part; a part that has nothing to say is empty.

    `ratio` is of canary to stable, `hidden` what the canary may still hide, `note` what else has
    to be known: a limit that is broken, deaths that do not count, why it cannot be judged.
    """

    what: str
    canary: str = ""
    stable: str = ""
    ratio: str = ""
    hidden: str = ""
    evidence: str = ""
    note: str = ""


def words(finding: Finding) -> Words:
    """The parts of a finding in words, whatever its outcome."""
    if finding.metric is Metric.GUARD:
        return _guard(finding)
    said = _restarts(finding) if finding.metric is Metric.RESTARTS else _requests(finding)
    note = finding.reason if finding.outcome is Outcome.BLIND else said.note
    return replace(said, ratio=_ratio(finding), evidence=_evidence(finding), note=note)


def finding_sentence(finding: Finding) -> str:
    """One comparison in a sentence, with its numbers."""
    said = words(finding)
    if finding.outcome is Outcome.BLIND:
        return f"{said.what}: cannot be judged, {said.note}"
    if finding.metric is Metric.GUARD:
        stable = f"stable {said.stable}" if said.stable else ""
        return (
            f"{said.what}: {', '.join(part for part in (said.canary, stable, said.note) if part)}"
        )
    canary = canary_sentence(finding)
    if finding.reason == LIMIT:
        return f"{said.what}: {canary}, {said.note}"
    parts = (
        f"{canary}, stable {said.stable}",
        f"{said.ratio} stable's rate (95 %)" if said.ratio else "",
        would_have_shown(finding),
        f"evidence {said.evidence}" if said.evidence else "",
        said.note,
    )
    return f"{said.what}: {'; '.join(part for part in parts if part)}"


def canary_sentence(finding: Finding) -> str:
    """What happened on the canary's side."""
    happened = HAPPENED.get(finding.metric)
    if happened is None:
        return f"canary {words(finding).canary}"
    return f"canary {_share(finding.canary, f' requests {happened}')}"


def _requests(finding: Finding) -> Words:
    where = f"on {named(finding.segment)}" if finding.segment else "in all"
    slow = finding.metric is Metric.SLOW_REQUESTS
    what = _slow(finding.bound) if slow else "Errors"
    limit = f"more than the limit of {percent(finding.bound)}" if finding.bound is not None else ""
    return Words(
        what=f"{what} {where}",
        canary=_share(finding.canary),
        stable=_share(finding.stable),
        hidden=_rate_hidden(finding.hidden),
        note=limit if finding.reason == LIMIT else "",
    )


def _slow(seconds: float | None) -> str:
    """What is compared; slower than what, where it is known."""
    if seconds is None:
        return "Slow requests"
    limit = f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"
    return f"Requests slower than {limit}"


def _crashes_hidden(finding: Finding) -> str:
    if finding.hidden is None or finding.canary.exposure < RATED_SECONDS_MIN:
        return ""
    return daily(finding.hidden)


def _rate_hidden(hidden: float | None) -> str:
    if hidden is None:
        return ""
    return f"up to {percent(hidden)}" if hidden < 1 else "anything"


def _restarts(finding: Finding) -> Words:
    limit = f"more than the limit of {count(finding.bound)}" if finding.bound is not None else ""
    hidden = _crashes_hidden(finding)
    return Words(
        what="Crashes",
        canary=_crashes(finding.canary),
        stable=_crashes(finding.stable),
        hidden=f"up to {hidden}" if hidden else "",
        note=limit if finding.reason == LIMIT else _spared(finding.spared),
    )


def _guard(finding: Finding) -> Words:
    since = f"since {clock(finding.since)}" if finding.since is not None else ""
    broken = BROKEN.get(finding.reason)
    if finding.outcome is Outcome.BLIND:
        before = f"; it was out of bounds {since} when last seen" if since else ""
        return Words(what=f"Guard {finding.segment}", note=finding.reason + before)
    if broken is None and finding.reason:
        return Words(what=f"Guard {finding.segment}", note=finding.reason)
    if broken is None:
        note = "within bounds"
    else:
        bound = broken.format(measured(finding.bound if finding.bound is not None else 0.0))
        short = finding.outcome is Outcome.UNDECIDED
        note = " ".join(part for part in (bound, since) if part)
        note += ", not yet for as long as it may be" if short else ""
    compared = finding.reason == "ratio" or finding.stable.events != 0
    return Words(
        what=f"Guard {finding.segment}",
        canary=measured(finding.canary.events),
        stable=measured(finding.stable.events) if compared else "",
        note=note,
    )


def _ratio(finding: Finding) -> str:
    """The interval of canary : stable; empty where it says next to nothing."""
    between = finding.ratio
    if between is None:
        return ""
    low, high = between.low, between.high
    bounded_below, bounded_above = low >= 1 / FAR, high is not None and high < FAR
    if high is not None and bounded_below and bounded_above:
        ends = plain(low), plain(high)
        return f"{ends[0]} times" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} times"
    if high is not None and bounded_above:
        return f"at most {plain(high)} times"
    # Without an upper end, less than once says nothing.
    return f"at least {plain(low)} times" if low >= 1 else ""


def _evidence(finding: Finding) -> str:
    """How far the evidence is from deciding, as a share of what decides."""
    if finding.needed <= 0 or finding.reason == LIMIT:
        return ""
    share = finding.evidence / finding.needed
    together = finding.outcome is Outcome.WORSE and share < 1
    more = ", enough together with the others" if together else ""
    return f"{_of_what_decides(share)}{more}{COMPARED_WITH.get(finding.reason, '')}"


def _of_what_decides(share: float) -> str:
    if share >= FAR:
        return f"more than {count(FAR)} times what decides"
    if share >= 1:
        return f"{plain(share)} times what decides"
    if share < 0.01:
        return "under 0.01 of what decides"
    # Rounding up may not claim what has not been reached.
    return f"{min(float(f'{share:.2g}'), 0.99):g} of what decides"


def would_have_shown(finding: Finding) -> str:
    """How large a regression would have shown; no question where the canary is worse."""
    if finding.hidden is None or finding.outcome is Outcome.WORSE:
        return ""
    if finding.metric is Metric.RESTARTS:
        hidden = _crashes_hidden(finding)
        return f"more than {hidden} would have shown (95 %)" if hidden else ""
    if finding.metric not in RATE or finding.hidden >= 1:
        return ""
    return f"a {RATE[finding.metric]} above {percent(finding.hidden)} would have shown (95 %)"


def _share(side: Side, happened: str = "") -> str:
    if side.exposure <= 0:
        return "no requests"
    rate = f" ({percent(side.rate)})" if side.events else ""
    return f"{count(side.events)} of {count(side.exposure)}{happened}{rate}"


def _crashes(side: Side) -> str:
    lived = duration(timedelta(seconds=side.exposure))
    rate = f" ({daily(side.rate)})" if side.events and side.exposure >= RATED_SECONDS_MIN else ""
    return f"{count(side.events)} in {lived} of pod time{rate}"


def _spared(spared: Iterable[Spared]) -> str:
    """Deaths that are held against nobody."""
    spared = tuple(spared)
    total = sum(s.canary + s.stable for s in spared)
    if not total:
        return ""
    canary = ", ".join(f"{s.canary} {s.cause}" for s in spared if s.canary)
    stable = ", ".join(f"{s.stable} {s.cause}" for s in spared if s.stable)
    sides = [f"{canary} of the canary"] if canary else []
    sides += [f"{stable} of stable"] if stable else []
    return f"{counted(total, 'death')} not counted: {'; '.join(sides)}"
