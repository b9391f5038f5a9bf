"""What the tests of the port share: samples at seconds after START, and questions about them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from controller.adapters.prometheus import PrometheusMetrics
from controller.domain.policy import RequestSource
from controller.domain.readings import Missing, Tally
from tests.adapters.prometheus.stub import Stub

COUNTER = "http_server_request_duration_seconds_count"
START = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = START - timedelta(days=1)
OTEL = RequestSource()
WHOLE = RequestSource(segment_by="")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def fill(
    stub: Stub,
    pod: str,
    samples: Iterable[tuple[float, object]],
    *,
    status: str = "200",
    route: str | None = "/exam",
    namespace: str = "exams",
    **labels: str,
) -> None:
    """Samples of one series at seconds after START."""
    shown = {"namespace": namespace, "pod": pod, "http_response_status_code": status, **labels}
    if route is not None:
        shown["http_route"] = route
    stub.add(COUNTER, shown, [(at(time).timestamp(), value) for time, value in samples])


def steady(until: int, per_sample: int = 10, every: int = 5, since: int = 0) -> list:
    return [(time, per_sample * time // every) for time in range(since, until + 1, every)]


def play(stub: Stub, story: Callable[[PrometheusMetrics], Awaitable[object]], **options) -> object:
    async def run() -> object:
        metrics = PrometheusMetrics(stub.url, **options)
        try:
            return await story(metrics)
        finally:
            metrics.close()

    return asyncio.run(run())


async def read(
    metrics: PrometheusMetrics,
    *pods: str,
    since: float,
    now: float,
    source: RequestSource = WHOLE,
    created: datetime = LONG_AGO,
) -> Tally:
    tally = await missable(metrics, *pods, since=since, now=now, source=source, created=created)
    assert isinstance(tally, Tally), tally
    return tally


async def missable(
    metrics: PrometheusMetrics,
    *pods: str,
    since: float,
    now: float,
    source: RequestSource = WHOLE,
    created: datetime = LONG_AGO,
) -> Tally | Missing:
    return await metrics.tally(
        source,
        "exams",
        dict.fromkeys(pods, created),
        since=at(since),
        now=at(now),
    )
