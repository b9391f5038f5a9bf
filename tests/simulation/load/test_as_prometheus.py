"""The simulated metrics and the real adapter make the same of the same samples."""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from controller.adapters.prometheus.counters import counter_of
from controller.adapters.prometheus.past import read_past
from controller.adapters.prometheus.presets import PRESETS
from controller.adapters.prometheus.reading import Evidence, Question, answer, lookback_of, unplaced
from controller.adapters.prometheus.selecting import Scheme
from controller.adapters.prometheus.series import Series, milliseconds
from controller.adapters.prometheus.siblings import Asked
from controller.domain.policy import Policy, SlowRequests
from controller.domain.readings import Counts, Missing, Past, Tally
from controller.engine.ports import Stable
from controller.simulation.clock import BEGAN_AT, instant
from controller.simulation.load.rates import Ints
from controller.simulation.scenario import Away, Kill, Part, Route, Scraping, Slow, Traffic
from tests.adapters.prometheus.historian import Historian
from tests.simulation.load.shop import KEY, SOURCE, Shop, tell, total

PRESET = PRESETS[SOURCE.preset]
SCHEME = Scheme(pod="pod", namespace="namespace")
BEGAN_MS = milliseconds(BEGAN_AT)
NOTHING = Counts()
SLOW = SlowRequests(threshold=timedelta(milliseconds=500))


def series_of(shop: Shop, pod: str, start: int, end: int, *, slow: bool = False) -> list[Series]:
    """What a query for the pod's counters would bring. A counter of nothing has no series."""
    record = next(one for key, one in shop.load.scrapes.records.items() if key.name == pod)
    found = []
    for number, route in enumerate(shop.load.scrapes.routes):
        for labels, counted in _counters(slow=slow):
            samples = [
                (time + BEGAN_MS, float(counted(shown[:, number])))
                for time, shown in zip(record.times, record.shown, strict=True)
                if (shown[:2, number].sum() if slow else counted(shown[:, number]))
                and start < time + BEGAN_MS <= end
            ]
            if samples:
                whole = {**labels, PRESET.route: route, "namespace": KEY.namespace, "pod": pod}
                found.append(Series(labels=whole, samples=tuple(samples)))
    return found


def _counters(*, slow: bool) -> list[tuple[dict[str, str], Callable[[Ints], int]]]:
    """The labels of each counter that a route has, and how it shows in the channels."""
    if slow:
        name = f"{PRESET.histogram}_bucket"
        return [
            ({"__name__": name, "le": "0.5"}, lambda shown: int(shown[2])),
            ({"__name__": name, "le": "+Inf"}, lambda shown: int(shown[:2].sum())),
        ]
    return [
        ({"__name__": PRESET.counter, PRESET.status: "200"}, lambda shown: int(shown[0])),
        ({"__name__": PRESET.counter, PRESET.status: "500"}, lambda shown: int(shown[1])),
    ]


def as_the_adapter_has_it(
    shop: Shop,
    pods: dict[str, datetime],
    since: datetime,
    now: datetime,
    slow: SlowRequests | None = None,
) -> Tally | Missing:
    """What `PrometheusMetrics` does once it knows how often pods are scraped."""
    interval = round(shop.load.scrapes.interval_seconds * 1000)
    question = Question(
        pods={pod: milliseconds(created) for pod, created in pods.items()},
        since=milliseconds(since),
        now=milliseconds(now),
    )
    start = question.start(lookback_of(interval))

    def fetched(names: Iterable[str], begin: int) -> dict[str, list[Series]]:
        found = {
            name: series_of(shop, name, begin, question.now, slow=slow is not None)
            for name in names
        }
        return {name: series for name, series in found.items() if series}

    found = fetched(pods, start)
    if not found:
        return Missing("no series")
    evidence = Evidence(pods=found, starts=dict.fromkeys(found, start), interval=interval)
    again = unplaced(question, evidence)
    if again:
        earliest = min(again.values())
        whole = fetched(again, earliest)
        starts = {**evidence.starts, **dict.fromkeys(whole, earliest)}
        evidence = Evidence(pods={**found, **whole}, starts=starts, interval=interval)
    return answer(counter_of(SOURCE, slow).at(SCHEME), question, evidence)


def without(tally: Tally, pods: set[str]) -> dict[str, object]:
    return {name: segments for name, segments in tally.pods.items() if name not in pods}


@dataclass
class Comparison:
    """Answers of both, to the same questions.

    When a process died, what the adapter makes of a rare counter that shows nothing for long hangs
    on when it looks. The simulated one decides as if it looked all the time.
    """

    shop: Shop
    said: list[str] = field(default_factory=list)
    differ: int = 0
    mine: Counts = NOTHING
    other: Counts = NOTHING

    async def ask(self, since: datetime) -> datetime:
        """Where to go on."""
        now = instant(self.shop.now)
        pods = {pod.name: instant(pod.created_at) for pod in self.shop.nodes.pods}
        mine = await self.shop.metrics.tally(SOURCE, KEY.namespace, pods, since=since, now=now)
        if isinstance(mine, Tally) and not mine.pods:
            return since
        other = as_the_adapter_has_it(self.shop, pods, since, now)
        if isinstance(mine, Missing) or isinstance(other, Missing):
            assert isinstance(mine, Missing)
            assert isinstance(other, Missing)
            assert mine.reason == other.reason
            self.said.append(mine.reason)
            return since
        self.compare(mine, other)
        self.said.append("tally")
        return mine.until

    def compare(self, mine: Tally, other: Tally) -> None:
        assert (mine.since, mine.until) == (other.since, other.until)
        assert mine.pods.keys() == other.pods.keys()
        died = {pod.name for pod in self.shop.nodes.pods if pod.deaths}
        assert without(mine, died) == without(other, died)
        self.differ += mine != other
        self.mine += total(mine, *died)
        self.other += total(other, *died)


def test_every_answer_is_the_adapters() -> None:
    """Through crashes, gaps, an outage of the source, pods that come and long pauses."""
    routes = {f"/{name}": Route(share=1.0, error_rate=0.02) for name in "abc"}

    async def story(shop: Shop) -> None:
        comparison, dice = Comparison(shop), random.Random(11)
        shop.nodes.backoff_seconds = 15.0
        shop.open(4)
        await asyncio.sleep(100)
        shop.push()
        since = instant(shop.now)
        for turn in range(300):
            await asyncio.sleep(dice.choice([0.5, 2.0, 5.0, 5.0, 30.0]))
            if turn % 60 == 10:
                shop.nodes.create(f"canary-{turn}", start_seconds=dice.uniform(0.0, 60.0))
            since = await comparison.ask(since)
        assert len(shop.nodes.deaths) > 20
        said, mine, other = comparison.said, comparison.mine, comparison.other
        assert said.count("tally") > 150
        assert said.count("stale") > 1
        assert comparison.differ < 0.05 * len(said)
        assert mine.requests == pytest.approx(other.requests, rel=0.002)
        assert mine.errors == pytest.approx(other.errors, rel=0.02)

    changes = {
        "traffic": Traffic(requests_per_second=60, routes=routes),
        "scraping": Scraping(gap_probability=0.15),
        "stable_defects": (Kill(route="/a", probability=0.001),),
        "canary_defects": (Kill(route="/b", probability=0.01),),
        "disturbances": (Away(part=Part.PROMETHEUS, at=700, seconds=60),),
    }
    tell(changes, story)


def test_slow_requests_are_the_adapters_too() -> None:
    """While nothing dies every answer is the same."""

    async def story(shop: Shop) -> None:
        shop.open(3)
        await asyncio.sleep(60)
        shop.push()
        shop.nodes.create("canary-0")
        since, slow = instant(shop.now), Counts()
        for _ in range(40):
            await asyncio.sleep(7)
            now = instant(shop.now)
            pods = {pod.name: instant(pod.created_at) for pod in shop.nodes.pods}
            mine = await shop.tally(since, slow=SLOW)
            assert mine == as_the_adapter_has_it(shop, pods, since, now, SLOW)
            assert isinstance(mine, Tally)
            since, slow = mine.until, slow + total(mine, "canary-0")
        assert slow.errors / slow.requests > 0.2

    changes = {
        "traffic": Traffic(requests_per_second=60),
        "policy": Policy(target="exam-api", slow_requests=SLOW),
        "canary_defects": (Slow(share=0.3, seconds=1.0),),
    }
    tell(changes, story)


@pytest.mark.parametrize("slow", [None, SLOW], ids=["errors", "slow requests"])
def test_the_past_is_the_adapters(slow: SlowRequests | None) -> None:
    """Of pods that live, that came during the run, and that are gone."""
    historian = Historian()
    told: list[tuple[Past | Missing, Asked]] = []

    async def story(shop: Shop) -> None:
        shop.open(3, age_seconds=400.0)
        await asyncio.sleep(200)
        shop.nodes.create("stable-late", "v41")
        await asyncio.sleep(400)
        shop.nodes.delete(shop.nodes.pod("stable-1"))
        await asyncio.sleep(200)
        now, day = instant(shop.now), timedelta(hours=24)
        mine = await shop.past(slow=slow)
        for pod in ("stable-0", "stable-1", "stable-2", "stable-late"):
            whole = series_of(shop, pod, 0, 1 << 60, slow=slow is not None)
            historian.series.extend(whole)
        living = {pod.name: instant(pod.created_at) for pod in shop.nodes.pods}
        stable = Stable(replica_sets=frozenset({"stable"}), pods=living)
        told.append((mine, Asked(namespace=KEY.namespace, stable=stable, span=day, now=now)))

    changes = {
        "traffic": Traffic(
            requests_per_second=60,
            routes={"/a": Route(share=0.7, error_rate=0.05), "/b": Route(share=0.3)},
        ),
        "policy": Policy(target="exam-api", slow_requests=SLOW),
    }
    tell(changes, story)
    ((mine, asked),) = told
    other = asyncio.run(read_past(historian, counter_of(SOURCE, slow).at(SCHEME), asked))
    assert isinstance(mine, Past)
    assert isinstance(other, Past), other
    assert mine.until == other.until
    assert set(mine.pods) == set(other.pods) == set(asked.stable.pods) | {"stable-1"}
    for pod in asked.stable.pods:
        assert total(mine, pod) == total(other, pod)
    assert total(mine, "stable-1").requests >= total(other, "stable-1").requests > 0
    assert mine.recent[-200:] == other.recent[-200:]
