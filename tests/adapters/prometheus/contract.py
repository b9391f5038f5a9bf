"""What must hold against a real Prometheus, given its address and where to put targets.

Prometheus has to scrape what `Targets` lists (`file_sd_configs`), every second or so:

    scrape_configs:
      - job_name: contract
        file_sd_configs: [{files: [<path of Targets>], refresh_interval: 1s}]
"""

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from controller.adapters.clock import SystemClock
from controller.adapters.prometheus import PrometheusMetrics
from controller.domain.policy import OwnQuery, RequestSource, SlowRequests
from controller.domain.readings import Counts, Missing, Tally

PATIENCE_SECONDS = 40
LOOK_SECONDS = 0.7
SOURCE = RequestSource(preset="promhttp")
CLOCK = SystemClock()
LATELY = timedelta(seconds=30)

Totals = dict[tuple[str, str], Counts]


@dataclass
class Targets:
    """A file that lists for Prometheus what to scrape."""

    path: Path
    listed: list[dict[str, object]] = field(default_factory=list)

    def add(self, address: str, **labels: str) -> None:
        self.listed.append({"targets": [address], "labels": labels})
        temporary = self.path.with_suffix(".part")
        temporary.write_text(json.dumps(self.listed))
        temporary.rename(self.path)


class Pod:
    """A process with counters, as `/metrics` shows them."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.text = ""
        self.scrapes = 0
        self.lock = threading.Lock()
        self.address = ""

    def serve(self, route: str, code: str, times: int = 1) -> None:
        with self.lock:
            self.counts[route, code] += times

    def restart(self) -> None:
        """A new process counts from zero, and has not heard of any route."""
        with self.lock:
            self.counts.clear()

    def shown(self) -> str:
        with self.lock:
            self.scrapes += 1
            lines = [
                f'http_requests_total{{handler="{route}",code="{code}"}} {count}'
                for (route, code), count in self.counts.items()
            ]
        return "\n".join([*lines, self.text, ""])

    async def is_scraped(self) -> None:
        """Returns after everything served until now has been shown to Prometheus."""
        seen = self.scrapes
        for _ in range(PATIENCE_SECONDS * 20):
            if self.scrapes >= seen + 2:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("Prometheus does not scrape this pod")


@contextmanager
def pod() -> Iterator[Pod]:
    one = Pod()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = one.shown().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def play(url: str, story: Callable[[PrometheusMetrics], Awaitable[None]]) -> None:
    async def run() -> None:
        metrics = PrometheusMetrics(url)
        try:
            await story(metrics)
        finally:
            metrics.close()

    asyncio.run(run())


class Reader:
    """Looks every now and then as a release does, and adds up."""

    def __init__(self, metrics: PrometheusMetrics, namespace: str, since: datetime) -> None:
        self.metrics = metrics
        self.namespace = namespace
        self.since = since
        self.pods: dict[str, datetime] = {}
        self.totals: Totals = {}

    async def look(self) -> Tally | Missing:
        tally = await self.metrics.tally(
            SOURCE, self.namespace, self.pods, since=self.since, now=CLOCK.now()
        )
        if isinstance(tally, Missing):
            assert tally.reason in {"no series", "stale"}, tally
            return tally
        for name, segments in tally.pods.items():
            for segment, counts in segments.items():
                key = (name, segment)
                self.totals[key] = self.totals.get(key, Counts()) + counts
        self.since = tally.until
        return tally

    async def look_until(self, expected: Totals) -> None:
        """Also a while longer: nothing may be counted that was not there."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.totals != expected:
                await self.look()
                await asyncio.sleep(LOOK_SECONDS)
        for _ in range(6):
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)
        assert self.totals == expected


def traffic_resets_and_late_starters_are_counted_once(url: str, targets: Targets) -> None:
    """A busy pod, one that restarts, and a canary that is called late and fails at once."""
    names = ("busy", "restarting", "canary")
    namespace = "contract-traffic"

    async def story(metrics: PrometheusMetrics) -> None:
        started = CLOCK.now()
        reader = Reader(metrics, namespace, started)
        expected: Totals = {}
        dice = random.Random(7)
        with pod() as busy, pod() as restarting, pod() as canary:
            for name, one in zip(names, (busy, restarting, canary), strict=True):
                targets.add(one.address, namespace=namespace, pod=name)
                reader.pods[name] = started

            def serve(one: Pod, route: str, code: str, times: int = 1) -> None:
                one.serve(route, code, times)
                key = (names[(busy, restarting, canary).index(one)], route)
                errors = times if code == "500" else 0
                expected[key] = expected.get(key, Counts()) + Counts(errors, times)

            for turn in range(12):
                for _ in range(dice.randrange(20)):
                    serve(busy, dice.choice(["/exam", "/login"]), dice.choice(["200", "500"]))
                serve(restarting, "/exam", "200", 10)
                if turn in {4, 8}:
                    await restarting.is_scraped()
                    restarting.restart()
                    serve(restarting, "/exam", "200", 3)
                await reader.look()
                await asyncio.sleep(LOOK_SECONDS)
            serve(canary, "/lti/launch", "500", 4)
            await reader.look_until(expected)

    play(url, story)


def a_release_that_looks_once_sees_what_many_looks_see(url: str, targets: Targets) -> None:
    """After a pause (the controller was away) one read brings the sum."""
    namespace = "contract-pause"

    async def story(metrics: PrometheusMetrics) -> None:
        started = CLOCK.now()
        with pod() as one:
            targets.add(one.address, namespace=namespace, pod="a")
            often = Reader(metrics, namespace, started)
            rarely = Reader(metrics, namespace, started)
            often.pods["a"] = rarely.pods["a"] = started
            for _ in range(15):
                one.serve("/exam", "200", 3)
                await often.look()
                await asyncio.sleep(LOOK_SECONDS)
            await often.look_until({("a", "/exam"): Counts(0, 45)})
            await rarely.look()
            assert rarely.totals == often.totals

    play(url, story)


def shown_histogram(metric: str, counts: dict[str, int], labels: str) -> str:
    """A classic histogram as a client library shows it: counts by upper bound."""
    lines = [f"# TYPE {metric} histogram"]
    lines += [f'{metric}_bucket{{{labels},le="{le}"}} {count}' for le, count in counts.items()]
    lines += [f"{metric}_count{{{labels}}} {counts['+Inf']}", f"{metric}_sum{{{labels}}} 1"]
    return "\n".join(lines)


def own_counters_and_histograms_are_read_under_the_label_that_names_the_pod(
    url: str, targets: Targets
) -> None:
    """Errors by a counter of their own, slow requests by a bucket spelt otherwise, a pod found."""
    namespace = "contract-own"
    source = RequestSource(
        query=OwnQuery(
            requests='served_total{job="contract"}',
            errors="failed_total",
            segment="path",
            histogram="took_ms_bucket",
            unit="ms",
        )
    )

    def text(turn: int) -> str:
        # In OpenMetrics' spelling and not: Prometheus 3 writes both the same way.
        bounds = {"250": turn, "500.0": 3 * turn, "1000": 5 * turn, "+Inf": 6 * turn}
        counters = [
            f'served_total{{path="/exam"}} {9 * turn}',
            f'failed_total{{path="/exam"}} {turn}',
        ]
        return "\n".join([*counters, shown_histogram("took_ms", bounds, 'path="/exam"')])

    async def story(metrics: PrometheusMetrics) -> None:
        started = CLOCK.now()

        async def tally(slow_ms: int | None) -> Tally | Missing:
            slow = None
            if slow_ms is not None:
                slow = SlowRequests(threshold=timedelta(milliseconds=slow_ms))
            return await metrics.tally(
                source, namespace, {"a": started}, slow=slow, since=started, now=CLOCK.now()
            )

        async def until(slow_ms: int | None, expected: Counts) -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await tally(slow_ms)
                while not isinstance(found, Tally) or found.pods.get("a") != {"/exam": expected}:
                    await asyncio.sleep(LOOK_SECONDS)
                    found = await tally(slow_ms)

        with pod() as one:
            one.text = text(0)
            targets.add(one.address, kubernetes_namespace=namespace, kubernetes_pod_name="a")
            for turn in range(1, 5):
                await one.is_scraped()
                one.text = text(turn)
            await until(None, Counts(4, 36))
            await until(500, Counts(12, 24))
            refused = Missing("threshold is no bucket bound", "500ms and 1s")
            assert await tally(700) == refused

    play(url, story)


def restarts_are_read_from_kube_state_metrics(url: str, targets: Targets) -> None:
    """Two instances say the same thing; it counts once."""
    namespace = "contract-restarts"
    line = "kube_pod_container_status_restarts_total"
    labels = f'namespace="{namespace}",pod="a",uid="1"'

    async def story(metrics: PrometheusMetrics) -> None:
        with pod() as first, pod() as second:
            for one in (first, second):
                one.text = f'{line}{{{labels},container="app"}} 3\n'
                one.text += f'{line}{{{labels},container="sidecar"}} 1\n'
                targets.add(one.address)
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await metrics.restarts(namespace, frozenset({"a", "b"}), CLOCK.now())
                while found != {"a": 4}:
                    assert isinstance(found, Missing), found
                    await asyncio.sleep(LOOK_SECONDS)
                    found = await metrics.restarts(namespace, frozenset({"a", "b"}), CLOCK.now())

    play(url, story)


def a_question_about_thousands_of_pods_is_understood(url: str) -> None:
    """Far longer than a URL may be."""

    async def story(metrics: PrometheusMetrics) -> None:
        now = CLOCK.now()
        pods = {f"exam-api-7c9d8b6f5-{number:05d}": now for number in range(30_000)}
        found = await metrics.tally(SOURCE, "contract-huge", pods, since=now - LATELY, now=now)
        assert isinstance(found, Missing)
        assert found.reason == "no series", found

    play(url, story)


def an_address_beside_the_api_is_refused(url: str) -> None:
    """No time is lost on asking again."""

    async def story(metrics: PrometheusMetrics) -> None:
        now = CLOCK.now()
        found = await metrics.tally(
            SOURCE, "contract-wrong", {"a": now}, since=now - LATELY, now=now
        )
        assert isinstance(found, Missing)
        assert found.reason == "refused", found

    play(f"{url}/nowhere", story)
