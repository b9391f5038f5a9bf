"""What users send and how it fares: as the scenario says, but for chance."""

import asyncio
import statistics
from itertools import pairwise
from typing import Any

import pytest

from controller.simulation.loop import play
from controller.simulation.scenario import (
    Errors,
    Noise,
    Outage,
    Route,
    Scraping,
    Slow,
    Surge,
    Traffic,
)
from tests.simulation.load.shop import Shop, scenario, tell, total


def outcome(load: Any) -> tuple[Any, ...]:
    return (
        load.requests,
        load.failed,
        load.failed_extra,
        load.crashes,
        load.harmed_at,
        load.moments(),
    )


def test_requests_are_poisson_and_shared_by_route_and_pod() -> None:
    async def story(shop: Shop) -> None:
        shop.open(4)
        await asyncio.sleep(20)
        shop.push()
        await asyncio.sleep(3600)
        tally = await shop.counted(20.0)
        for pod in tally.pods.values():
            assert pod["/a"].requests == pytest.approx(3600 * 15, rel=0.03)
            assert pod["/b"].requests == pytest.approx(3600 * 5, rel=0.04)
            assert pod["/a"].errors / pod["/a"].requests == pytest.approx(0.02, rel=0.15)
            assert pod["/b"].errors == 0
        requests = [moment.requests for moment in shop.load.moments()[:720]]
        assert statistics.mean(requests) == pytest.approx(400, rel=0.01)
        assert statistics.variance(requests) == pytest.approx(400, rel=0.25)
        assert shop.load.failed_extra == 0
        assert shop.load.harmed_at is None

    routes = {"/a": Route(share=3, error_rate=0.02), "/b": Route(share=1, error_rate=0.0)}
    tell({"traffic": Traffic(requests_per_second=80, routes=routes)}, story)


def test_nothing_counts_before_the_push_and_moments_add_up() -> None:
    async def story(shop: Shop) -> None:
        shop.open(4)
        await asyncio.sleep(1000)
        assert shop.load.requests == 0
        assert shop.load.moments() == ()
        shop.push()
        shop.nodes.create("canary")
        await asyncio.sleep(303.5)
        moments = shop.load.moments()
        assert moments == shop.load.moments()
        assert [moment.at for moment in moments[:-1]] == [5.0 * n for n in range(1, 61)]
        assert moments[-1].at == pytest.approx(303.5, abs=0.01)
        assert sum(moment.requests for moment in moments) == shop.load.requests
        assert sum(moment.failed for moment in moments) == shop.load.failed
        assert moments[0].canary_ready == 0
        assert (moments[5].canary_pods, moments[5].canary_ready) == (1, 1)
        assert (moments[5].stable_pods, moments[5].stable_ready) == (4, 4)
        assert moments[0].canary_requests == 0 < moments[5].canary_requests

    tell({}, story)


def errors_by_scrape(traffic: Traffic) -> list[float]:
    """The errors that five pods counted from each scrape to the next, in an hour."""
    found: list[float] = []

    async def story(shop: Shop) -> None:
        shop.open(5)
        await asyncio.sleep(3600)
        shop.load.scrapes.refresh()
        for record in shop.load.scrapes.records.values():
            gains = [after - before for before, after in pairwise(record.gained)]
            found.extend(float(gain[1].sum()) for gain in gains[1:])

    tell({"traffic": traffic}, story)
    return found


def test_errors_vary_more_than_by_chance_when_a_scenario_says_so() -> None:
    routes = {"/": Route(share=1.0, error_rate=0.02)}

    def ratio(dispersion: float) -> float:
        traffic = Traffic(requests_per_second=100, routes=routes, dispersion=dispersion)
        errors = errors_by_scrape(traffic)
        assert statistics.mean(errors) == pytest.approx(2.0, rel=0.12)
        return statistics.variance(errors) / statistics.mean(errors)

    assert ratio(1.0) == pytest.approx(1.0, rel=0.15)
    assert ratio(4.0) == pytest.approx(4.0, rel=0.3)


def test_pods_differ_by_as_much_as_a_scenario_says() -> None:
    async def story(shop: Shop) -> None:
        shop.open(200)
        await asyncio.sleep(3600)
        tally = await shop.counted(20.0)
        rates = [one["/"].errors / one["/"].requests for one in tally.pods.values()]
        assert statistics.mean(rates) == pytest.approx(0.1, rel=0.1)
        assert statistics.stdev(rates) / statistics.mean(rates) == pytest.approx(0.4, rel=0.2)

    routes = {"/": Route(share=1.0, error_rate=0.1)}
    traffic = Traffic(requests_per_second=1000, routes=routes, pods_differ_by=0.4)
    tell({"traffic": traffic}, story)


def test_traffic_swings_with_the_day() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        shop.push()
        await asyncio.sleep(86_400)
        requests = [moment.requests / 500 for moment in shop.load.moments()[:-1]]
        hours = [statistics.mean(requests[n * 720 : (n + 1) * 720]) for n in range(24)]
        assert max(hours) == pytest.approx(1.5, abs=0.05)
        assert min(hours) == pytest.approx(0.5, abs=0.05)
        assert statistics.mean(hours) == pytest.approx(1.0, abs=0.02)

    rare = Scraping(interval_seconds=60)
    tell({"traffic": Traffic(daily_swing=0.5), "scraping": rare}, story)


def test_disturbances_come_and_go_after_the_push_and_are_nobodys_fault() -> None:
    routes = {"/a": Route(share=1.0, error_rate=0.0), "/b": Route(share=1.0, error_rate=0.0)}
    disturbances = (
        Outage(rate=0.5, at=100, seconds=100, route="/a"),
        Surge(factor=3.0, at=300, seconds=100),
        Noise(pods_share=0.25, rate=0.8, at=500, seconds=100),
    )

    async def story(shop: Shop) -> None:
        shop.open(7)
        await asyncio.sleep(150)
        shop.push()
        shop.nodes.create("canary")
        await asyncio.sleep(700)
        moments = shop.load.moments()

        def share(begin: float, end: float) -> float:
            some = [one for one in moments if begin < one.at <= end]
            return sum(one.failed for one in some) / sum(one.requests for one in some)

        assert share(100, 200) == pytest.approx(0.25, rel=0.1)
        assert share(500, 600) == pytest.approx(0.2, rel=0.1)
        assert share(0, 100) == share(200, 500) == share(600, 700) == 0.0
        surge = [one.requests for one in moments if 300 < one.at <= 400]
        assert statistics.mean(surge) == pytest.approx(1500, rel=0.03)
        assert shop.load.failed_extra == 0
        assert shop.load.harmed_at is None
        tally = await shop.counted(650.0, "canary")
        noisy = await shop.counted(650.0)
        bad = [p for p, one in noisy.pods.items() if total(noisy, p).errors]
        assert len(bad) == 2
        assert tally.pods

    traffic = Traffic(requests_per_second=100, routes=routes)
    tell({"traffic": traffic, "disturbances": disturbances}, story)


def test_bursts_are_errors_in_a_row_on_one_pod() -> None:
    async def story(shop: Shop) -> None:
        shop.open(5)
        shop.push()
        await asyncio.sleep(36_000)
        bursts = [moment.failed for moment in shop.load.moments() if moment.failed]
        assert len(bursts) == pytest.approx(60, rel=0.35)
        assert statistics.mean(bursts) == pytest.approx(20, rel=0.35)
        tally = await shop.counted(36_000.0 - 3_550.0)
        assert total(tally).errors > 0

    routes = {"/": Route(share=1.0, error_rate=0.0)}
    traffic = Traffic(requests_per_second=20, routes=routes, bursts_per_hour=6.0, burst_errors=20.0)
    tell({"traffic": traffic}, story)


def test_errors_of_the_canary_are_extra_only_as_far_as_they_would_not_have_been() -> None:
    async def story(shop: Shop) -> None:
        shop.open(9)
        await asyncio.sleep(20)
        shop.push()
        shop.nodes.create("canary", start_seconds=0.0)
        await asyncio.sleep(40)
        assert shop.load.failed_extra == 0
        await asyncio.sleep(1960)
        requests = sum(moment.canary_requests for moment in shop.load.moments()[12:])
        tally = await shop.counted(1000.0, "canary")
        assert total(tally).errors / total(tally).requests == pytest.approx(0.3, rel=0.05)
        assert shop.load.failed_extra == pytest.approx(requests * 0.2, rel=0.06)
        assert shop.load.failed == pytest.approx(2000 * 100 * 0.1 + requests * 0.2, rel=0.05)
        assert shop.load.harmed_at == pytest.approx(61.0, abs=6.0)

    routes = {"/": Route(share=1.0, error_rate=0.1)}
    changes = {
        "traffic": Traffic(requests_per_second=100, routes=routes),
        "canary_defects": (Errors(rate=0.3, begin_seconds=60.0),),
    }
    tell(changes, story)


def test_slow_answers_that_nobody_waited_for_are_good_ones_for_the_server() -> None:
    def failed(seconds: float) -> tuple[int, float]:
        found: list[tuple[int, float]] = []

        async def story(shop: Shop) -> None:
            shop.open(4)
            shop.push()
            shop.nodes.create("canary")
            await asyncio.sleep(1000)
            tally = await shop.counted(10.0, "canary")
            found.append((shop.load.failed_extra, total(tally).errors))

        routes = {"/": Route(share=1.0, error_rate=0.0)}
        changes = {
            "traffic": Traffic(routes=routes),
            "canary_defects": (Slow(share=0.25, seconds=seconds),),
        }
        tell(changes, story)
        return found[0]

    lost, errors = failed(31.0)
    assert lost == pytest.approx(1000 * 20 * 0.25, rel=0.1)
    assert errors == 0
    assert failed(29.0) == (0, 0)


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    def run(seed: int) -> tuple[Any, ...]:
        found: list[tuple[Any, ...]] = []

        async def story() -> None:
            traffic = Traffic(dispersion=2.0, bursts_per_hour=20, pods_differ_by=0.3)
            defects = (Errors(rate=0.05),)
            shop = Shop(scenario(traffic=traffic, canary_defects=defects), seed=seed)
            shop.open(5)
            shop.push()
            shop.nodes.create("canary")
            await asyncio.sleep(400)
            found.append((*outcome(shop.load), await shop.tally(100.0)))

        play(story())
        return found[0]

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_asking_more_often_does_not_change_how_much_there_is() -> None:
    async def story(shop: Shop) -> None:
        shop.open(3)
        shop.push()
        while shop.now < 600:
            await asyncio.sleep(0.1)
            assert shop.load.requests == pytest.approx(100 * shop.now, abs=6 * 250)
        assert shop.load.requests == pytest.approx(60_000, rel=0.02)

    tell({}, story)
