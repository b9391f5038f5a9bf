"""What the real Prometheus adapter promises of a tally holds for the simulated one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from controller.domain.policy import RequestSource
from controller.domain.readings import Counts, Missing, Reading, Tally
from controller.engine.ports import Conflict, Refused, Unavailable
from controller.simulation.clock import instant
from controller.simulation.dice import Dice
from controller.simulation.loop import play
from controller.simulation.scenario import Away, Kill, Part, Route, Scraping, Traffic
from controller.simulation.trace import Read
from controller.simulation.weather import Calm, Effect
from tests.simulation.load.shop import KEY, Shop, scenario, seconds, tell, total

TWO_ROUTES = Traffic(
    requests_per_second=200, routes={"/a": Route(share=3.0, error_rate=0.1), "/b": Route(share=1.0)}
)

Totals = dict[tuple[str, str], Counts]


def add(totals: Totals, tally: Tally) -> None:
    for pod, segments in tally.pods.items():
        for segment, counts in segments.items():
            totals[pod, segment] = totals.get((pod, segment), Counts()) + counts


def test_many_looks_see_what_one_look_sees() -> None:
    """Also with gaps, crashes, pods that come and pods that are called late."""

    async def story(shop: Shop) -> None:
        shop.open(4)
        await asyncio.sleep(30)
        begun = since = 30.0
        totals = Totals()
        for turn in range(240):
            await asyncio.sleep(0.3 + turn % 7)
            if turn in {20, 90}:
                shop.nodes.create(f"canary-{turn}")
            tally = await shop.tally(since)
            assert isinstance(tally, Tally), tally
            assert seconds(tally.since) == since
            assert tally.until >= tally.since
            add(totals, tally)
            since = seconds(tally.until)
        asked = {pod.name: instant(pod.created_at) for pod in shop.nodes.pods}
        now = instant(shop.now)
        for begin, sums in ((since, totals), (begun, once := Totals())):
            last = await shop.metrics.tally(
                RequestSource(), KEY.namespace, asked, since=instant(begin), now=now
            )
            assert isinstance(last, Tally)
            add(sums, last)
        assert once == totals
        assert len(totals) == 2 * 6
        assert len(shop.nodes.deaths) > 3

    kill = Kill(route="/b", probability=0.0003)
    changes = {
        "traffic": TWO_ROUTES,
        "stable_defects": (kill,),
        "scraping": Scraping(gap_probability=0.2),
    }
    tell(changes, story)


def test_every_scraped_request_is_counted_once() -> None:
    """What users sent to pods that live is what the tally has, but for the last seconds."""

    async def story(shop: Shop) -> None:
        shop.open(3)
        await asyncio.sleep(20)
        shop.push()
        await asyncio.sleep(600)
        tally = await shop.counted(20.0)
        rate = total(tally).requests / (seconds(tally.until) - 20.0)
        assert abs(rate / 200 - 1) < 0.02
        sent, sampled = shop.load.requests, total(tally).requests
        assert sent - 200 * 12 < sampled < sent + 200 * 12
        assert abs(total(tally).errors / shop.load.failed - 1) < 0.03

    tell({"traffic": TWO_ROUTES}, story)


def test_a_late_starter_is_counted_from_zero() -> None:
    """All that a new pod served until its newest sample is there, from its first request on."""

    async def story(shop: Shop) -> None:
        shop.open(1)
        await asyncio.sleep(30)
        shop.push()
        shop.nodes.create("late")
        await asyncio.sleep(120)
        tally = await shop.counted(30.0)
        late, stable = total(tally, "late").requests, total(tally, "stable-0").requests
        moments = shop.load.moments()
        served = sum(moment.canary_requests for moment in moments)
        assert served - 100 * 8 <= late <= served
        assert stable > late

    tell({"traffic": TWO_ROUTES}, story)


def test_a_reset_is_not_a_negative_and_what_was_not_scraped_before_it_is_lost() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(60)
        pod = shop.nodes.pod("stable-0")
        until = (await shop.counted(30.0)).until
        shop.nodes.end_process(pod)
        await asyncio.sleep(60)
        tally = await shop.tally(until)
        assert isinstance(tally, Tally)
        restarted, other = total(tally, "stable-0").requests, total(tally, "stable-1").requests
        assert 0 < restarted < other
        assert all(
            counts.requests >= counts.errors >= 0
            for segments in tally.pods.values()
            for counts in segments.values()
        )

    tell({"traffic": TWO_ROUTES}, story)


def test_nothing_new_yet_is_said_without_pods() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(60)
        for since in (58.0, 60.0, 99.0):
            tally = await shop.counted(since)
            assert (tally.since, tally.until, tally.pods) == (instant(since), instant(since), {})
        answer = await shop.metrics.tally(
            RequestSource(), KEY.namespace, {}, since=instant(10.0), now=instant(60.0)
        )
        assert answer == Tally(since=instant(10.0), until=instant(10.0))

    tell({"traffic": TWO_ROUTES}, story)


def test_until_is_no_later_than_the_newest_sample_and_lags_by_what_samples_need() -> None:
    async def story(shop: Shop) -> None:
        shop.open(3)
        await asyncio.sleep(60)
        tally = await shop.counted(30.0)
        assert 60.0 - 5.3 <= seconds(tally.until) <= 60.0 - 2.5 + 0.1

    tell({"traffic": TWO_ROUTES}, story)


def test_pods_that_nobody_knows_are_absent_and_when_all_are_there_is_a_reason() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(60)
        asked = {"stable-0": instant(0.0), "unheard-of": instant(0.0)}
        tally = await shop.metrics.tally(
            RequestSource(), KEY.namespace, asked, since=instant(30.0), now=instant(60.0)
        )
        assert isinstance(tally, Tally)
        assert list(tally.pods) == ["stable-0"]
        for namespace, pods in ((KEY.namespace, "unheard-of"), ("elsewhere", "stable-0")):
            answer = await shop.metrics.tally(
                RequestSource(),
                namespace,
                {pods: instant(0.0)},
                since=instant(30.0),
                now=instant(60.0),
            )
            assert isinstance(answer, Missing)
            assert answer.reason == "no series"

    tell({"traffic": TWO_ROUTES}, story)


def test_a_pod_that_gets_no_requests_has_no_counters() -> None:
    """It says nothing, which is not the same as no errors."""

    async def story(shop: Shop) -> None:
        shop.open(2)
        shop.nodes.create("unready", start_seconds=500.0)
        await asyncio.sleep(60)
        assert list((await shop.counted(30.0)).pods) == ["stable-0", "stable-1"]

    tell({"traffic": TWO_ROUTES}, story)


def test_a_source_that_was_away_is_stale_at_first_and_counts_no_gap() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(30)
        shop.push()
        await asyncio.sleep(60)
        since = seconds((await shop.counted(30.0)).until)
        await asyncio.sleep(70)
        stale = await shop.tally(since)
        assert isinstance(stale, Missing)
        assert stale.reason == "stale"
        await asyncio.sleep(140)
        tally = await shop.counted(since)
        counted_seconds = total(tally).requests / 200
        assert 85 < counted_seconds < 115  # of the 210 since then, but for those 100

    away = Away(part=Part.PROMETHEUS, at=60, seconds=100)
    tell({"traffic": TWO_ROUTES, "disturbances": (away,)}, story)


def test_without_a_split_there_is_one_segment() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(60)
        split = await shop.counted(30.0)
        whole = await shop.tally(30.0, source=RequestSource(segment_by=""))
        assert isinstance(whole, Tally)
        assert {name for segments in whole.pods.values() for name in segments} == {""}
        assert {name for segments in split.pods.values() for name in segments} == {"/a", "/b"}
        assert total(whole) == total(split)

    tell({"traffic": TWO_ROUTES}, story)


def test_restarts_show_after_a_while() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(10)
        names = frozenset({"stable-0", "stable-1", "unheard-of"})

        async def restarts() -> object:
            return await shop.metrics.restarts(KEY.namespace, names, instant(shop.now))

        assert await restarts() == {"stable-0": 0, "stable-1": 0}
        shop.nodes.end_process(shop.nodes.pod("stable-1"))
        await asyncio.sleep(35)
        assert await restarts() == {"stable-0": 0, "stable-1": 0}
        await asyncio.sleep(10)
        assert await restarts() == {"stable-0": 0, "stable-1": 1}
        assert await shop.metrics.restarts(KEY.namespace, frozenset(), instant(shop.now)) == {}
        unknown = await shop.metrics.restarts("elsewhere", names, instant(shop.now))
        assert isinstance(unknown, Missing)
        assert unknown.reason == "no series"

    tell({"traffic": TWO_ROUTES}, story)


@dataclass
class Rain:
    """Every request fails in one way; answers are distorted."""

    error: Exception | None = None

    @asynccontextmanager
    async def around(self, effect: Effect) -> AsyncIterator[None]:
        if self.error is not None:
            raise self.error
        yield

    def watch_seconds(self, kind: object) -> float:
        return 0.0

    def announcements(self) -> int:
        return 1

    def distorted(self, answer: Reading, about: str = "requests") -> Reading:
        return replace(answer, pods={}) if isinstance(answer, Tally) else answer


def test_a_port_that_never_raises_says_why_there_is_nothing() -> None:
    async def run() -> None:
        rain = Rain()
        shop = Shop(scenario(traffic=TWO_ROUTES), weather=rain)
        shop.open(2)
        await asyncio.sleep(60)
        assert (await shop.counted(30.0)).pods == {}
        kinds = {Unavailable: "unavailable", Refused: "refused", Conflict: "conflict"}
        for kind, reason in kinds.items():
            rain.error = kind("the line is cut")
            expected = Missing(reason, "the line is cut")
            assert await shop.tally(30.0) == expected
            answer = await shop.metrics.restarts(KEY.namespace, frozenset({"a"}), instant(60.0))
            assert answer == expected
        reads = shop.trace.of(Read)
        assert [type(read.answer) for read in reads] == [Tally, Missing, Missing, Missing]
        assert all(read.pods == ("stable-0", "stable-1") for read in reads)

    play(run())


def test_a_clock_that_is_wrong_reads_nothing_of_the_future() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(60)
        asked = {"stable-0": instant(0.0)}

        async def at(now: float) -> Tally | Missing:
            return await shop.metrics.tally(
                RequestSource(), KEY.namespace, asked, since=instant(30.0), now=instant(now)
            )

        behind, ahead, far_ahead = await at(50.0), await at(63.0), await at(120.0)
        assert isinstance(behind, Tally)
        assert seconds(behind.until) <= 47.5
        assert isinstance(ahead, Tally)
        assert seconds(ahead.until) <= 60.1
        assert isinstance(far_ahead, Missing)
        assert far_ahead.reason == "stale"

    tell({"traffic": TWO_ROUTES}, story)


def test_calm_weather_takes_a_moment_and_is_the_same_again() -> None:
    def answers() -> list[object]:
        found: list[object] = []

        async def run() -> None:
            weather = Calm(Dice(3).stream("weather"))
            shop = Shop(scenario(traffic=TWO_ROUTES), weather=weather)
            shop.open(3)
            await asyncio.sleep(40)
            found.extend([await shop.tally(10.0), await shop.past(), shop.now])

        play(run())
        return found

    assert answers() == answers()
