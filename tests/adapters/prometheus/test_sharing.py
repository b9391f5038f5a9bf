"""The Metrics port over a real HTTP server: in how many queries, and what when it is away."""

import asyncio
import threading
from datetime import timedelta

from controller.adapters.prometheus import PrometheusMetrics
from controller.adapters.prometheus.batching import PODS_PER_QUERY_MAX
from controller.adapters.prometheus.fetching import THREADS_GUARDING
from controller.domain.policy import Guard, RequestSource
from controller.domain.readings import Counts, Missing
from controller.engine.ports import Stable
from tests.adapters.prometheus.asking import (
    LONG_AGO,
    WHOLE,
    at,
    fill,
    missable,
    play,
    read,
    steady,
)
from tests.adapters.prometheus.stub import Answer, result, running


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
        for number in range(200):
            fill(stub, f"pod-{number}", steady(100, per_sample=number))

        async def story(metrics: PrometheusMetrics) -> None:
            tallies = await asyncio.gather(
                *(read(metrics, f"pod-{n}", since=50, now=100) for n in range(200))
            )
            assert [
                t.pods[f"pod-{n}"].get("", Counts()).requests for n, t in enumerate(tallies)
            ] == [9 * n for n in range(200)]
            assert len(stub.requests) == 1

        play(stub, story)


def test_more_pods_than_fit_in_one_query_take_several() -> None:
    with running() as stub:
        number_of_pods = PODS_PER_QUERY_MAX * 2
        for number in range(number_of_pods):
            fill(stub, f"pod-{number}", [(90, 0), (95, 1), (100, 1)])

        async def story(metrics: PrometheusMetrics) -> None:
            tallies = await asyncio.gather(
                *(
                    read(metrics, f"pod-{n}", f"pod-{n + 1}", since=90, now=100)
                    for n in range(0, number_of_pods, 2)
                )
            )
            assert all(len(tally.pods) == 2 for tally in tallies)
            assert len(stub.requests) == 2

        play(stub, story)


def test_whoever_waits_when_the_port_closes_is_told() -> None:
    with running() as stub:
        stub.gate = threading.Event()

        async def story(metrics: PrometheusMetrics) -> None:
            async with asyncio.TaskGroup() as group:
                first = group.create_task(missable(metrics, "a", since=50, now=100))
                await asyncio.sleep(0.05)
                second = group.create_task(missable(metrics, "a", since=50, now=100))
                await asyncio.sleep(0.05)
                metrics.close()
                stub.gate.set()
            assert isinstance(first.result(), Missing)
            assert second.result() == Missing("unreachable", "shutting down")

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


def test_histories_and_guards_that_hang_keep_neither_themselves_nor_the_looks() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))
        stub.script = ["hang"] * 4
        guard = Guard(name="queue", query="depth", maximum=9.0)
        pods = frozenset({"a"})

        async def story(metrics: PrometheusMetrics) -> None:
            async with asyncio.timeout(10), asyncio.TaskGroup() as group:
                guards = [
                    group.create_task(metrics.guard(guard, "exams", pods, pods, at(100)))
                    for _ in range(8)
                ]
                await asyncio.sleep(0.05)
                assert (await read(metrics, "a", since=50, now=100)).pods
            found = {str(task.result()).partition(":")[0] for task in guards}
            assert "timeout" in found
            metrics.close()
            closed = await metrics.guard(guard, "exams", pods, pods, at(100))
            assert closed == Missing("unreachable", "shutting down")

        play(stub, story, timeout_seconds=0.5)


def test_one_releases_hanging_guards_keep_nobody_from_looks_histories_and_lives() -> None:
    with running() as stub:
        fill(stub, "a", steady(100))
        stub.told = {"depth": "hang"}
        guard = Guard(name="queue", query="depth", maximum=9.0)
        pods = frozenset({"a"})
        stable = Stable(replica_sets=frozenset({"web-1"}), pods={"a": LONG_AGO})
        hour = timedelta(hours=1)

        async def story(metrics: PrometheusMetrics) -> None:
            async with asyncio.timeout(20), asyncio.TaskGroup() as group:
                guards = [
                    group.create_task(metrics.guard(guard, "exams", pods, pods, at(100)))
                    for _ in range(10)
                ]
                while len(stub.requests) < THREADS_GUARDING:  # noqa: ASYNC110 - another thread's
                    await asyncio.sleep(0.01)
                assert (await read(metrics, "a", since=50, now=100)).pods
                stub.always = result([], "vector")
                past = await metrics.past(WHOLE, "exams", stable, span=hour, now=at(100))
                lives = await metrics.lives("exams", stable, span=hour, now=at(100))
                assert isinstance(past, Missing)
                assert isinstance(lives, Missing)
                assert (past.reason, lives.reason) == ("no series", "no series")
                assert not any(task.done() for task in guards)
                stub.released.set()

        play(stub, story)


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
