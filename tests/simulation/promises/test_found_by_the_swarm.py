"""What the swarm found: each a promise that a release without any fault once broke."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from controller.domain.changes import Scale
from controller.domain.lifecycle import Phase
from controller.domain.policy import RollbackStrategy, Share
from controller.domain.records import Intent, IntentAction
from controller.simulation.promises.checkers import broken_promises
from controller.simulation.run import play_scenario
from controller.simulation.scenario import DieLater, Ending, Scenario, Shop
from controller.simulation.trace import Applied, Committed
from controller.simulation.world import CANARY, REF, STABLE, World
from tests.simulation.promises.releases import BAD, BLIND, HEALTHY, POLICY, QUICK, broken_by, played

WIDE = replace(
    HEALTHY,
    shop=Shop(),
    policy=replace(POLICY, steps=(replace(QUICK[1], canary=Share(percent=50)),)),
)
TWO = replace(HEALTHY, shop=Shop(replicas=2, surge=1, unavailable=0))


async def _until(world: World, phase: Phase) -> None:
    while not any(one.status.phase is phase for one in world.trace.of(Committed)):  # noqa: ASYNC110
        await asyncio.sleep(1.0)


@pytest.mark.parametrize("seconds", [2.0, 30.0])
@pytest.mark.parametrize("scenario", [WIDE, TWO], ids=["wide step", "two pods"])
def test_a_second_push_costs_no_capacity(scenario: Scenario, seconds: float) -> None:
    async def pushing(world: World) -> None:
        await _until(world, Phase.SEEDING)
        await asyncio.sleep(seconds)
        world.push("v43")

    assert broken_by(None, scenario, visitor=pushing) == ()


def test_a_pause_after_a_promotion_does_not_open_the_release_again() -> None:
    async def pausing(world: World) -> None:
        await _until(world, Phase.PROMOTED)
        world.cluster.set_paused(REF, paused=True)
        await asyncio.sleep(5.0)
        world.cluster.set_paused(REF, paused=False)

    assert broken_by(None, HEALTHY, visitor=pausing) == ()


def test_each_hold_has_a_key_of_its_own() -> None:
    async def resuming(world: World) -> None:
        await _until(world, Phase.HOLDING)
        await asyncio.sleep(10.0)
        world.cluster.command(REF, Intent(action=IntentAction.RESUME, id="1", by="somebody"))

    longer = replace(BLIND, limit_seconds=1800.0)
    assert broken_by(None, longer, visitor=resuming) == ()


def test_two_releases_of_a_template_in_one_second_have_keys_of_their_own() -> None:
    async def wavering(world: World) -> None:
        while world.pushed_at is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        for template in (STABLE, CANARY, STABLE):
            await asyncio.sleep(0.2)
            world.push(template)

    assert broken_by(None, HEALTHY, visitor=wavering) == ()


SHOPS = {
    "2 pods": Shop(replicas=2, surge=1, unavailable=0),
    "4 pods": Shop(replicas=4, surge=1, unavailable=0),
    "10 pods": Shop(),
}


@pytest.mark.parametrize("shop", SHOPS.values(), ids=SHOPS)
@pytest.mark.parametrize("seconds", [1.0, 6.0])
def test_a_push_in_the_middle_of_a_rollout_comes_to_its_end(shop: Shop, seconds: float) -> None:
    """The pods of the revision before are more than stable's: nobody fights over them."""

    async def pushing(world: World) -> None:
        await _until(world, Phase.PROMOTING)
        await asyncio.sleep(seconds)
        world.push("v43")

    scenario = replace(HEALTHY, shop=shop)
    run = play_scenario(scenario, 1, visitor=pushing)
    assert broken_promises(run.trace, scenario) == ()
    assert run.outcome.ending is Ending.PROMOTED
    assert len([one for one in run.trace.of(Applied) if isinstance(one.change, Scale)]) < 50


@pytest.mark.parametrize("shop", SHOPS.values(), ids=SHOPS)
def test_a_freeze_after_the_whole_rollout_comes_to_its_end(shop: Shop) -> None:
    scenario = replace(
        HEALTHY,
        shop=shop,
        canary_defects=(DieLater(after_seconds=300.0, spread=0.05),),
        policy=replace(POLICY, bake=timedelta(minutes=20), rollback=RollbackStrategy.FREEZE),
        limit_seconds=3000.0,
    )
    run = play_scenario(scenario, 1)
    assert broken_promises(run.trace, scenario) == ()
    assert run.outcome.ending is Ending.ROLLED_BACK


ALONE = replace(TWO, expect=Ending.HELD)


@pytest.mark.parametrize(
    ("scenario", "back_after"),
    [
        (TWO, 10.0),
        (TWO, 60.0),
        (ALONE, None),
        (replace(BAD, shop=TWO.shop), 10.0),
        (replace(BAD, shop=TWO.shop), None),
    ],
)
def test_one_replica_in_the_middle_of_a_release_costs_no_capacity(
    scenario: Scenario, back_after: float | None
) -> None:
    """The deployment controller gives the canary the only pod, and nobody fights it for that.

    Without stable's pods a good release is not known to be good: a person is asked.
    """

    async def scaling(world: World) -> None:
        await _until(world, Phase.ANALYSING)
        world.cluster.set_replicas(REF, 1)
        if back_after is not None:
            await asyncio.sleep(back_after)
            world.cluster.set_replicas(REF, 2)

    run = played(None, scenario, visitor=scaling)
    assert broken_promises(run.trace, scenario) == ()
    assert run.outcome.ending is scenario.expect
