"""The Metrics port over a real HTTP server: what is counted, for whom, and in how many queries."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.adapters.prometheus import PrometheusMetrics
from controller.adapters.prometheus.reading import NO_ROUTE, OTHER, SEGMENTS_MAX
from controller.domain.policy import RequestSource
from controller.domain.readings import Counts, Missing, Tally
from tests.adapters.prometheus.stub import Answer, Stub, running

COUNTER = "http_server_request_duration_seconds_count"
START = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = START - timedelta(days=1)
OTEL = RequestSource()
WHOLE = RequestSource(segment_by="")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def fill(  # noqa: PLR0913
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


async def read(  # noqa: PLR0913
    metrics: PrometheusMetrics,
    *pods: str,
    since: float | None,
    now: float,
    source: RequestSource = WHOLE,
    created: datetime = LONG_AGO,
) -> Tally:
    tally = await missable(metrics, *pods, since=since, now=now, source=source, created=created)
    assert isinstance(tally, Tally), tally
    return tally


async def missable(  # noqa: PLR0913
    metrics: PrometheusMetrics,
    *pods: str,
    since: float | None,
    now: float,
    source: RequestSource = WHOLE,
    created: datetime = LONG_AGO,
) -> Tally | Missing:
    return await metrics.tally(
        source,
        "exams",
        dict.fromkeys(pods, created),
        since=None if since is None else at(since),
        now=at(now),
    )


def test_requests_and_errors_come_from_the_same_series() -> None:
    with running() as stub:
        fill(stub, "a", steady(60))
        fill(stub, "a", steady(60, per_sample=1), status="500")

        async def story(metrics: PrometheusMetrics) -> None:
            tally = await read(metrics, "a", since=30, now=60)
            assert tally == Tally(since=at(30), until=at(55), pods={"a": {"": Counts(5, 55)}})
            assert len(stub.requests) == 1

        play(stub, story)


def test_reading_on_where_the_last_read_ended_misses_and_doubles_nothing() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))

        async def story(metrics: PrometheusMetrics) -> None:
            since, total = 20.0, 0.0
            for now in (26, 31, 33, 47, 60, 99, 105):
                tally = await read(metrics, "a", since=since, now=now)
                assert tally.since == at(since)
                total += sum(counts.requests for counts in tally.pods.get("a", {}).values())
                since = (tally.until - START).total_seconds()
            assert since == 100
            assert total == 160

        play(stub, story)


def test_since_none_counts_from_each_pods_start() -> None:
    with running() as stub:
        fill(stub, "a", [(0, 4), (5, 6), (10, 1), (15, 3)])

        async def story(metrics: PrometheusMetrics) -> None:
            tally = await read(metrics, "a", since=None, now=16, created=at(-3))
            assert tally.pods == {"a": {"": Counts(0, 6 + 1)}}
            assert tally.since == at(-3)
            tally = await read(metrics, "a", since=None, now=30, created=at(-3))
            assert tally.pods == {"a": {"": Counts(0, 6 + 3)}}

        play(stub, story)


def test_the_first_errors_of_a_pod_that_was_scraped_all_along_are_seen() -> None:
    with running() as stub:
        fill(stub, "a", steady(40))
        fill(stub, "a", [(35, 4), (40, 4)], status="500")

        async def story(metrics: PrometheusMetrics) -> None:
            await read(metrics, "a", since=20, now=33)
            tally = await read(metrics, "a", since=30, now=42.5)
            assert tally.pods == {"a": {"": Counts(4, 24)}}

        play(stub, story)


def test_the_first_errors_of_a_canary_that_nobody_had_called_are_seen() -> None:
    """Its series begin with its first request: minutes after the pod, and after the last read."""
    with running() as stub:
        fill(stub, "stable", steady(200))
        fill(stub, "canary", [(180, 4), (185, 4)], status="500")

        async def story(metrics: PrometheusMetrics) -> None:
            await read(metrics, "stable", "canary", since=100, now=150, created=at(1))
            queries = len(stub.requests)
            tally = await read(metrics, "stable", "canary", since=170, now=188, created=at(1))
            assert tally.pods["canary"] == {"": Counts(4, 4)}
            assert len(stub.requests) == queries + 2
            tally = await read(metrics, "stable", "canary", since=185, now=193, created=at(1))
            assert tally.pods["canary"] == {}
            assert len(stub.requests) == queries + 3

        play(stub, story)


def test_an_old_pod_that_was_out_of_reach_only_starts_the_count() -> None:
    with running() as stub:
        fill(stub, "a", steady(400))
        fill(stub, "b", [*steady(100), *steady(400, since=380)])

        async def story(metrics: PrometheusMetrics) -> None:
            await read(metrics, "a", "b", since=300, now=330)
            tally = await read(metrics, "a", "b", since=370, now=402.5)
            assert tally.pods == {"a": {"": Counts(0, 60)}, "b": {"": Counts(0, 40)}}

        play(stub, story)


def test_pods_that_are_scraped_rarely_are_counted_beside_others() -> None:
    with running() as stub:
        fill(stub, "a", steady(600))
        fill(stub, "slow", steady(600, per_sample=60, every=60))

        async def story(metrics: PrometheusMetrics) -> None:
            await read(metrics, "a", since=300, now=330)
            since, total = 330.0, 0.0
            for now in range(335, 601, 5):
                tally = await read(metrics, "a", "slow", since=since, now=now)
                total += tally.pods.get("slow", {}).get("", Counts()).requests
                since = (tally.until - START).total_seconds()
            assert total == 240

        play(stub, story)


def test_a_pod_that_is_not_scraped_any_more_is_absent() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))
        fill(stub, "b", steady(50))

        async def story(metrics: PrometheusMetrics) -> None:
            assert set((await read(metrics, "a", "b", since=45, now=60)).pods) == {"a", "b"}
            assert set((await read(metrics, "a", "b", since=90, now=100)).pods) == {"a"}

        play(stub, story)


def test_a_pod_without_new_requests_said_that_there_were_none() -> None:
    with running() as stub:
        fill(stub, "a", steady(100, per_sample=0))

        async def story(metrics: PrometheusMetrics) -> None:
            assert (await read(metrics, "a", since=80, now=100)).pods == {"a": {}}

        play(stub, story)


def test_nothing_new_yet_is_no_query_and_no_pods() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))

        async def story(metrics: PrometheusMetrics) -> None:
            tally = await read(metrics, "a", since=99.8, now=100)
            assert tally == Tally(since=at(99.8), until=at(99.8))
            assert stub.requests == []

        play(stub, story)


def test_what_a_slow_pipeline_delivers_late_is_still_ahead() -> None:
    """Remote write: samples can be read 12 s after they were taken. None of them is lost."""
    with running() as stub:

        async def story(metrics: PrometheusMetrics) -> None:
            fill(stub, "a", steady(50))
            since, total = 20.0, 0.0
            for now in range(62, 200, 3):
                fill(stub, "a", [s for s in steady(now - 12) if now - 15 < s[0] and s[0] > 50])
                tally = await read(metrics, "a", since=since, now=now)
                total += tally.pods["a"].get("", Counts()).requests
                since = (tally.until - START).total_seconds()
            assert total == 10 * (since - 20) // 5 // 1
            assert since > 170

        play(stub, story)


def test_an_old_newest_sample_is_stale() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))

        async def story(metrics: PrometheusMetrics) -> None:
            found = await missable(metrics, "a", since=80, now=142)
            assert found == Missing("stale", f"{COUNTER}: last sample 42 s ago")

        play(stub, story)


def test_no_series_says_what_was_looked_for() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))

        async def story(metrics: PrometheusMetrics) -> None:
            source = RequestSource(pod_label="kubernetes_pod_name")
            found = await missable(metrics, "a", since=80, now=100, source=source)
            assert isinstance(found, Missing)
            assert found.reason == "no series"
            assert f'{COUNTER}{{kubernetes_namespace=~"exams",kubernetes_pod_name=~"a"}}' in str(
                found
            )

        play(stub, story)


def test_a_namesake_in_another_namespace_is_not_counted() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))
        fill(stub, "a", steady(100, per_sample=1000), namespace="shop")

        async def story(metrics: PrometheusMetrics) -> None:
            tallies = await asyncio.gather(
                read(metrics, "a", since=50, now=100),
                metrics.tally(WHOLE, "shop", {"a": LONG_AGO}, since=at(50), now=at(100)),
            )
            assert tallies[0].pods == {"a": {"": Counts(0, 90)}}
            assert len(stub.requests) == 1

        play(stub, story)


def test_a_route_is_a_segment_and_another_label_may_be() -> None:
    with running() as stub:
        fill(stub, "a", steady(100), method="GET")
        fill(stub, "a", steady(100), method="POST", route="/lti/launch", status="500")
        fill(stub, "a", steady(100), method="GET", route=None, status="404")

        async def story(metrics: PrometheusMetrics) -> None:
            by_route = await read(metrics, "a", since=50, now=100, source=OTEL)
            assert by_route.pods == {
                "a": {
                    "/exam": Counts(0, 90),
                    "/lti/launch": Counts(90, 90),
                    NO_ROUTE: Counts(0, 90),
                }
            }
            source = RequestSource(segment_by="method")
            by_method = await read(metrics, "a", since=50, now=100, source=source)
            assert by_method.pods == {"a": {"GET": Counts(0, 180), "POST": Counts(90, 90)}}

        play(stub, story)


def test_a_route_label_with_endless_values_stays_bounded() -> None:
    with running() as stub:
        for number in range(200):
            fill(stub, "a", steady(40, per_sample=10 + number), route=f"/user/{number}")
            fill(stub, "b", steady(40, per_sample=1), route=f"/user/{number}", status="500")

        async def story(metrics: PrometheusMetrics) -> None:
            tally = await read(metrics, "a", "b", since=20, now=40, source=OTEL)
            assert set(tally.pods["a"]) == {OTHER, *(f"/user/{n}" for n in range(150, 200))}
            assert len(tally.pods["a"]) == SEGMENTS_MAX + 1
            assert tally.pods["b"][OTHER] == Counts(450, 450)
            requests = sum(c.requests for pod in tally.pods.values() for c in pod.values())
            assert requests == 3 * (sum(range(10, 210)) + 200)

        play(stub, story)


def test_a_pod_scraped_twice_is_counted_once() -> None:
    with running() as stub:
        fill(stub, "a", steady(100), instance="10.0.0.1:80", service="api")
        again = [(time + 1, value) for time, value in steady(100)]
        fill(stub, "a", again, instance="10.0.0.1:80", service="api-headless")

        async def story(metrics: PrometheusMetrics) -> None:
            tally = await read(metrics, "a", since=50, now=100)
            assert tally.pods == {"a": {"": Counts(0, 90)}}

        play(stub, story)


def test_after_the_first_read_only_as_much_is_fetched_as_scraping_needs() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))

        async def story(metrics: PrometheusMetrics) -> None:
            await read(metrics, "a", since=80, now=90)
            await read(metrics, "a", since=85, now=95)
            assert [request.query[-6:] for request in stub.requests] == ["[312s]", "}[29s]"]
            assert metrics.interval_seconds == 5
            assert metrics.age_seconds == 0

        play(stub, story)


def test_many_releases_share_few_queries() -> None:
    with running() as stub:
        for number in range(300):
            fill(stub, f"pod-{number}", steady(100, per_sample=number))

        async def story(metrics: PrometheusMetrics) -> None:
            tallies = await asyncio.gather(
                *(read(metrics, f"pod-{n}", since=50, now=100) for n in range(300))
            )
            assert [
                t.pods[f"pod-{n}"].get("", Counts()).requests for n, t in enumerate(tallies)
            ] == [9 * n for n in range(300)]
            assert len(stub.requests) == 1

        play(stub, story)


def test_who_asks_while_a_query_is_under_way_shares_the_next() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))
        stub.gate = threading.Event()

        async def story(metrics: PrometheusMetrics) -> None:
            async with asyncio.TaskGroup() as group:
                tasks = []
                for _ in range(10):
                    tasks.append(group.create_task(read(metrics, "a", since=50, now=100)))
                    await asyncio.sleep(0.02)
                stub.gate.set()
            assert all(task.result().pods for task in tasks)
            assert len(stub.requests) == 2

        play(stub, story)


def test_one_that_gives_up_does_not_take_the_others_along() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))
        stub.gate = threading.Event()

        async def story(metrics: PrometheusMetrics) -> None:
            async with asyncio.TaskGroup() as group:
                first = group.create_task(read(metrics, "a", since=50, now=100))
                second = group.create_task(read(metrics, "a", since=50, now=100))
                await asyncio.sleep(0.03)
                first.cancel()
                stub.gate.set()
            assert first.cancelled()
            assert second.result().pods

        play(stub, story)


def test_a_server_that_hangs_holds_nobody_for_ever_and_is_not_flooded() -> None:
    with running() as stub:
        stub.always = "hang"

        async def story(metrics: PrometheusMetrics) -> None:
            found = await asyncio.gather(
                *(missable(metrics, f"pod-{n}", since=50, now=100) for n in range(50)),
                metrics.restarts("exams", frozenset({"a"}), at(100)),
            )
            assert {one.reason for one in found if isinstance(one, Missing)} == {"timeout"}
            assert len(stub.requests) == 2

        play(stub, story, timeout_seconds=0.3)


def test_a_reading_that_failed_is_asked_for_again_by_the_next_look() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))

        async def story(metrics: PrometheusMetrics) -> None:
            stub.always = Answer(503, b"")
            assert isinstance(await missable(metrics, "a", since=50, now=100), Missing)
            stub.always = None
            assert (await read(metrics, "a", since=50, now=100)).pods

        play(stub, story)


def test_a_closed_port_says_so() -> None:
    with running() as stub:

        async def story(metrics: PrometheusMetrics) -> None:
            metrics.close()
            found = await missable(metrics, "a", since=50, now=100)
            assert found == Missing("unreachable", "shutting down")

        play(stub, story)


def test_a_preset_that_cannot_tell_pods_apart_is_missing_not_a_crash() -> None:
    with running() as stub:

        async def story(metrics: PrometheusMetrics) -> None:
            source = RequestSource(preset="ingress-nginx")
            found = await missable(metrics, "a", since=50, now=100, source=source)
            assert isinstance(found, Missing)
            assert found.reason == "not countable"

        play(stub, story)


def test_our_own_queries_are_counted_by_result() -> None:
    class Counter:
        def __init__(self) -> None:
            self.results: list[str] = []

        def queried(self, result: str, seconds: float) -> None:
            assert seconds >= 0
            self.results.append(result)

    with running() as stub:
        counter = Counter()

        async def story(metrics: PrometheusMetrics) -> None:
            fill(stub, "a", steady(100))
            await read(metrics, "a", since=50, now=100)
            stub.always = Answer(200, b'{"data":{"result":[1,"2"]}}')
            await missable(metrics, "a", since=50, now=100)

        play(stub, story, observer=counter)
        assert counter.results == ["ok", "not-a-vector"]


def test_restarts_are_summed_over_containers_and_not_over_observers() -> None:
    with running() as stub:
        now = at(0).timestamp()
        for instance in ("ksm-0", "ksm-1"):
            for container, count in (("app", 3), ("sidecar", 1)):
                labels = {"namespace": "exams", "pod": "a", "uid": "1", "container": container}
                stub.add(
                    "kube_pod_container_status_restarts_total",
                    {**labels, "instance": instance},
                    [(now - 10, count - (instance == "ksm-1"))],
                )

        async def story(metrics: PrometheusMetrics) -> None:
            assert await metrics.restarts("exams", frozenset({"a", "b"}), at(0)) == {"a": 4}
            assert await metrics.restarts("exams", frozenset(), at(0)) == {}
            found = await metrics.restarts("shop", frozenset({"a"}), at(0))
            assert isinstance(found, Missing)
            assert found.reason == "no series"

        play(stub, story)


@given(
    st.lists(st.integers(min_value=0, max_value=5), min_size=10, max_size=60),
    st.lists(st.integers(min_value=1, max_value=17), min_size=1, max_size=30),
    st.sets(st.integers(min_value=0, max_value=59), max_size=3),
    st.integers(min_value=0, max_value=59),
)
@settings(max_examples=15, deadline=None)
def test_however_often_one_looks_every_request_is_counted_once(
    added: list[int], pauses: list[int], restarts: set[int], born: int
) -> None:
    """Two pods; one restarts now and then, the other is created in between; samples come at once."""
    with running() as stub:
        steady_pod, young_pod, expected = [], [], 0
        value = young = 0
        for index, count in enumerate(added):
            value = count if index in restarts else value + count
            steady_pod.append((5 * index, value))
            expected += count if index else 0
            if index >= born:
                young += count
                expected += count
                young_pod.append((5 * index + 1, young))
        fill(stub, "a", [(-5 * n, 0) for n in range(20, 0, -1)])
        fill(stub, "a", steady_pod)
        fill(stub, "b", young_pod)
        pods = {"a": LONG_AGO, "b": at(5 * born)}

        async def story(metrics: PrometheusMetrics) -> None:
            since, now, total = at(0), 0.0, 0.0
            expected_all = expected
            for pause in [*pauses, 5 * len(added) + 5]:
                now = min(now + pause, 5 * len(added) + 5.0)
                tally = await metrics.tally(WHOLE, "exams", pods, since=since, now=at(now))
                assert isinstance(tally, Tally), tally
                total += sum(c.requests for p in tally.pods.values() for c in p.values())
                since = tally.until
            assert total == expected_all

        play(stub, story)
