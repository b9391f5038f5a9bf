"""The Metrics port over a real HTTP server: own queries, slow requests, pod labels, segments."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controller.adapters.prometheus import PrometheusMetrics
from controller.adapters.prometheus.placing import SCHEMES, best, by_scheme
from controller.adapters.prometheus.selecting import Ask
from controller.adapters.prometheus.series import Series
from controller.domain.policy import OwnQuery, RequestSource, Rewrite, SegmentRules, SlowRequests
from controller.domain.readings import Counts, Missing, Tally
from tests.adapters.prometheus.asking import LONG_AGO, OTEL, at, fill, missable, play, read, steady
from tests.adapters.prometheus.stub import Answer, Stub, running

SLOW = SlowRequests(threshold=timedelta(milliseconds=500))
OWN = RequestSource(
    query=OwnQuery(
        requests='served_total{job="shop"}',
        errors="failures_total",
        segment="path",
        histogram="took_ms_bucket",
        unit="ms",
    )
)


def grow(stub: Stub, metric: str, per_sample: object, *, until: int = 60, **labels: str) -> None:
    """Samples every 5 s: a number grows by itself each time; a function is given how often."""
    value: Callable[[int], object] = (
        per_sample if callable(per_sample) else lambda n: n * float(str(per_sample))
    )
    samples = [(at(5 * n).timestamp(), value(n)) for n in range(until // 5 + 1)]
    stub.add(metric, {"namespace": "exams", "pod": "a", **labels}, samples)


def ask(
    stub: Stub, source: RequestSource, *pods: str, slow: SlowRequests | None = None
) -> Tally | Missing:
    """What is said of 30 s until 57.5 s: five samples."""
    found: list[Tally | Missing] = []

    async def story(metrics: PrometheusMetrics) -> None:
        created = dict.fromkeys(pods or ("a",), LONG_AGO)
        found.append(
            await metrics.tally(source, "exams", created, slow=slow, since=at(30), now=at(60))
        )

    play(stub, story)
    return found[0]


def counts(found: Tally | Missing) -> Mapping[str, Counts]:
    assert isinstance(found, Tally), found
    assert set(found.pods) == {"a"}
    return found.pods["a"]


def test_errors_may_have_a_counter_of_their_own() -> None:
    with running() as stub:
        grow(stub, "served_total", 10, job="shop", path="/exam")
        grow(stub, "served_total", 2, job="shop", path="/login")
        grow(stub, "served_total", 999, job="other", path="/exam")
        grow(stub, "failures_total", 1, path="/exam", kind="timeout")
        grow(stub, "failures_total", 2, path="/exam", kind="refused")
        found = counts(ask(stub, OWN))
        assert found == {"/exam": Counts(15, 50), "/login": Counts(0, 10)}


def test_an_error_is_a_request_even_when_its_counter_is_ahead() -> None:
    with running() as stub:
        grow(stub, "served_total", lambda n: 3 if n < 9 else 4, job="shop", path="/exam")
        grow(stub, "failures_total", 1, path="/exam")
        assert counts(ask(stub, OWN)) == {"/exam": Counts(5, 5)}


def test_errors_may_be_a_part_of_the_requests_counter() -> None:
    with running() as stub:
        grow(stub, "served_total", 10, outcome="fine")
        grow(stub, "served_total", 1, outcome="failed")
        query = OwnQuery(requests="served_total", errors='served_total{outcome!~"fine|slow"}')
        assert counts(ask(stub, RequestSource(query=query))) == {"": Counts(5, 55)}


def test_an_own_status_is_matched_as_a_whole() -> None:
    with running() as stub:
        for result, growth in (("ok", 10), ("error", 1), ("no error", 3)):
            grow(stub, "served_total", growth, result=result)
        query = OwnQuery(requests="served_total", status="result", failed="error|timeout")
        assert counts(ask(stub, RequestSource(query=query))) == {"": Counts(5, 70)}


def test_slow_requests_are_those_above_the_bucket_and_only_two_buckets_are_fetched() -> None:
    with running() as stub:
        for le, growth in (("250.0", 1), ("500.0", 7), ("1000.0", 8), ("+Inf", 10)):
            grow(stub, "took_ms_bucket", growth, le=le, path="/exam")
        found = counts(ask(stub, OWN, slow=SLOW))
        assert found == {"/exam": Counts(15, 50)}
        assert len(stub.requests) == 1


def test_a_threshold_that_is_no_bound_is_told_the_nearest_and_asked_for_seldom() -> None:
    with running() as stub:
        for le, growth in (("250", 1), ("1000", 8), ("2500", 9), ("+Inf", 10)):
            grow(stub, "took_ms_bucket", growth, le=le, path="/exam", until=90)

        async def story(metrics: PrometheusMetrics) -> None:
            for now in (60, 65, 70):
                found = await metrics.tally(
                    OWN, "exams", {"a": LONG_AGO}, slow=SLOW, since=at(30), now=at(now)
                )
                assert found == Missing("threshold is no bucket bound", "250ms and 1s")
            assert len([r for r in stub.requests if "count by (le)" in r.query]) == 1

        play(stub, story)


def test_bounds_that_could_not_be_had_are_asked_for_as_seldom() -> None:
    with running() as stub:
        for le, growth in (("250", 1), ("1000", 8), ("+Inf", 10)):
            grow(stub, "took_ms_bucket", growth, le=le, path="/exam", until=150)
        stub.told = {"count by (le)": Answer(422)}

        async def look(metrics: PrometheusMetrics, now: int) -> Tally | Missing:
            return await metrics.tally(
                OWN, "exams", {"a": LONG_AGO}, slow=SLOW, since=at(now - 30), now=at(now)
            )

        async def story(metrics: PrometheusMetrics) -> None:
            for now in (60, 65, 119):
                assert await look(metrics, now) == Missing("threshold is no bucket bound", "")
            assert len([r for r in stub.requests if "count by (le)" in r.query]) == 1
            stub.told = {}
            found = await look(metrics, 120)
            assert found == Missing("threshold is no bucket bound", "250ms and 1s")

        play(stub, story)


def histogram(*buckets: tuple[float, float, float]) -> dict[str, Any]:
    rows = [[0, str(low), str(high), str(number)] for low, high, number in buckets]
    return {"count": str(sum(b[2] for b in buckets)), "sum": "1", "buckets": rows}


def test_a_native_histogram_needs_no_buckets_of_its_own() -> None:
    with running() as stub:
        grow(
            stub,
            "http_server_request_duration_seconds",
            lambda n: histogram((0.25, 0.5, 9 * n), (0.5, 1, 2 * n), (4, 8, n)),
            http_route="/exam",
        )
        assert counts(ask(stub, OTEL, slow=SLOW)) == {"/exam": Counts(15, 60)}
        odd = SlowRequests(threshold=timedelta(milliseconds=750))
        assert ask(stub, OTEL, slow=odd) == Missing("threshold is no bucket bound", "500ms and 1s")


def test_what_is_denied_belongs_to_no_comparison() -> None:
    with running() as stub:
        for route, growth in (("/healthz", 100), ("/users/1", 3), ("/users/2", 4), ("/rare", 1)):
            fill(stub, "a", steady(60, per_sample=growth), route=route)
        rules = SegmentRules(
            rewrites=(Rewrite(pattern="^/users/[0-9]+", to="/users/{id}"),),
            deny=("/healthz",),
            allow=("/users/.*",),
        )
        found = counts(ask(stub, RequestSource(segments=rules)))
        assert found == {"/users/{id}": Counts(0, 35), "other": Counts(0, 5)}


@pytest.mark.parametrize(
    ("pod", "namespace"),
    [
        ("pod", "namespace"),
        ("kubernetes_pod_name", "kubernetes_namespace"),
        ("kubernetes_pod_name", "namespace"),
        ("pod_name", "namespace"),
        ("k8s_pod_name", "k8s_namespace_name"),
        ("exported_pod", "exported_namespace"),
    ],
)
def test_the_label_that_names_the_pod_is_found_out_and_said_once(
    pod: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    with running() as stub, caplog.at_level(logging.INFO):
        labels = {pod: "a", namespace: "exams", "http_response_status_code": "200"}
        samples = [(at(t).timestamp(), value) for t, value in steady(100)]
        exporter = {"pod": "exporter", "namespace": "monitoring"}
        stub.add("http_server_request_duration_seconds_count", exporter | labels, samples)

        async def story(metrics: PrometheusMetrics) -> None:
            for now in (60, 70, 80):
                tally = await read(metrics, "a", since=now - 30, now=now)
                assert tally.pods["a"][""].requests > 0
            assert len([r for r in stub.requests if "count by" in r.query]) == (pod != "pod")
            said = [r.getMessage() for r in caplog.records if "by the label" in r.getMessage()]
            assert len(said) == 1
            assert said[0].endswith(f"by the label {pod}")

        play(stub, story)


def test_a_label_is_looked_for_anew_when_its_series_are_gone() -> None:
    with running() as stub:
        name = "http_server_request_duration_seconds_count"
        before = [(at(t).timestamp(), value) for t, value in steady(60)]
        after = [(at(t).timestamp(), value) for t, value in steady(1_000, since=900)]
        stub.add(name, {"pod_name": "a", "namespace": "exams"}, before)
        stub.add(name, {"pod": "a", "namespace": "exams"}, after)

        async def story(metrics: PrometheusMetrics) -> None:
            assert (await read(metrics, "a", since=30, now=60)).pods
            assert (await read(metrics, "a", since=980, now=1_000)).pods

        play(stub, story)


def test_a_release_without_series_does_not_make_its_neighbours_look_for_their_label() -> None:
    with running() as stub:
        name = "http_server_request_duration_seconds_count"
        samples = [(at(t).timestamp(), value) for t, value in steady(100)]
        stub.add(name, {"pod_name": "a", "namespace": "exams"}, samples)

        async def story(metrics: PrometheusMetrics) -> None:
            assert (await read(metrics, "a", since=30, now=60)).pods
            assert isinstance(await missable(metrics, "nobody", since=40, now=70), Missing)
            queries = len(stub.requests)
            assert (await read(metrics, "a", since=50, now=80)).pods
            assert len(stub.requests) == queries + 1

        play(stub, story)


def test_no_series_under_any_label_says_which_were_tried() -> None:
    with running() as stub:
        fill(stub, "b", steady(60))

        async def story(metrics: PrometheusMetrics) -> None:
            found = await missable(metrics, "a", since=30, now=60)
            assert isinstance(found, Missing)
            assert found.reason == "no series"
            tried = "pod, kubernetes_pod_name, pod_name, k8s_pod_name, exported_pod"
            assert found.detail.endswith(tried)
            assert len(stub.requests) == 2

        play(stub, story)


def test_most_of_the_pods_decide_between_labels() -> None:
    """A scraper may run in a pod of a name that is asked for, too."""
    ask = Ask(namespace="exams", pods=frozenset({"p0", "p1", "p2"}), start=0, at=0)
    found = by_scheme(
        SCHEMES,
        [
            Series({"pod": "p0", "namespace": "exams"}, ((0, 1.0),)),
            *(
                Series({"exported_pod": pod, "exported_namespace": "exams"}, ((0, 1.0),))
                for pod in ("p1", "p2")
            ),
            Series({"exported_pod": "p0", "exported_namespace": "shop"}, ((0, 1.0),)),
            Series({}, ((0, 1.0),)),
        ],
    )
    assert best(SCHEMES, ask, found) == ("exported_pod", "exported_namespace")
    assert best(SCHEMES, replace(ask, namespace="none"), found) is None
