"""The Metrics port in a run: what Prometheus would say about the simulated scrapes.

Windows are those of the real adapter: how far back it looks, how long samples may take, and when
they are stale.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from controller.domain.policy import Guard, RequestSource, SlowRequests
from controller.domain.readings import Lives, Measured, Missing, Past, Reading, Tally
from controller.domain.records import Ref
from controller.engine.ports import Conflict, Refused, Stable, Unavailable
from controller.simulation.load.answers import (
    Asked,
    guarded,
    milliseconds,
    past_of,
    problem_of,
    tally_of,
)
from controller.simulation.load.load import Load
from controller.simulation.load.pasts import belongs
from controller.simulation.trace import Read, Trace
from controller.simulation.weather import Effect, Weather

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class SimulatedMetrics:
    """The metric source as one process of the controller reaches it. Never raises, but CrashNow."""

    load: Load
    process: str
    weather: Weather
    trace: Trace

    async def tally(
        self,
        source: RequestSource,
        namespace: str,
        pods: Mapping[str, datetime],
        *,
        slow: SlowRequests | None = None,
        since: datetime,
        now: datetime,
    ) -> Tally | Missing:
        """Requests and errors of these pods after `since`; what `since` is next is in the answer.

        An answer without pods, `until` where `since` was, means: nothing new yet.
        """
        asked = Asked(
            namespace=namespace, split=source.segment_by != "", slow=slow is not None, now=now
        )

        def answered() -> Reading:
            return problem_of(slow) or tally_of(self.load.scrapes, asked, pods, since)

        answer = await self._reached(Effect.TALLY, answered)
        about = "requests" if slow is None else "slow requests"
        told = self.weather.distorted(answer, about)
        self._trace(tuple(pods), told, slow=slow is not None)
        return told

    async def past(
        self,
        source: RequestSource,
        namespace: str,
        stable: Stable,
        *,
        slow: SlowRequests | None = None,
        span: timedelta,
        now: datetime,
    ) -> Past | Missing:
        """What stable counted in the last `span`, pods that are gone included."""
        asked = Asked(
            namespace=namespace, split=source.segment_by != "", slow=slow is not None, now=now
        )

        def answered() -> Past | Missing:
            return problem_of(slow) or past_of(self.load.scrapes, asked, stable, span)

        answer = await self._reached(Effect.PAST, answered)
        told = self._distorted(answer, "past" if slow is None else "slow past")
        self._trace(tuple(stable.pods), told, slow=slow is not None)
        return told

    async def lives(
        self, namespace: str, stable: Stable, *, span: timedelta, now: datetime
    ) -> Lives | Missing:
        """Restarts and life as kube-state-metrics shows them, pods that are gone included."""

        def answered() -> Lives | Missing:
            end = min(asyncio.get_running_loop().time(), milliseconds(now) / 1000)
            begin = end - span.total_seconds()
            restarts, seconds = {}, {}
            for name, state in self.load.states.all_of(namespace):
                last = state.restarts(end)
                if last is None or not belongs(name, stable):
                    continue
                restarts[name] = last - (state.restarts(begin) or 0)
                left = end if state.gone_at is None else min(end, state.gone_at)
                seconds[name] = max(0.0, left - max(begin, state.created_at))
            if not seconds:
                return Missing("no series", "kube-state-metrics knows none of the pods")
            return Lives(restarts=restarts, seconds=seconds)

        return await self._reached(Effect.LIVES, answered)

    async def restarts(
        self, namespace: str, pods: frozenset[str], now: datetime
    ) -> Mapping[str, int] | Missing:
        """Container restarts per pod as kube-state-metrics has them; unknown pods are absent."""
        if not pods:
            return {}

        def answered() -> Mapping[str, int] | Missing:
            at = min(asyncio.get_running_loop().time(), milliseconds(now) / 1000)
            found = {name: self.load.states.restarts(Ref(namespace, name), at) for name in pods}
            counted = {name: found[name] for name in sorted(pods)}
            shown = {name: restarts for name, restarts in counted.items() if restarts is not None}
            return shown or Missing("no series", "kube-state-metrics knows none of the pods")

        return await self._reached(Effect.RESTARTS, answered)

    async def guard(
        self,
        guard: Guard,
        namespace: str,  # noqa: ARG002 - the run has one
        canary: frozenset[str],
        stable: frozenset[str],
        now: datetime,
    ) -> Measured | Missing:
        """The scenario's values of this guard: no PromQL is evaluated in a run."""

        def answered() -> Measured | Missing:
            values, pushed_at = self.load.guards.get(guard.name), self.load.push_at
            loop = asyncio.get_running_loop()
            since_push = None if pushed_at is None else loop.time() - pushed_at
            return guarded(guard, values, (canary, stable), since_push, now)

        return await self._reached(Effect.GUARD, answered)

    async def _reached(
        self, effect: Effect, answered: Callable[[], Found | Missing]
    ) -> Found | Missing:
        """The answer, or why it does not come."""
        try:
            async with self.weather.around(effect):
                return answered()
        except (Unavailable, Refused, Conflict) as error:
            return Missing(type(error).__name__.lower(), str(error))

    def _distorted(self, answer: Past | Missing, about: str) -> Past | Missing:
        """The weather knows readings: a past goes through it as one."""
        if isinstance(answer, Missing):
            reading: Reading = answer
        else:
            reading = Tally(since=answer.since, until=answer.until, pods=answer.pods)
        told = self.weather.distorted(reading, about)
        if isinstance(told, Missing):
            return told
        recent = answer.recent if isinstance(answer, Past) else ()
        return Past(since=told.since, until=told.until, pods=told.pods, recent=recent)

    def _trace(self, pods: tuple[str, ...], answer: Reading | Past, *, slow: bool) -> None:
        read = Read(
            at=asyncio.get_running_loop().time(),
            process=self.process,
            pods=pods,
            history=isinstance(answer, Past),
            slow=slow,
            answer=answer,
        )
        self.trace.add(read)
