"""What the metric source of a run answers, from the records of its scrapes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import numpy as np

from controller.domain.policy import Guard, SlowRequests
from controller.domain.readings import Counts, Measured, Missing, Past, Reading, Tally
from controller.domain.records import Ref
from controller.engine.ports import Stable
from controller.simulation.clock import BEGAN_AT
from controller.simulation.load.pasts import Period, belongs, first_known, gains, recent
from controller.simulation.load.rates import Ints
from controller.simulation.load.scrapes import FAILED, FAST, OUTCOMES, Record, Scrapes
from controller.simulation.scenario import GuardValues

SETTLE_SECONDS: Final = (0.5, 5.0)
WINDOW_MAX_MS: Final = 3_600_000
STALE_MIN_MS: Final = 5_000
STALE_INTERVALS: Final = 3
MILLISECOND: Final = timedelta(milliseconds=1)

# What OpenTelemetry's HTTP histogram has, and most others: in milliseconds.
BOUNDS: Final = (5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000)


@dataclass(frozen=True, slots=True)
class Pace:
    """What follows from the scrape interval, in milliseconds."""

    interval: int
    lookback: int

    @property
    def settle(self) -> int:
        """What a sample may take until it can be read."""
        least, most = SETTLE_SECONDS
        return min(max(self.interval // 2, round(least * 1000)), round(most * 1000))

    @property
    def stale(self) -> int:
        """After what time without a sample a pod is no longer being scraped."""
        return max(STALE_INTERVALS * self.interval, STALE_MIN_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question. `split`: by route, else all is one; `slow`: slow requests, not errors."""

    namespace: str
    split: bool
    slow: bool
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """After `since` until `until`; in milliseconds of the run."""

    since: int
    until: int


def problem_of(slow: SlowRequests | None) -> Missing | None:
    """Why slow requests cannot be counted, as the histogram's bounds have it."""
    if slow is None:
        return None
    wanted = slow.threshold / MILLISECOND
    if wanted in BOUNDS:
        return None
    below = max((bound for bound in BOUNDS if bound < wanted), default=BOUNDS[0])
    above = min((bound for bound in BOUNDS if bound > wanted), default=BOUNDS[-1])
    near = " or ".join(f"{bound} ms" for bound in sorted({below, above}))
    return Missing("no such bucket", f"{wanted:g} ms is no bound of the histogram; use {near}")


def tally_of(
    scrapes: Scrapes, asked: Asked, pods: Mapping[str, datetime], since_at: datetime
) -> Reading:
    """Requests of these pods, and errors or slow ones, after `since_at`."""
    pace = _pace(scrapes)
    now, since = milliseconds(asked.now), milliseconds(since_at)
    if not pods or since >= now - pace.settle:
        return Tally(since=since_at, until=since_at)
    scrapes.refresh()
    start = max(since - pace.lookback, now - WINDOW_MAX_MS)
    found = {}
    for name in pods:
        record = scrapes.records.get(Ref(asked.namespace, name))
        if record is not None and record.until(now) > record.until(start):
            found[name] = record
    until = _until(found, pace, now)
    if isinstance(until, Missing):
        return until
    since = max(since, start + pace.lookback)
    window = Window(since=since, until=max(since, until))
    gained = {
        name: gain
        for name, record in found.items()
        if (gain := _gained(record, window, fresh_from=now - pace.stale)) is not None
    }
    return Tally(
        since=instant(window.since),
        until=instant(window.until),
        pods=_counted(gained, scrapes.routes, asked),
    )


def past_of(scrapes: Scrapes, asked: Asked, stable: Stable, span: timedelta) -> Past | Missing:
    """What stable counted in the last `span`; its last minutes look by look."""
    scrapes.refresh()
    pace, now = _pace(scrapes), milliseconds(asked.now)
    found = {
        key.name: record
        for key, record in scrapes.records.items()
        if key.namespace == asked.namespace
        and belongs(key.name, stable)
        and record.until(now) > record.until(now - span // MILLISECOND)
    }
    until = _until(found, pace, now)
    if isinstance(until, Missing):
        return until
    since = max(now - span // MILLISECOND, min(until, first_known(found)))
    period = Period(since=since, until=until)
    counted = partial(_counted, routes=scrapes.routes, asked=asked)
    return Past(
        since=instant(since),
        until=instant(until),
        pods=counted(gains(found, period)),
        recent=recent(found, period, pace.interval, counted),
    )


def guarded(
    guard: Guard,
    values: GuardValues | None,
    sides: tuple[frozenset[str], frozenset[str]],
    since_push: float | None,
    now: datetime,
) -> Measured | Missing:
    """What a guard's query would give of canary and stable pods, as the scenario has it."""
    canary, stable = sides
    if values is None:
        return Missing("not simulated", f"the scenario gives no values for guard {guard.name!r}")
    both = "{{pods}}" in guard.query
    if not canary and (both or "{{canaryPods}}" in guard.query):
        return Missing("no pods", "the canary has none")
    if not stable and (both or "{{stablePods}}" in guard.query):
        return Missing("no pods", "stable has none")
    begun = since_push is not None and since_push >= values.at
    of_stable = not both and "{{canaryPods}}" not in guard.query
    value = values.canary if begun and not of_stable else values.stable
    of_both = values.stable if both else None
    return Measured(at=now, lowest=value, highest=value, stable=of_both)


def _pace(scrapes: Scrapes) -> Pace:
    return Pace(round(scrapes.interval_seconds * 1000), round(scrapes.lookback_seconds * 1000))


def _until(found: Mapping[str, Record], pace: Pace, now: int) -> int | Missing:
    """Until when samples are complete."""
    if not found:
        return Missing("no series", "the metric source knows none of the pods")
    newest = max(record.times[record.until(now) - 1] for record in found.values())
    if now - newest > pace.stale:
        return Missing("stale", f"requests: last sample {(now - newest) / 1000:.0f} s ago")
    late = now - newest > pace.interval + pace.settle
    return newest - pace.settle if late else min(now - pace.settle, newest)


def _gained(record: Record, window: Window, *, fresh_from: int) -> Ints | None:
    """What a pod's counters gained in the window; None when nothing is known of it there."""
    end = record.until(window.until)
    begin = record.until(window.since)
    if begin >= end:
        return np.zeros_like(record.gained[0]) if record.times[-1] >= fresh_from else None
    gained = record.gained[end - 1]
    return gained - record.gained[begin - 1] if begin else gained


def _counted(
    gained_by_pod: Mapping[str, Ints], routes: tuple[str, ...], asked: Asked
) -> dict[str, dict[str, Counts]]:
    """Counts by pod and route; by pod alone if they are not split."""
    if not gained_by_pod:
        return {}
    gained = np.array(list(gained_by_pod.values()))
    if not asked.split:
        routes, gained = ("",), gained.sum(axis=2, keepdims=True)
    answered = gained[:, OUTCOMES].sum(axis=1)
    events = np.maximum(0, answered - gained[:, FAST]) if asked.slow else gained[:, FAILED]
    shown, requests = events.astype(float).tolist(), answered.astype(float).tolist()
    return {
        name: {
            route: Counts(shown[pod][number], requests[pod][number])
            for number, route in enumerate(routes)
            if requests[pod][number]
        }
        for pod, name in enumerate(gained_by_pod)
    }


def milliseconds(time: datetime) -> int:
    return (time - BEGAN_AT) // MILLISECOND


def instant(since_began: int) -> datetime:
    return BEGAN_AT + since_began * MILLISECOND
