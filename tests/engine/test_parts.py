"""What is seen of one visit at a time: a Canary that cannot be acted on, words that come late."""

import asyncio
from dataclasses import replace

from controller.domain.lifecycle import Phase
from controller.domain.records import IntentAction, Problem, Ref
from controller.domain.status import Release
from controller.engine.tasks import AT_ONCE_MAX, Errands
from controller.simulation.loop import play
from tests.domain.tabletop import REF, on_trial
from tests.engine.process import Observed, assembled, running
from tests.engine.releases import a_world, push
from tests.engine.world import Town, World

PROBLEM = Problem(reason="InvalidSpec", field="spec.steps", message="are none", remedy="Add one")


def test_a_spec_that_cannot_be_acted_on_is_said_and_asks_no_metrics() -> None:
    async def story() -> World:
        world = a_world()
        world.table.policy = PROBLEM  # type: ignore[assignment]
        async with running(world) as told:
            await told.wait(100)
        return world

    world = play(story())
    assert world.attempts == ["commit", "record"]
    assert world.tallies == 0
    assert world.table.status.message == str(PROBLEM)


def release(world: World) -> Release:
    assert world.table.status.release is not None
    return world.table.status.release


def test_a_rollback_that_a_person_asked_for_is_no_answer_to_a_crash() -> None:
    """One that was tolerated decided nothing, and says nothing of how long a decision took."""

    async def story() -> list[float]:
        world = a_world()
        async with running(world) as told:
            await push(told)
            await told.until(lambda: world.table.status.phase is Phase.ANALYSING)
            world.table.deaths["B-0"] = 1
            world.tell_all()
            await told.until(lambda: bool(release(world).crashes))
            world.table.command(IntentAction.ROLLBACK)
            world.tell_all()
            await told.until(lambda: world.table.status.phase is Phase.ROLLED_BACK)
            return told.observed.rollbacks_sent

    assert play(story()) == []


def test_what_was_decided_is_kept_for_people() -> None:
    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            table = on_trial()
            table.command(IntentAction.HOLD)
            world = World(towns={REF: Town(table)})
            process = assembled(world, group, Observed())
            await process.reconciler.reconcile(REF)
            held = world.table.status
            await process.reconciler.reconcile(REF)
            kept = process.reconciler.journal.of(REF)
            assert kept[0].plan.status == held
            assert process.reconciler.journal.of(Ref("another", "canary")) == ()

    play(story())


def test_last_words_that_come_after_the_release_are_dropped() -> None:
    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            table = on_trial()
            table.deaths["B-0"] = 1
            world = World(towns={REF: Town(table)})
            process = assembled(world, group, Observed())
            last_words = process.reconciler.last_words
            scene = world.scene(REF)
            assert scene is not None
            assert len(last_words.crashes(scene, world.now())) == 1
            over = replace(scene, status=replace(scene.status, phase=Phase.PROMOTED))
            assert last_words.crashes(over, world.now()) == ()
        assert len(process.queue) == 0

    play(story())


def test_pods_that_are_gone_make_room_for_later_deaths() -> None:
    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            table = on_trial()
            world = World(towns={REF: Town(table)})
            last_words = assembled(world, group, Observed()).reconciler.last_words
            for deaths in range(1, 10):
                table.deaths["B-0"] = deaths
                scene = world.scene(REF)
                assert scene is not None
                seen = last_words.crashes(scene, world.now())
            assert [crash.deaths for crash in seen] == [7, 8, 9]

    play(story())


def test_stable_without_pods_has_no_history() -> None:
    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            table = on_trial()
            assert table.status.release is not None
            fresh = replace(table.status.release, evidence="")
            table.status = replace(table.status, release=fresh)
            table.sets["A"] = 0
            world = World(towns={REF: Town(table)})
            looks = assembled(world, group, Observed()).reconciler.looks
            scene = world.scene(REF)
            assert scene is not None
            looks.refresh(scene)
            await asyncio.sleep(1)
            history = looks.view(REF, fresh).history
            assert history is not None
            assert not history.errors.pods

    play(story())


def test_errands_run_once_a_key_and_only_so_many_at_once() -> None:
    async def story() -> None:
        done: list[int] = []
        gate = asyncio.Event()

        async def errand(number: int) -> None:
            await gate.wait()
            done.append(number)

        async with asyncio.TaskGroup() as group:
            errands = Errands(group)
            started = [errands.start(n, errand(n)) for n in range(AT_ONCE_MAX)]
            assert all(started)
            assert not errands.start(0, errand(0))
            assert not errands.start("one more", errand(-1))
            gate.set()
        assert done == list(range(AT_ONCE_MAX))

    play(story())
