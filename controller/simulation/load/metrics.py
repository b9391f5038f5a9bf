"""The Metrics port in a run: what Prometheus would say about the simulated scrapes.

Windows are those of the real adapter: how far back it looks, how long samples may take, and when
they are stale.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from controller.domain.policy import RequestSource
from controller.domain.readings import Counts, Missing, Reading, Tally
from controller.domain.records import Ref
from controller.engine.ports import Conflict, Refused, Unavailable
from controller.simulation.clock import BEGAN_AT
from controller.simulation.load.rates import Ints
from controller.simulation.load.scrapes import Record, Scrapes
from controller.simulation.trace import Read, Trace
from controller.simulation.weather import Effect, Weather

SETTLE_SECONDS: Final = (0.5, 5.0)
WINDOW_MAX_MS: Final = 3_600_000
STALE_MIN_MS: Final = 5_000
STALE_INTERVALS: Final = 3
MILLISECOND: Final = timedelta(milliseconds=1)


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
class Window:
    """After `since` until `until`, in samples no older than `start`; in milliseconds of the run.

    `since` None: all that the counters had counted.
    """

    start: int
    since: int | None
    until: int


@dataclass(frozen=True, slots=True)
class SimulatedMetrics:
    """The metric source as one process of the controller reaches it. Never raises, but CrashNow."""

    scrapes: Scrapes
    process: str
    weather: Weather
    trace: Trace

    async def tally(
        self,
        source: RequestSource,
        namespace: str,
        pods: Mapping[str, datetime],
        *,
        since: datetime | None,
        now: datetime,
    ) -> Tally | Missing:
        """Requests and errors of these pods after `since`; what `since` is next is in the answer.

        An answer without pods, `until` where `since` was, means: nothing new yet.
        """
        split = source.segment_by != ""
        asked = _Asked(namespace=namespace, pods=pods, split=split, since=since, now=now)
        try:
            async with self.weather.around(Effect.TALLY):
                answer = self._answer(asked)
            answer = self.weather.distorted(answer)
        except (Unavailable, Refused, Conflict) as error:
            answer = Missing(type(error).__name__.lower(), str(error))
        at = asyncio.get_running_loop().time()
        self.trace.add(
            Read(
                at=at,
                process=self.process,
                pods=tuple(pods),
                history=since is None,
                answer=answer,
            )
        )
        return answer

    async def restarts(
        self, namespace: str, pods: frozenset[str], now: datetime
    ) -> Mapping[str, int] | Missing:
        """Container restarts per pod as kube-state-metrics has them; unknown pods are absent."""
        if not pods:
            return {}
        try:
            async with self.weather.around(Effect.RESTARTS):
                at = min(asyncio.get_running_loop().time(), _milliseconds(now) / 1000)
                names = sorted(pods)
                found = {name: self.scrapes.restarts(Ref(namespace, name), at) for name in names}
        except (Unavailable, Refused, Conflict) as error:
            return Missing(type(error).__name__.lower(), str(error))
        counted = {name: restarts for name, restarts in found.items() if restarts is not None}
        return counted or Missing("no series", "kube-state-metrics knows none of the pods")

    def _answer(self, asked: "_Asked") -> Reading:
        scrapes = self.scrapes
        pace = Pace(round(scrapes.interval_seconds * 1000), round(scrapes.lookback_seconds * 1000))
        now = _milliseconds(asked.now)
        since = None if asked.since is None else _milliseconds(asked.since)
        if not asked.pods or (since is not None and since >= now - pace.settle):
            nothing_since = asked.since or asked.now
            return Tally(since=nothing_since, until=nothing_since)
        scrapes.refresh()
        start = max((now if since is None else since) - pace.lookback, now - WINDOW_MAX_MS)
        found = {}
        for name in asked.pods:
            record = scrapes.records.get(Ref(asked.namespace, name))
            if record is not None and record.until(now) > record.until(start):
                found[name] = record
        if not found:
            return Missing("no series", "the metric source knows none of the pods")
        newest = max(record.times[record.until(now) - 1] for record in found.values())
        if now - newest > pace.stale:
            return Missing("stale", f"requests: last sample {(now - newest) / 1000:.0f} s ago")
        late = now - newest > pace.interval + pace.settle
        until = newest - pace.settle if late else min(now - pace.settle, newest)
        if since is not None:
            since = max(since, start + pace.lookback)
            until = max(since, until)
        window = Window(start=start, since=since, until=until)
        gains = {
            name: gained
            for name, record in found.items()
            if (gained := _gained(record, window, fresh_from=now - pace.stale)) is not None
        }
        counted = _counted(gains, scrapes.routes if asked.split else None)
        if since is None:
            oldest = min(map(_milliseconds, asked.pods.values()))
            return Tally(since=_instant(min(until, oldest)), until=_instant(until), pods=counted)
        return Tally(since=_instant(since), until=_instant(until), pods=counted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One question. `split`: by route, else all is one segment."""

    namespace: str
    pods: Mapping[str, datetime]
    split: bool
    since: datetime | None
    now: datetime


def _gained(record: Record, window: Window, *, fresh_from: int) -> Ints | None:
    """What a pod's counters gained in the window; None when nothing is known of it there."""
    end = record.until(window.until)
    begin = record.until(window.start if window.since is None else window.since)
    if begin >= end:
        return np.zeros_like(record.gained[0]) if record.times[-1] >= fresh_from else None
    if window.since is None:
        return _counted_in_all(record.shown[begin:end])
    gained = record.gained[end - 1]
    return gained - record.gained[begin - 1] if begin else gained


def _counted_in_all(shown: Sequence[Ints]) -> Ints:
    """What counters had counted when these samples began, and what they gained in them."""
    before, counted = np.zeros_like(shown[0]), np.zeros_like(shown[0])
    for value in shown:
        counted += np.where(value < before, value, value - before)
        before = np.where(value > 0, value, before)
    return counted


def _counted(
    gains: Mapping[str, Ints], routes: tuple[str, ...] | None
) -> dict[str, dict[str, Counts]]:
    """Counts by pod and route; by pod alone if there are no routes."""
    if not gains:
        return {}
    gained = np.array(list(gains.values()))
    if routes is None:
        routes, gained = ("",), gained.sum(axis=2, keepdims=True)
    errors = gained[:, 1].astype(float).tolist()
    requests = gained.sum(axis=1).astype(float).tolist()
    return {
        name: {
            route: Counts(errors[pod][number], requests[pod][number])
            for number, route in enumerate(routes)
            if requests[pod][number]
        }
        for pod, name in enumerate(gains)
    }


def _milliseconds(time: datetime) -> int:
    return (time - BEGAN_AT) // MILLISECOND


def _instant(milliseconds: int) -> datetime:
    return BEGAN_AT + milliseconds * MILLISECOND
