"""The simulated metrics and the real adapter make the same of the same samples."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from controller.adapters.prometheus.presets import PRESETS
from controller.adapters.prometheus.reading import Evidence, Question, answer, lookback_of, unplaced
from controller.adapters.prometheus.series import Series, milliseconds
from controller.domain.readings import Counts, Missing, Tally
from controller.simulation.clock import BEGAN_AT, instant
from controller.simulation.scenario import Away, Kill, Part, Route, Scraping, Traffic
from tests.simulation.load.shop import KEY, SOURCE, Shop, tell, total

PRESET = PRESETS[SOURCE.preset]
BEGAN_MS = milliseconds(BEGAN_AT)
NOTHING = Counts()


def series_of(shop: Shop, pod: str, start: int, end: int) -> list[Series]:
    """What a query for the pod's counters would bring. A counter of nothing has no series."""
    record = next(one for key, one in shop.load.scrapes.records.items() if key.name == pod)
    found = []
    for failed, status in enumerate(("200", "500")):
        for number, route in enumerate(shop.load.scrapes.routes):
            samples = [
                (time + BEGAN_MS, float(shown[failed][number]))
                for time, shown in zip(record.times, record.shown, strict=True)
                if shown[failed][number] and start < time + BEGAN_MS <= end
            ]
            if samples:
                labels = {PRESET.status: status, PRESET.route: route}
                found.append(Series(labels=labels, samples=tuple(samples)))
    return found


def as_the_adapter_has_it(
    shop: Shop, pods: dict[str, datetime], since: datetime | None, now: datetime
) -> Tally | Missing:
    """What `PrometheusMetrics` does once it knows how often pods are scraped."""
    interval = round(shop.load.scrapes.interval_seconds * 1000)
    question = Question(
        preset=PRESET,
        segment_by=PRESET.route,
        pods={pod: milliseconds(created) for pod, created in pods.items()},
        since=None if since is None else milliseconds(since),
        now=milliseconds(now),
    )
    start = question.start(lookback_of(interval))
    found = {pod: series_of(shop, pod, start, question.now) for pod in pods}
    found = {pod: series for pod, series in found.items() if series}
    if not found:
        return Missing("no series")
    evidence = Evidence(pods=found, starts=dict.fromkeys(found, start), interval=interval)
    again = unplaced(question, evidence)
    if again:
        earliest = min(again.values())
        whole = {pod: series_of(shop, pod, earliest, question.now) for pod in again}
        starts = {**evidence.starts, **dict.fromkeys(whole, earliest)}
        evidence = Evidence(pods={**found, **whole}, starts=starts, interval=interval)
    return answer(question, evidence)


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

    async def ask(self, since: datetime | None) -> datetime | None:
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
        self.said.append("tally" if since else "history")
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
            since = await comparison.ask(since) or since
            await comparison.ask(None)
        assert len(shop.nodes.deaths) > 20
        said, mine, other = comparison.said, comparison.mine, comparison.other
        assert said.count("tally") > 150
        assert said.count("history") > 250
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
