"""The metrics: what is counted here, and what is asked of others at each scrape."""

import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from controller.adapters.telemetry.log import log_context
from controller.adapters.telemetry.standing import PREFIX, Hall, Losses, Standing, Streams, Watches
from controller.domain.findings import Metric
from controller.domain.status import Result, Status
from controller.engine.ports import Clock

NO_CAUSE: Final = "none"
OTHER: Final = "other"
# A label's value must be one of few: a sentence as a cause would be a time series for each.
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
# Anybody may ask with a method of their own making, without signing in.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS_OF_A_ROLLBACK: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300)
_SECONDS_OF_A_CYCLE: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SECONDS_OF_EVIDENCE: Final = (1, 2.5, 5, 10, 15, 20, 30, 45, 60, 120, 300)
_SECONDS_OF_A_QUERY: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Telemetry:
    """The controller's metrics, in the registry that `/metrics` shows."""

    def __init__(self, registry: CollectorRegistry, version: str = "unknown") -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(PREFIX + name, text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(PREFIX + name, text, buckets=buckets, registry=registry)

        self._releases = counter(
            "releases_total", "Releases that ended, by result and cause.", "result", "cause"
        )
        self._crash_to_rollback = histogram(
            "crash_to_rollback_seconds",
            "From the death of the deciding process to the answer to the rollback's PATCH.",
            _SECONDS_OF_A_ROLLBACK,
        )
        self._reconcile = histogram(
            "reconcile_seconds", "One look at one Canary, its writes included.", _SECONDS_OF_A_CYCLE
        )
        self._reconcile_errors = counter(
            "reconcile_errors_total", "Looks that failed, by the kind of error.", "kind"
        )
        self._queue_depth = Gauge(
            PREFIX + "queue_depth", "Canaries waiting for a look.", registry=registry
        )
        self._notices = counter("notices_total", "Notices sent, by result.", "result")
        self._queries = counter("prometheus_queries_total", "Queries, by result.", "result")
        self._query = histogram(
            "prometheus_query_seconds", "How long a query took.", _SECONDS_OF_A_QUERY
        )
        self._evidence_age = histogram(
            "evidence_age_seconds",
            "How old the newest request was that a release was judged by, at each look.",
            _SECONDS_OF_EVIDENCE,
        )
        self._requests = counter(
            "http_requests_total",
            "Requests of people and scripts that were answered.",
            "method",
            "route",
            "status",
        )
        self._registry = registry
        self._begin_at_zero()
        _show_build(registry, version)

    def _begin_at_zero(self) -> None:
        """A series that appears with its first count hides that count from rate()."""
        for result in ("delivered", "retried", "refused"):
            self._notices.labels(result)
        self._queries.labels("ok")
        for kind in ("conflict", "unavailable", "refused", "bug"):
            self._reconcile_errors.labels(kind)
        for ending in Result:
            self._releases.labels(ending.value, NO_CAUSE)
        for metric in Metric:
            self._releases.labels(Result.ROLLED_BACK.value, _word(metric.value))

    def released(self, result: str, cause: str) -> None:
        """A release ended. `cause` is one word, such as `restarts` or `error-rate`."""
        self._releases.labels(result, _word(cause)).inc()

    def rollback_sent(self, seconds: float) -> None:
        """A rollback's PATCH was answered this long after the deciding process had died."""
        self._crash_to_rollback.observe(seconds)

    @contextmanager
    def visiting(self, release: object) -> Iterator[None]:
        """Time one look, and name its release in every line that it logs."""
        with log_context(release=str(release)), self._reconcile.time():
            yield

    def failed(self, kind: str) -> None:
        """A look failed: `conflict`, `unavailable`, `refused` or `bug`."""
        self._reconcile_errors.labels(_word(kind)).inc()

    def noticed(self, result: str) -> None:
        """A notice was `delivered`, `retried` or `refused`."""
        self._notices.labels(_word(result)).inc()

    def weighed(self, age_seconds: float) -> None:
        """A release was judged by requests of which the newest was so old."""
        self._evidence_age.observe(age_seconds)

    def answered(self, method: str, route: str, status: int) -> None:
        """A request was answered; `route` as it was declared, not as it was asked for."""
        known = method if method in _METHODS else OTHER
        self._requests.labels(known, route, str(status)).inc()

    def queried(self, result: str, seconds: float) -> None:
        """`result` is `ok` or, in a word, why there is no data."""
        self._queries.labels(_word(result)).inc()
        self._query.observe(seconds)

    def show_queue(self, depth: Callable[[], float]) -> None:
        """Ask for the queue's depth at every scrape."""
        self._queue_depth.set_function(depth)

    def show_watches(
        self,
        ages_seconds: Callable[[], Mapping[str, float]],
        relists: Callable[[], Mapping[str, int]],
        reconnects: Callable[[], Mapping[str, int]],
    ) -> None:
        """Ask for the watches' ages, relists and connects, all by kind, at every scrape."""
        self._registry.register(Watches(ages_seconds, relists, reconnects))

    def show_standing(self, statuses: Callable[[], Iterable[Status]], clock: Clock) -> None:
        """Ask for every Canary's status at every scrape."""
        self._registry.register(Standing(statuses, clock))

    def show_replica(
        self,
        leads: Callable[[], bool],
        transitions: Callable[[], int],
        gate_in_force: Callable[[], bool],
    ) -> None:
        """Ask at every scrape who leads, how often that changed, and whether there is a gate."""
        self._registry.register(Hall(leads, transitions, gate_in_force))

    def show_recorder(self, lost: Callable[[], int]) -> None:
        """Ask the flight recorder for its losses at every scrape."""
        self._registry.register(Losses(lost))

    def show_streams(self, opened: Callable[[], int], cut: Callable[[], int]) -> None:
        """Ask for the live streams at every scrape."""
        self._registry.register(Streams(opened, cut))


def _show_build(registry: CollectorRegistry, version: str) -> None:
    built = Gauge(
        PREFIX + "build_info",
        "1, with the version that runs.",
        ("version", "python"),
        registry=registry,
    )
    built.labels(version, platform.python_version()).set(1)
    ProcessCollector(registry=registry)


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else OTHER
