"""The Metrics port: what releases ask, batched, fetched, counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from controller.adapters.prometheus.batching import Answer, Batcher
from controller.adapters.prometheus.counting import interval_of
from controller.adapters.prometheus.presets import PRESETS, namespace_label, problem_of
from controller.adapters.prometheus.reading import (
    SETTLE_MIN_MS,
    Evidence,
    Question,
    answer,
    lookback_of,
    settle_of,
    unplaced,
)
from controller.adapters.prometheus.selecting import Ask, Selection, by_pod, ranged, selector
from controller.adapters.prometheus.series import Series, instant, milliseconds
from controller.adapters.prometheus.server import Address, Server
from controller.adapters.prometheus.session import Deadline
from controller.domain.policy import RequestSource
from controller.domain.readings import Missing, Tally

THREADS: Final = 4
INTERVALS_MAX: Final = 2_000
INTERVAL_FADE: Final = 0.8
INTERVAL_MAX_MS: Final = 300_000

RESTARTS: Final = Selection(metric="kube_pod_container_status_restarts_total")


class Span(StrEnum):
    """How far back a query reads. One release that has to catch up an hour must not make the
    others read an hour, so a metric takes up to three queries, however many releases there are.
    """

    NOW = "now"
    MINUTE = "minute"
    MINUTES = "minutes"
    HOUR = "hour"

    @classmethod
    def of(cls, window_ms: int) -> "Span":
        if window_ms <= 60_000:
            return cls.MINUTE
        return cls.MINUTES if window_ms <= 300_000 else cls.HOUR


@dataclass(frozen=True, slots=True)
class Fetch:
    """What questions must share to be put as one."""

    selection: Selection
    span: Span


class Observer(Protocol):
    """Who counts our own queries, for our own /metrics."""

    def queried(self, result: str, seconds: float) -> None:
        """One query ended: "ok", or in a word why its data is missing."""
        ...


class PrometheusMetrics:
    """Reads counters. Belongs to one event loop; `close` when done.

    `timeout_seconds` bounds one query; `headers` go with each (a tenant, say).
    `interval_seconds` is how far apart the pods read last are scraped, `age_seconds` how old their
    newest sample was then; 0 before the first read.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 5.0,
        bearer_token_file: Path | None = None,
        ca_file: Path | None = None,
        headers: Mapping[str, str] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.interval_seconds = 0.0
        self.age_seconds = 0.0
        self._observer = observer
        self._server = Server(
            Address(
                url=url,
                timeout_seconds=timeout_seconds,
                bearer_token_file=bearer_token_file,
                ca_file=ca_file,
                headers=headers or {},
                connections=THREADS,
            )
        )
        self._batcher = Batcher[Fetch](
            self._fetch, timeout_seconds=timeout_seconds, threads=THREADS, queried=self._queried
        )
        self._intervals: dict[tuple[Selection, str], int] = {}

    def close(self) -> None:
        self._batcher.close()
        self._server.close()

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
        problem = problem_of(source)
        if problem is not None:
            return Missing("not countable", str(problem))
        preset = PRESETS[source.preset]
        question = Question(
            preset=preset,
            segment_by=preset.route if source.segment_by is None else source.segment_by,
            pods={pod: milliseconds(created) for pod, created in pods.items()},
            since=None if since is None else milliseconds(since),
            now=milliseconds(now),
        )
        selection = Selection(
            metric=preset.counter,
            matchers=preset.matchers,
            namespace_label=namespace_label(source.pod_label),
            pod_label=source.pod_label,
        )
        remembered = self._intervals.get((selection, namespace))
        settle = SETTLE_MIN_MS if remembered is None else settle_of(remembered)
        if not pods or (question.since is not None and question.since >= question.now - settle):
            nothing_since = instant(question.now if question.since is None else question.since)
            return Tally(since=nothing_since, until=nothing_since)
        evidence = await self._evidence(question, selection, namespace)
        return evidence if isinstance(evidence, Missing) else answer(question, evidence)

    async def restarts(
        self, namespace: str, pods: frozenset[str], now: datetime
    ) -> Mapping[str, int] | Missing:
        """Container restarts per pod as kube-state-metrics has them; unknown pods are absent."""
        if not pods:
            return {}
        at = milliseconds(now)
        ask = Ask(namespace=namespace, pods=pods, start=at, at=at)
        found = await self._batcher.put(Fetch(RESTARTS, Span.NOW), ask)
        if isinstance(found, Missing):
            return found
        counted = {pod: found[namespace, pod] for pod in pods if (namespace, pod) in found}
        if not counted:
            return _nothing(RESTARTS, ask, "is kube-state-metrics scraped, with honorLabels?")
        return {pod: _restarts(series) for pod, series in counted.items()}

    async def _evidence(
        self, question: Question, selection: Selection, namespace: str
    ) -> Evidence | Missing:
        """The pods' series; for pods that they do not place, all that was ever scraped of them."""
        key = (selection, namespace)
        start = question.start(lookback_of(self._intervals.get(key)))
        ask = Ask(namespace=namespace, pods=frozenset(question.pods), start=start, at=question.now)
        found = await self._read(selection, ask)
        if isinstance(found, Missing):
            return found
        if not found:
            hint = f"are the pods scraped, and is {selection.pod_label!r} the label naming them?"
            return _nothing(selection, ask, hint)
        evidence = self._noticed(key, found, dict.fromkeys(found, start))
        again = unplaced(question, evidence)
        if again:
            earliest = min(again.values())
            more = Ask(namespace=namespace, pods=frozenset(again), start=earliest, at=question.now)
            whole = await self._read(selection, more)
            if isinstance(whole, Missing):
                return whole
            starts = {**evidence.starts, **dict.fromkeys(whole, earliest)}
            evidence = self._noticed(key, {**found, **whole}, starts)
        self.interval_seconds = (evidence.interval or 0) / 1_000
        self.age_seconds = max(0, question.now - evidence.newest) / 1_000
        return evidence

    async def _read(self, selection: Selection, ask: Ask) -> dict[str, Sequence[Series]] | Missing:
        """The series of every pod that has some."""
        found = await self._batcher.put(Fetch(selection, Span.of(ask.at - ask.start)), ask)
        if isinstance(found, Missing):
            return found
        key = ask.namespace
        return {pod: found[key, pod] for pod in ask.pods if (key, pod) in found}

    def _noticed(
        self,
        key: tuple[Selection, str],
        pods: Mapping[str, Sequence[Series]],
        starts: Mapping[str, int],
    ) -> Evidence:
        """Evidence with its scrape interval, which is remembered.

        The slowest pods of a namespace set the pace, and fade when they are no longer there.
        """
        seen, old = interval_of(pods), self._intervals.pop(key, None)
        interval = old if seen is None else max(seen, round(INTERVAL_FADE * (old or 0)))
        interval = interval and min(interval, INTERVAL_MAX_MS)
        if interval is not None:
            self._intervals[key] = interval
            if len(self._intervals) > INTERVALS_MAX:
                del self._intervals[next(iter(self._intervals))]
        return Evidence(pods=pods, starts=starts, interval=interval)

    def _fetch(self, fetch: Fetch, asks: Sequence[Ask], deadline: Deadline) -> Answer:
        """Runs in a thread."""
        text = (selector if fetch.span is Span.NOW else ranged)(fetch.selection, asks)
        series = self._server.query(text, max(ask.at for ask in asks), deadline)
        return series if isinstance(series, Missing) else by_pod(fetch.selection, series)

    def _queried(self, result: str, seconds: float) -> None:
        if self._observer is not None:
            self._observer.queried(result.replace(" ", "-"), seconds)


def _nothing(selection: Selection, ask: Ask, hint: str) -> Missing:
    """No series at all: most often a label that is named otherwise, so show what was looked for."""
    wanted = selector(selection, [ask])
    shown = wanted if len(wanted) <= 200 else f"{wanted[:200]}..."
    return Missing("no series", f"{shown} finds nothing; {hint}")


def _restarts(series: Sequence[Series]) -> int:
    """The sum over containers. Two instances of kube-state-metrics say the same thing twice."""
    containers: dict[tuple[str, str], int] = {}
    for one in series:
        key = (one.labels.get("uid", ""), one.labels.get("container", ""))
        containers[key] = max(containers.get(key, 0), round(one.samples[-1][1]))
    return sum(containers.values())
