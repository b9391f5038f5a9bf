"""What defects do to processes, and what dead processes cost the users."""

import asyncio
import statistics
from itertools import pairwise

import pytest

from controller.simulation.load.scrapes import Scrapes
from controller.simulation.scenario import (
    DieAtStart,
    DieLater,
    Flap,
    Kill,
    Route,
    Traffic,
)
from tests.simulation.load.shop import Shop, tell, total

GOOD_ROUTES = {
    "/exam": Route(share=0.9, error_rate=0.0),
    "/lti/launch": Route(share=0.1, error_rate=0.0),
}
TRAFFIC = Traffic(requests_per_second=100, routes=GOOD_ROUTES)


def test_a_request_kills_its_process_and_the_log_names_it() -> None:
    async def story(shop: Shop) -> None:
        shop.open(9)
        await asyncio.sleep(20)
        shop.push()
        canary = shop.nodes.create("canary")
        await asyncio.sleep(12)
        death = shop.nodes.deaths[0]
        assert (death.pod, death.exit_code, death.reason) == ("canary", 1, "Error")
        assert "Traceback" in death.log
        assert "/lti/launch" in death.log
        assert shop.load.harmed_at == pytest.approx(death.at - 20.0, abs=0.01)
        assert shop.load.crashes == len(shop.nodes.deaths)
        assert not any("stable" in one.pod for one in shop.nodes.deaths)
        assert canary.deaths == len(shop.nodes.deaths)

    tell({"traffic": TRAFFIC, "canary_defects": (Kill(route="/lti/launch"),)}, story)


def test_kills_come_at_the_rate_of_the_requests_that_kill() -> None:
    """From the endpoint on, exponential: the mean is its own standard deviation."""

    async def story(shop: Shop) -> None:
        shop.nodes.backoff_seconds = 0.0
        shop.open(9)
        await asyncio.sleep(20)
        shop.push()
        shop.nodes.create("canary")
        await asyncio.sleep(12_000)
        times = [death.at for death in shop.nodes.deaths]
        lives = [after - before for before, after in pairwise(times)]
        # 5 s to be Ready, 1 s to be an endpoint, then 0.1 killing requests a second.
        assert statistics.mean(lives) == pytest.approx(6 + 10, rel=0.1)
        assert statistics.stdev(lives) == pytest.approx(10, rel=0.15)

    kill = Kill(route="/lti/launch", probability=0.1)
    tell({"traffic": TRAFFIC, "canary_defects": (kill,)}, story)


def test_until_the_balancer_knows_requests_to_a_dead_process_fail() -> None:
    """And neither they nor the request that killed are in any counter."""

    async def story(shop: Shop) -> None:
        shop.nodes.backoff_seconds = 10_000.0
        shop.open(9)
        await asyncio.sleep(20)
        shop.push()
        for number in range(40):
            shop.nodes.create(f"canary-{number}")
        await asyncio.sleep(60)
        assert len(shop.nodes.deaths) == 40
        # Each kills itself with one request, and then gets 1 s of the traffic of one pod.
        assert 40 < shop.load.failed_extra == shop.load.failed < 40 + 40 * 1.5 * 100 / 9
        assert shop.load.failed_extra > 40 + 40
        tally = await shop.counted(20.0)
        assert total(tally).errors == 0
        assert all("/lti/launch" not in tally.pods.get(f"canary-{n}", {}) for n in range(40))

    tell({"traffic": TRAFFIC, "canary_defects": (Kill(route="/lti/launch"),)}, story)


def test_a_pod_is_given_requests_after_a_delay() -> None:
    async def story(shop: Shop) -> None:
        shop.open(1)
        await asyncio.sleep(20)
        shop.push()
        shop.nodes.create("canary", start_seconds=5.0)
        await asyncio.sleep(5.4)
        assert sum(moment.canary_requests for moment in shop.load.moments()) == 0
        await asyncio.sleep(1.5)
        assert sum(moment.canary_requests for moment in shop.load.moments()) > 0

    tell({"traffic": TRAFFIC}, story)


def test_without_any_endpoint_every_request_fails() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(20)
        shop.push()
        shop.nodes.create("canary", start_seconds=1_000.0)
        await asyncio.sleep(20)
        for pod in list(shop.nodes.pods):
            shop.nodes.delete(pod)
        await asyncio.sleep(100)
        assert shop.load.failed == pytest.approx(100 * 100, rel=0.05)
        assert shop.load.failed_extra == pytest.approx(shop.load.failed, rel=0.01)
        assert shop.load.harmed_at == pytest.approx(20.0, abs=0.5)
        assert shop.load.moments()[-1].stable_pods == 0

    tell({"traffic": TRAFFIC}, story)


def test_stable_processes_that_die_of_their_own_are_not_the_releases_fault() -> None:
    async def story(shop: Shop) -> None:
        shop.open(4)
        await asyncio.sleep(20)
        shop.push()
        shop.nodes.create("canary")
        await asyncio.sleep(600)
        assert len(shop.nodes.deaths) > 10
        assert shop.load.failed > 100
        assert shop.load.failed_extra == 0
        assert shop.load.crashes == 0
        assert shop.load.harmed_at is None

    tell({"traffic": TRAFFIC, "stable_defects": (Kill(route="/exam", probability=0.001),)}, story)


def test_a_process_that_cannot_start_dies_before_it_is_ready() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(20)
        shop.push()
        for number in range(50):
            shop.nodes.create(f"canary-{number}")
        await asyncio.sleep(3)
        assert 15 < len(shop.nodes.deaths) < 35
        assert {death.exit_code for death in shop.nodes.deaths} == {3}
        assert all("Traceback" in death.log for death in shop.nodes.deaths)
        assert shop.load.crashes == len(shop.nodes.deaths)
        assert shop.load.failed_extra == 0
        assert shop.load.harmed_at == pytest.approx(0.2, abs=0.1)

    tell({"traffic": TRAFFIC, "canary_defects": (DieAtStart(probability=0.5, exit_code=3),)}, story)


def test_a_process_runs_out_of_memory_after_about_so_long() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(20)
        shop.push()
        for number in range(60):
            shop.nodes.create(f"canary-{number}")
        await asyncio.sleep(599)
        lives = [death.at - 20.0 for death in shop.nodes.deaths]
        assert len(lives) == 60
        assert statistics.mean(lives) == pytest.approx(400, rel=0.05)
        assert statistics.stdev(lives) == pytest.approx(40, rel=0.35)
        assert {(d.exit_code, d.reason) for d in shop.nodes.deaths} == {(137, "OOMKilled")}
        assert not any("Traceback" in death.log for death in shop.nodes.deaths)

    tell({"canary_defects": (DieLater(after_seconds=400, out_of_memory=True),)}, story)


def test_defects_begin_so_long_after_the_start_of_each_process() -> None:
    async def story(shop: Shop) -> None:
        shop.open(9)
        await asyncio.sleep(20)
        shop.push()
        shop.nodes.create("canary")
        await asyncio.sleep(1000)
        times = [20.0, *(death.at + 10.0 for death in shop.nodes.deaths)]
        ends = [death.at for death in shop.nodes.deaths]
        assert len(ends) >= 7
        assert all(100.0 <= end - start < 112.0 for start, end in zip(times, ends, strict=False))

    tell(
        {"traffic": TRAFFIC, "canary_defects": (Kill(route="/lti/launch", begin_seconds=100.0),)},
        story,
    )


def test_a_flapping_pod_is_ready_so_long_and_then_not() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        await asyncio.sleep(20)
        shop.push()
        pod = shop.nodes.create("canary")
        await asyncio.sleep(10)
        ready = 0
        for _ in range(1000):
            await asyncio.sleep(1)
            ready += pod.ready
        assert ready == pytest.approx(750, rel=0.05)
        assert shop.nodes.deaths == []
        assert shop.load.failed_extra == 0

    tell(
        {"traffic": TRAFFIC, "canary_defects": (Flap(ready_seconds=30, unready_seconds=10),)}, story
    )


def test_a_first_scrape_comes_within_an_interval_and_none_of_a_dead_process() -> None:
    async def story(shop: Shop) -> None:
        shop.nodes.backoff_seconds = 100.0
        shop.open(3)
        await asyncio.sleep(30)
        scrapes: Scrapes = shop.load.scrapes
        scrapes.refresh()
        times = {key.name: record.times for key, record in scrapes.records.items()}
        for one in times.values():
            gaps = [after - before for before, after in pairwise(one)]
            assert all(4_800 <= gap <= 5_200 for gap in gaps)
            assert one[0] <= 5_000
        shop.nodes.end_process(shop.nodes.pod("stable-1"))
        await asyncio.sleep(60)
        scrapes.refresh()
        assert times["stable-1"][-1] <= 30_000
        assert times["stable-2"][-1] > 84_000

    tell({"traffic": TRAFFIC}, story)


def test_after_the_stop_nothing_happens() -> None:
    async def story(shop: Shop) -> None:
        shop.open(2)
        shop.push()
        shop.nodes.create("canary")
        await asyncio.sleep(30)
        shop.load.stop()
        before = (len(shop.nodes.deaths), shop.load.requests, len(shop.load.moments()))
        await asyncio.sleep(300)
        assert before == (len(shop.nodes.deaths), shop.load.requests, len(shop.load.moments()))

    kill = Kill(route="/lti/launch", probability=0.1)
    changes = {
        "traffic": Traffic(routes=GOOD_ROUTES, bursts_per_hour=100, daily_swing=0.2),
        "canary_defects": (
            kill,
            DieLater(after_seconds=100),
            Flap(ready_seconds=5, unready_seconds=5),
        ),
    }
    tell(changes, story)
