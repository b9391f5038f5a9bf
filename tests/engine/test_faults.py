"""What goes wrong around a release: conflicts, outages, refusals, bugs, and metrics that hang."""

import asyncio
from dataclasses import replace
from itertools import pairwise

from controller.domain.changes import Seed, Undo
from controller.domain.lifecycle import Phase
from controller.domain.policy import Share, Step
from controller.domain.records import Ref
from controller.domain.status import NoticeKind
from controller.engine.ports import Conflict, Refused, Unavailable
from controller.simulation.loop import play
from tests.domain.tabletop import alone
from tests.engine.process import running
from tests.engine.releases import BRIEF, a_town, a_world, push, release, released
from tests.engine.world import World

OTHER = Ref("exams", "grader")


def test_a_conflict_is_looked_at_again_and_no_change_goes_out_on_what_was_seen_before() -> None:
    world = a_world("B")
    world.faults["commit"] = [Conflict("moved")] * 3
    world.faults["apply"] = [Conflict("moved")] * 3
    story = play(release(world, Phase.ROLLED_BACK))
    assert world.decisive() == [Undo("rs-A")]
    assert story.observed.failures == ["conflict"] * 6


def test_an_outage_is_waited_for_in_growing_pauses() -> None:
    async def story() -> list[float]:
        world = a_world()
        world.faults["commit"] = [Unavailable("away")] * 8
        async with running(world) as told:
            await told.until(lambda: not world.faults["commit"])
            assert told.observed.failures == ["unavailable"] * 8
            await told.until(lambda: world.table.label)
        return [effect.at for effect in world.tried if effect.name == "commit"]

    tries = play(story())
    pauses = [after - before for before, after in pairwise(tries[:9])]
    assert pauses[-1] > 5
    assert sum(pauses) > 10


def test_a_refusal_is_said_and_not_repeated_in_a_hot_loop() -> None:
    async def story() -> tuple[World, list[str]]:
        world = a_world()
        async with running(world) as told:
            await told.until(lambda: world.table.label)
            world.faults["apply"] = [Refused("quota")] * 1000
            world.push("B")
            await told.wait(120)
        return world, told.observed.failures

    world, failures = play(story())
    assert set(failures) == {"refused"}
    assert len(failures) < 60
    assert not any(isinstance(effect.what, Seed) for effect in world.of("apply"))


def test_a_bug_in_one_canarys_visit_does_not_stop_the_others() -> None:
    async def story() -> tuple[World, list[str]]:
        world = a_world("B")
        world.towns[OTHER] = a_town()
        world.broken[OTHER] = ValueError("a bug")
        async with running(world) as told:
            await push(told)
            await told.until(lambda: world.table.status.phase is Phase.ROLLED_BACK)
            failures = told.observed.failures.copy()
            del world.broken[OTHER]
            await told.until(lambda: world.towns[OTHER].table.status.stable)
        return world, failures

    world, failures = play(story())
    assert world.processes_lost == 0
    assert set(failures) == {"bug"}


def test_a_bug_beside_the_decision_path_ends_nothing() -> None:
    world = a_world("B")
    world.faults["log"] = [ValueError("a bug")] * 2
    world.faults["record"] = [ValueError("a bug")] * 2
    world.faults["send"] = [ValueError("a bug")]
    play(release(world, Phase.ROLLED_BACK))
    assert world.decisive() == [Undo("rs-A")]
    assert world.told_kinds() == {NoticeKind.ROLLED_BACK: 1}


def test_metrics_that_never_answer_do_not_delay_a_rollback_on_crashes() -> None:
    async def story(world: World) -> float:
        async with running(world) as told:
            await push(told)
            await told.until(lambda: world.table.deaths)
            first = asyncio.get_running_loop().time()
            await told.until(lambda: world.table.template == "A")
            return asyncio.get_running_loop().time() - first

    prompt, mute = a_world("B"), a_world("B")
    mute.mute = True
    assert play(story(mute)) <= play(story(prompt)) + 0.1
    assert mute.decisive() == [Undo("rs-A")]


def test_metrics_that_stop_answering_do_not_promote() -> None:
    async def story() -> World:
        world = a_world()
        async with running(world) as told:
            await push(told)
            await told.until(lambda: world.table.status.phase is Phase.ANALYSING)
            world.mute = True
            await told.wait(600)
        return world

    world = play(story())
    assert world.decisive() == []
    assert world.table.status.phase is Phase.ANALYSING


def test_pods_that_die_together_are_asked_once_each_and_do_not_keep_the_loop_busy() -> None:
    async def story() -> World:
        steps = (Step(canary=Share(percent=50)),)
        world = a_world(policy=replace(alone(BRIEF), steps=steps))
        async with running(world) as told:
            await push(told)
            await told.until(lambda: world.table.status.phase is Phase.ANALYSING)
            await told.wait(2)
            # Were they not forgiven, the release would be over in an instant.
            world.table.intent = None
            world.table.paused, world.table.mark = True, "2"
            for number in range(5):
                world.table.deaths[f"B-{number}"] = 1
            world.faults["apply"] = [Refused("quota")] * 1000
            world.tell_all()
            await told.wait(60)
        return world

    world = play(story())
    fetched = [effect.what for effect in world.of("log")]
    assert sorted(fetched) == [(f"B-{number}", 1) for number in range(5)]
    assert len(world.of("commit")) < 40


def test_a_deleted_canary_is_let_go_and_nothing_of_it_is_kept() -> None:
    async def story() -> World:
        world = a_world()
        async with running(world) as told:
            await push(told)
            await told.until(lambda: world.table.status.phase is Phase.ANALYSING)
            (ref, town) = next(iter(world.towns.items()))
            world.faults["let go"] = [Unavailable("away")]
            del world.towns[ref]
            world.tell(ref)
            await told.until(lambda: world.of("let go"))
            await told.wait(10)
            assert (town.table.template, town.table.paused) == ("B", True)
            assert told.observed.failures == ["unavailable"]
        return world

    world = play(story())
    assert world.decisive() == []


def test_nothing_is_committed_when_nothing_is_news() -> None:
    async def story() -> World:
        world = a_world()
        async with running(world) as told:
            await told.until(lambda: world.table.label)
            await told.wait(5)
            before = len(world.attempts)
            for _ in range(20):
                world.tell_all()
                await told.wait(100)
            assert len(world.attempts) == before
        return world

    play(story())


def test_evidence_is_committed_once_a_look_and_not_more_often() -> None:
    async def story() -> tuple[int, int]:
        world = a_world(policy=replace(BRIEF, steps=(Step(canary=Share(pods=1), approval=True),)))
        async with running(world) as told:
            await push(told)
            await told.until(lambda: world.table.status.phase is Phase.HOLDING)
            await told.wait(20)
            commits, looks = len(world.of("commit")), world.tallies
            for _ in range(1000):
                world.tell_all()
                await told.wait(0.1)
            return len(world.of("commit")) - commits, world.tallies - looks

    commits, looks = play(story())
    assert looks == 20
    assert commits <= looks + 1


def test_a_release_judged_by_restarts_alone_asks_for_no_requests() -> None:
    world = a_world("B", policy=alone(BRIEF))
    play(release(world, Phase.ROLLED_BACK))
    assert world.tallies == 0
    assert world.decisive() == [Undo("rs-A")]


def test_slack_being_away_delays_notices_and_nothing_else() -> None:
    world, _ = released(("B",), Phase.ROLLED_BACK)
    late = a_world("B")
    late.faults["send"] = [Unavailable("away")] * 5
    play(release(late, Phase.ROLLED_BACK))
    assert late.decisive() == world.decisive()
    assert late.told_kinds() == world.told_kinds()
