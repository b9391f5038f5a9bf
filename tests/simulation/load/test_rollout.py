"""The load on the simulated cluster itself: what a rollout costs the users."""

import asyncio

from controller.simulation.cluster import SimulatedCluster
from controller.simulation.dice import Dice
from controller.simulation.load.load import Load
from controller.simulation.loop import play
from controller.simulation.scenario import DieAtStart, Kill, Route, Scenario, Traffic
from controller.simulation.trace import Trace
from tests.simulation.load.shop import CANARY, KEY, STABLE, scenario

TRAFFIC = Traffic(routes={"/": Route(share=1.0, error_rate=0.0)})


def rolled_out(made: Scenario, seconds: float = 120.0) -> Load:
    """The load after a push that nothing holds up, so many seconds ago."""

    async def run() -> Load:
        dice, trace = Dice(5), Trace()
        cluster = SimulatedCluster(dice=dice, trace=trace)
        load = Load(made, cluster, KEY, dice, stable_template=STABLE, canary_template=CANARY)
        cluster.create_deployment(KEY, STABLE, replicas=10, surge=3, unavailable=2)
        await asyncio.sleep(20)
        load.pushed(20.0)
        cluster.apply_template(KEY, CANARY)
        await asyncio.sleep(seconds)
        load.stop()
        return load

    return play(run())


def test_a_good_rollout_loses_no_request() -> None:
    load = rolled_out(scenario(traffic=TRAFFIC))
    last = load.moments()[-1]
    assert (last.canary_ready, last.stable_pods) == (10, 0)
    assert load.failed == load.failed_extra == load.crashes == 0
    assert load.requests > 11_000


def test_a_bad_one_that_nobody_stops_eats_the_service_up() -> None:
    """Its pods are Ready for a while, so the rollout goes on, and then they are dead."""
    kill = Kill(route="/", probability=0.02)
    load = rolled_out(scenario(traffic=TRAFFIC, canary_defects=(kill,)), 300.0)
    assert load.moments()[-1].stable_pods <= 2
    assert load.crashes > 20
    assert load.failed_extra == load.failed > 0.03 * load.requests


def test_pods_that_cannot_start_stop_a_rollout_by_themselves() -> None:
    load = rolled_out(scenario(traffic=TRAFFIC, canary_defects=(DieAtStart(),)))
    last = load.moments()[-1]
    assert (last.canary_ready, last.stable_ready) == (0, 8)
    assert load.failed == 0
    assert load.crashes > 10
