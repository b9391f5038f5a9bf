"""Stable's past in a run is what a metric source would show, and costs next to nothing."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from controller.domain.policy import Guard, Policy, SlowRequests
from controller.domain.readings import Counts, Lives, Measured, Missing, Past
from controller.engine.ports import Stable
from controller.simulation.clock import instant
from controller.simulation.load.scrapes import RECENT_LOOKS
from controller.simulation.scenario import GuardValues, Kill, Route, Slow, Traffic
from controller.simulation.trace import Read
from tests.simulation.load.shop import CANARY, KEY, Shop, seconds, tell, total

TWO_ROUTES = Traffic(
    requests_per_second=200, routes={"/a": Route(share=3.0, error_rate=0.1), "/b": Route(share=1.0)}
)
HALF_A_SECOND = SlowRequests(threshold=timedelta(milliseconds=500))
JUDGED_BY_TIME = {
    "traffic": TWO_ROUTES,
    "policy": Policy(target="exam-api", slow_requests=HALF_A_SECOND),
}


async def known(shop: Shop, hours: float = 24.0, slow: SlowRequests | None = None) -> Past:
    past = await shop.past(hours, slow=slow)
    assert isinstance(past, Past), past
    return past


def test_a_day_was_counted_before_the_run_began() -> None:
    async def story(shop: Shop) -> None:
        shop.open(4, age_seconds=80_000.0)
        await asyncio.sleep(30)
        past = await known(shop)
        assert seconds(past.since) == -80_000.0
        assert 30.0 - 5.3 <= seconds(past.until) <= 30.0
        for pod in ("stable-0", "stable-3"):
            assert abs(total(past, pod).requests / (80_000 * 50) - 1) < 0.01
        assert abs(total(past).errors / total(past).requests - 0.0752) < 0.003

    tell({"traffic": TWO_ROUTES}, story)


def test_of_older_pods_it_is_the_last_span() -> None:
    async def story(shop: Shop) -> None:
        shop.open(4, age_seconds=10 * 86_400.0)
        await asyncio.sleep(30)
        for hours in (24.0, 1.0):
            past = await known(shop, hours)
            assert 0 <= seconds(past.since) - (30.0 - hours * 3600) < 0.1
            assert abs(total(past).requests / (hours * 3600 * 200) - 1) < 0.02

    tell({"traffic": TWO_ROUTES}, story)


def test_the_last_minutes_are_told_look_by_look() -> None:
    async def story(shop: Shop) -> None:
        shop.open(4)
        await asyncio.sleep(30)
        past = await known(shop)
        assert RECENT_LOOKS - 3 <= len(past.recent) <= RECENT_LOOKS
        for look in past.recent[2:-1]:
            assert set(look) == {f"stable-{number}" for number in range(4)}
        counts = sum(
            (one for look in past.recent for pod in look.values() for one in pod.values()), Counts()
        )
        assert abs(counts.requests / (len(past.recent) * 5 * 200) - 1) < 0.02
        assert abs(counts.errors / counts.requests - 0.0752) < 0.01

    tell({"traffic": TWO_ROUTES}, story)


def test_errors_that_come_in_bursts_came_so_before() -> None:
    async def story(shop: Shop) -> None:
        shop.open(4)
        await asyncio.sleep(10)
        past = await known(shop)
        errors = [
            sum(one.errors for one in look[pod].values()) for look in past.recent for pod in look
        ]
        mean = sum(errors) / len(errors)
        variance = sum((one - mean) ** 2 for one in errors) / len(errors)
        assert 5 < variance / mean < 13

    tell({"traffic": replace(TWO_ROUTES, dispersion=8.0)}, story)


def test_pods_that_are_gone_are_part_of_it_and_other_revisions_are_not() -> None:
    async def story(shop: Shop) -> None:
        shop.open(3)
        shop.push()
        shop.nodes.create("canary-0", CANARY)
        await asyncio.sleep(600)
        shop.nodes.delete(shop.nodes.pod("stable-1"))
        await asyncio.sleep(600)
        past = await known(shop, 0.5)
        assert set(past.pods) == {"stable-0", "stable-1", "stable-2"}
        assert 0 < total(past, "stable-1").requests < total(past, "stable-0").requests
        canary = await shop.past(prefix="canary")
        assert isinstance(canary, Past)
        assert set(canary.pods) == {"canary-0"}
        assert seconds(canary.since) >= 0

    tell({"traffic": TWO_ROUTES}, story)


def test_a_restart_in_the_run_takes_nothing_away() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2, age_seconds=3600.0)
        await asyncio.sleep(60)
        before = await known(shop)
        shop.nodes.end_process(shop.nodes.pod("stable-0"))
        await asyncio.sleep(60)
        after = await known(shop)
        assert total(after, "stable-0").requests >= total(before, "stable-0").requests

    tell({"traffic": TWO_ROUTES}, story)


def test_where_nothing_was_scraped_there_is_a_reason() -> None:
    async def story(shop: Shop) -> None:
        assert (await shop.past()) == Missing(
            "no series", "the metric source knows none of the pods"
        )
        shop.open(2)
        await asyncio.sleep(10)
        unknown = await shop.past(prefix="unheard-of")
        assert isinstance(unknown, Missing)

    tell({"traffic": TWO_ROUTES}, story)


def test_lives_and_restarts_are_of_pods_that_are_gone_too() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2, age_seconds=1000.0)
        await asyncio.sleep(100)
        shop.nodes.end_process(shop.nodes.pod("stable-1"))
        await asyncio.sleep(100)
        shop.nodes.delete(shop.nodes.pod("stable-1"))
        await asyncio.sleep(100)
        stable = Stable(replica_sets=frozenset({"stable"}), pods={"stable-0": instant(-1000.0)})

        async def lives(hours: float) -> Lives | Missing:
            return await shop.metrics.lives(
                KEY.namespace, stable, span=timedelta(hours=hours), now=instant(shop.now)
            )

        for hours, seconds_each in ((24.0, (1300, 1200)), (0.25, (900, 800))):
            found = await lives(hours)
            assert isinstance(found, Lives), found
            assert found.restarts == {"stable-0": 0, "stable-1": 1}
            assert tuple(map(round, found.seconds.values())) == seconds_each

    tell({"traffic": TWO_ROUTES}, story)


def test_slow_requests_are_counted_by_the_histogram() -> None:
    """A third of the searches take longer; stable's past knows how many are slow anyway."""

    async def story(shop: Shop) -> None:
        shop.open(4)
        shop.push()
        for number in range(2):
            shop.nodes.create(f"canary-{number}", CANARY)
        await asyncio.sleep(600)
        tally = await shop.tally(30.0, slow=HALF_A_SECOND)
        past = await known(shop, slow=HALF_A_SECOND)
        assert not isinstance(tally, Missing)
        usual = total(past)
        assert 0.002 < usual.errors / usual.requests < 0.005
        stable, canary = tally.pods["stable-0"]["/b"], tally.pods["canary-0"]["/b"]
        assert stable.errors / stable.requests < 0.01
        assert abs(canary.errors / canary.requests - 0.3) < 0.03
        assert tally.pods["canary-0"]["/a"].errors / tally.pods["canary-0"]["/a"].requests < 0.01
        errors = await shop.counted(30.0)
        assert {n: {s: c.requests for s, c in one.items()} for n, one in errors.pods.items()} == {
            n: {s: c.requests for s, c in one.items()} for n, one in tally.pods.items()
        }
        assert [read.slow for read in shop.trace.of(Read)] == [True, True, False]

    tell({**JUDGED_BY_TIME, "canary_defects": (Slow(share=0.3, seconds=0.5, route="/b"),)}, story)


def test_a_restart_makes_no_request_slow() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(30)
        for _ in range(20):
            await asyncio.sleep(30)
            shop.nodes.end_process(shop.nodes.pod("stable-0"))
        tally = await shop.tally(30.0, slow=HALF_A_SECOND)
        assert not isinstance(tally, Missing)
        assert total(tally).errors / total(tally).requests < 0.006

    tell(JUDGED_BY_TIME, story)


def test_a_threshold_between_two_bounds_is_refused_with_the_nearest() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(30)
        between = SlowRequests(threshold=timedelta(milliseconds=300))
        for answer in (await shop.tally(10.0, slow=between), await shop.past(slow=between)):
            assert answer == Missing(
                "no such bucket", "300 ms is no bound of the histogram; use 250 ms or 500 ms"
            )

    tell(JUDGED_BY_TIME, story)


def test_a_guard_is_what_the_scenario_says() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        both, none = frozenset({"a"}), frozenset[str]()

        async def asked(
            query: str, canary: frozenset[str] = both, stable: frozenset[str] = both
        ) -> Measured | Missing:
            guard = Guard(name="heap", query=query, maximum=1.0)
            now = instant(shop.now)
            return await shop.metrics.guard(guard, KEY.namespace, canary, stable, now)

        def value(answer: Measured | Missing) -> tuple[float, float | None]:
            assert isinstance(answer, Measured), answer
            assert answer.lowest == answer.highest
            return answer.highest, answer.stable

        canary_query, stable_query = 'x{pod=~"{{canaryPods}}"}', 'x{pod=~"{{stablePods}}"}'
        assert value(await asked(canary_query)) == (0.4, None)
        shop.push()
        await asyncio.sleep(61)
        assert value(await asked(canary_query)) == (0.9, None)
        assert value(await asked(stable_query)) == (0.4, None)
        assert value(await asked('x{pod=~"{{pods}}"}')) == (0.9, 0.4)
        assert isinstance(await asked(canary_query, canary=none), Missing)
        assert isinstance(await asked('x{pod=~"{{pods}}"}', stable=none), Missing)
        other = Guard(name="other", query="x", maximum=1.0)
        answer = await shop.metrics.guard(other, KEY.namespace, both, both, instant(shop.now))
        assert isinstance(answer, Missing)
        assert answer.reason == "not simulated"

    changes = {
        "traffic": TWO_ROUTES,
        "guards": {"heap": GuardValues(stable=0.4, canary=0.9, at=60.0)},
        "stable_defects": (Kill(route="/b", probability=0.0),),
    }
    tell(changes, story)
