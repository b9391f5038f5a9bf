"""The Metrics port: what releases ask, batched, fetched, counted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from controller.adapters.prometheus.counters import Counter, counter_of
from controller.adapters.prometheus.fetching import (
    THREADS_ALL,
    Fetcher,
    Observer,
    Span,
    Wanted,
)
from controller.adapters.prometheus.gathering import Gatherer, nothing
from controller.adapters.prometheus.guarding import read_guard
from controller.adapters.prometheus.lives import read_lives
from controller.adapters.prometheus.past import read_past
from controller.adapters.prometheus.problems import source_problem
from controller.adapters.prometheus.reading import SETTLE_MIN_MS, Question, answer, settle_of
from controller.adapters.prometheus.selecting import Ask, Selection
from controller.adapters.prometheus.series import Series, instant, milliseconds
from controller.adapters.prometheus.server import Address, Server
from controller.adapters.prometheus.siblings import Asked
from controller.domain.policy import Guard, RequestSource, SlowRequests
from controller.domain.readings import Lives, Measured, Missing, Past, Tally
from controller.engine.ports import Stable

__all__ = ["Observer", "PrometheusMetrics"]

REMEMBERED: Final = 1_024
RESTARTS: Final = Selection(metric="kube_pod_container_status_restarts_total")


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
        server = Server(
            Address(
                url=url,
                timeout_seconds=timeout_seconds,
                bearer_token_file=bearer_token_file,
                ca_file=ca_file,
                headers=headers or {},
                connections=THREADS_ALL,
            )
        )
        self._fetcher = Fetcher(server, timeout_seconds=timeout_seconds, observer=observer)
        self._gatherer = Gatherer(self._fetcher)

    def close(self) -> None:
        self._fetcher.close()

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
        counter = _counter(source, slow)
        if isinstance(counter, Missing):
            return counter
        question = Question(
            pods={pod: milliseconds(created) for pod, created in pods.items()},
            since=milliseconds(since),
            now=milliseconds(now),
        )
        remembered = self._gatherer.interval(counter, namespace)
        settle = SETTLE_MIN_MS if remembered is None else settle_of(remembered)
        if not pods or question.since >= question.now - settle:
            return Tally(since=instant(question.since), until=instant(question.since))
        found = await self._gatherer.gather(counter, source.pod_label, question, namespace)
        if isinstance(found, Missing):
            return found
        evidence = found.evidence
        self.interval_seconds = (evidence.interval or 0) / 1_000
        self.age_seconds = max(0, question.now - evidence.newest) / 1_000
        return answer(found.counter, question, evidence)

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
        """What stable counted in the last `span`, with the segments that are to be told apart."""
        counter = _counter(source, slow)
        if isinstance(counter, Missing):
            return counter
        at = milliseconds(now)
        ask = Ask(namespace=namespace, pods=frozenset(stable.pods), start=at, at=at)
        placed = await self._gatherer.place(counter, source.pod_label, ask)
        if isinstance(placed, Missing):
            return placed
        asked = Asked(namespace=namespace, stable=stable, span=span, now=now)
        return await read_past(self._fetcher.series, placed, asked)

    async def lives(
        self, namespace: str, stable: Stable, *, span: timedelta, now: datetime
    ) -> Lives | Missing:
        """Restarts and life as kube-state-metrics has them."""
        asked = Asked(namespace=namespace, stable=stable, span=span, now=now)
        return await read_lives(self._fetcher.series, asked)

    async def guard(
        self,
        guard: Guard,
        namespace: str,  # noqa: ARG002 - the query says where it looks
        canary: frozenset[str],
        stable: frozenset[str],
        now: datetime,
    ) -> Measured | Missing:
        """What a guard's expression says of these pods now."""
        return await read_guard(self._fetcher.ask_guard, guard, canary, stable, now)

    async def restarts(
        self, namespace: str, pods: frozenset[str], now: datetime
    ) -> Mapping[str, int] | Missing:
        """Container restarts per pod as kube-state-metrics has them; unknown pods are absent."""
        if not pods:
            return {}
        at = milliseconds(now)
        ask = Ask(namespace=namespace, pods=pods, start=at, at=at)
        found = await self._fetcher.put(Wanted(RESTARTS, Span.NOW), ask)
        if isinstance(found, Missing):
            return found
        counted = {pod: found[namespace, pod] for pod in pods if (namespace, pod) in found}
        if not counted:
            return nothing(RESTARTS, ask, "is kube-state-metrics scraped, with honorLabels?")
        return {pod: _restarts(series) for pod, series in counted.items()}


@lru_cache(maxsize=REMEMBERED)  # Asked at each look, and a source with many rules is dear.
def _counter(source: RequestSource, slow: SlowRequests | None) -> Counter | Missing:
    problem = source_problem(source, slow)
    if problem is not None:
        return Missing("not countable", str(problem))
    return counter_of(source, slow)


def _restarts(series: Sequence[Series]) -> int:
    """The sum over containers. Two instances of kube-state-metrics say the same thing twice."""
    containers: dict[tuple[str, str], int] = {}
    for one in series:
        key = (one.labels.get("uid", ""), one.labels.get("container", ""))
        containers[key] = max(containers.get(key, 0), round(one.samples[-1][1]))
    return sum(containers.values())
