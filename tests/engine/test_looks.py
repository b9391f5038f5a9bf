"""What is asked of the metric source, at which pace, and what a hanging answer holds up."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from controller.domain.policy import Guard
from controller.domain.readings import Measured, Missing, Tally
from controller.engine.looks import GUARD_AGE_MAX, PATIENCE, Looks
from controller.simulation.loop import play
from tests.domain.tabletop import REF, Table, on_trial
from tests.engine.process import Observed, assembled
from tests.engine.world import Town, World

HANGS = Guard(name="hangs", query="up", maximum=1.0)
ANSWERS = Guard(name="answers", query="up", maximum=1.0)


def fresh(*guards: Guard) -> Table:
    """A release whose evidence has not begun."""
    table = on_trial()
    release = table.status.release
    assert release is not None
    begun = replace(release, evidence="", started_at=table.now, evaluated_until=None)
    table.status = replace(table.status, release=begun)
    table.policy = replace(table.policy, guards=guards)
    return table


def looks_of(world: World, group: asyncio.TaskGroup) -> Looks:
    return assembled(world, group, Observed()).reconciler.looks


async def look(looks: Looks, world: World, seconds: float = 1.0) -> None:
    """One look, and some time for its answers."""
    world.table.now = world.now()
    scene = world.scene(REF)
    assert scene is not None
    looks.refresh(scene)
    await asyncio.sleep(seconds)


def view(looks: Looks, world: World) -> tuple[object, object, dict[str, Measured | Missing]]:
    release = world.table.status.release
    assert release is not None
    seen = looks.view(REF, release)
    return seen.requests, seen.history, dict(seen.guards)


def test_a_guard_that_hangs_delays_neither_the_counts_nor_the_past() -> None:
    async def story() -> None:
        world = World(towns={REF: Town(fresh(HANGS))}, hanging={"hangs"})
        async with asyncio.TaskGroup() as group:
            looks = looks_of(world, group)
            await look(looks, world)
            requests, history, guards = view(looks, world)
            assert isinstance(requests, Tally)
            assert history is not None
            assert guards == {}
            # What hangs would keep the group open for ever.
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    play(story())


def test_an_old_measurement_is_no_measurement() -> None:
    async def story() -> None:
        world = World(towns={REF: Town(fresh(ANSWERS))})
        world.guards["answers"] = Measured(at=world.now(), lowest=0.5, highest=0.5)
        async with asyncio.TaskGroup() as group:
            looks = looks_of(world, group)
            await look(looks, world)
            assert view(looks, world)[2] == world.guards
            await asyncio.sleep(GUARD_AGE_MAX.total_seconds())
            (old,) = view(looks, world)[2].values()
            assert isinstance(old, Missing)
            assert old.reason == "stale"

    play(story())


def test_a_guard_that_was_edited_is_not_judged_by_its_old_answer() -> None:
    async def story() -> None:
        world = World(towns={REF: Town(fresh(ANSWERS))})
        world.guards["answers"] = Measured(at=world.now(), lowest=9.0, highest=9.0)
        async with asyncio.TaskGroup() as group:
            looks = looks_of(world, group)
            await look(looks, world)
            assert view(looks, world)[2] == world.guards
            edited = replace(ANSWERS, query="another")
            world.table.policy = replace(world.table.policy, guards=(edited,))
            assert view(looks, world)[2] == {}

    play(story())


def test_a_past_that_timed_out_is_asked_for_again() -> None:
    async def story() -> None:
        world = World(towns={REF: Town(fresh())}, pasts_lost=2)
        async with asyncio.TaskGroup() as group:
            looks = looks_of(world, group)
            for _ in range(2):
                await look(looks, world, seconds=6)
                assert view(looks, world)[1] is None
            await look(looks, world, seconds=6)
            assert view(looks, world)[1] is not None

    play(story())


def test_a_past_that_never_comes_is_waited_for_a_minute() -> None:
    async def story() -> timedelta:
        world = World(towns={REF: Town(fresh())}, pasts_lost=1000)
        async with asyncio.TaskGroup() as group:
            looks = looks_of(world, group)
            begun = world.now()
            while view(looks, world)[1] is None:
                await look(looks, world, seconds=6)
            return world.now() - begun

    assert PATIENCE <= play(story()) <= PATIENCE + timedelta(seconds=24)


def test_another_release_does_not_inherit_what_was_asked_for_the_last() -> None:
    async def story() -> None:
        world = World(towns={REF: Town(fresh())})
        async with asyncio.TaskGroup() as group:
            looks = looks_of(world, group)
            await look(looks, world)
            assert view(looks, world)[1] is not None
            release = world.table.status.release
            assert release is not None
            later = replace(release, started_at=release.started_at + timedelta(minutes=1))
            world.table.status = replace(world.table.status, release=later)
            assert view(looks, world)[1] is None

    play(story())
