"""The Metrics port over a real HTTP server: what is counted, and for whom."""

import asyncio

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.adapters.prometheus import PrometheusMetrics
from controller.adapters.prometheus.segments import NO_ROUTE
from controller.domain.policy import RequestSource
from controller.domain.readings import Counts, Missing, Tally
from tests.adapters.prometheus.asking import (
    COUNTER,
    LONG_AGO,
    OTEL,
    START,
    WHOLE,
    at,
    fill,
    missable,
    play,
    read,
    steady,
)
from tests.adapters.prometheus.stub import running


def test_requests_and_errors_come_from_the_same_series() -> None:
    with running() as stub:
        fill(stub, "a", steady(60))
        fill(stub, "a", steady(60, per_sample=1), status="500")

        async def story(metrics: PrometheusMetrics) -> None:
            tally = await read(metrics, "a", since=30, now=60)
            assert tally == Tally(since=at(30), until=at(57.5), pods={"a": {"": Counts(5, 55)}})
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
    """Remote write: samples can be read 8 s after they were taken. None of them is lost."""
    with running() as stub:

        async def story(metrics: PrometheusMetrics) -> None:
            fill(stub, "a", steady(50))
            since, total = 20.0, 0.0
            for now in range(58, 200, 3):
                fill(stub, "a", [s for s in steady(now - 8) if now - 11 < s[0] and s[0] > 50])
                tally = await read(metrics, "a", since=since, now=now)
                total += tally.pods["a"].get("", Counts()).requests
                since = (tally.until - START).total_seconds()
            assert total == 10 * ((since - 20) // 5)
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


def test_a_segment_is_called_the_same_in_every_look() -> None:
    with running() as stub:
        for number in range(200):
            rising = [(time, 10 * time + (time - 40) * number) for time in range(45, 81, 5)]
            fill(stub, "a", [*steady(40, per_sample=50), *rising], route=f"/user/{number}")

        async def story(metrics: PrometheusMetrics) -> None:
            first = await read(metrics, "a", since=20, now=40, source=OTEL)
            second = await read(metrics, "a", since=60, now=80, source=OTEL)
            assert first.pods["a"].keys() == second.pods["a"].keys()
            assert len(first.pods["a"]) == 200

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


@given(
    st.lists(st.integers(min_value=0, max_value=5), min_size=10, max_size=40),
    st.lists(st.integers(min_value=1, max_value=17), min_size=1, max_size=12),
    st.sets(st.integers(min_value=0, max_value=39), max_size=3),
    st.integers(min_value=0, max_value=39),
)
@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_however_often_one_looks_every_request_is_counted_once(
    added: list[int], pauses: list[int], restarts: set[int], born: int
) -> None:
    """Two pods: one restarts now and then, the other is created in between."""
    end = 5 * len(added) + 10
    old, young, total = [(-5 * n, 0) for n in range(20, 0, -1)], [], 0
    for index, count in enumerate([*added, 0, 0, 0]):
        # A process that has counted more than its predecessor by the first scrape cannot be told.
        restarted = index in restarts and count < old[-1][1]
        old.append((5 * index, count if restarted else old[-1][1] + count))
        total += count if index else 0
        if index >= born:
            young.append((5 * index + 1, count + (young[-1][1] if young else 0)))
            total += count

    with running() as stub:
        fill(stub, "a", [(time, value) for time, value in old])
        fill(stub, "b", young)
        pods = {"a": LONG_AGO, "b": at(5 * born)}

        async def story(metrics: PrometheusMetrics) -> None:
            since, now, counted = at(0), 0, 0.0
            for pause in [*pauses, end]:
                now = min(now + pause, end)
                tally = await metrics.tally(WHOLE, "exams", pods, since=since, now=at(now))
                assert isinstance(tally, Tally), tally
                counted += sum(c.requests for p in tally.pods.values() for c in p.values())
                since = tally.until
            assert counted == total

        play(stub, story)
