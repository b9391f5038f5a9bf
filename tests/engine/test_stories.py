"""Whole releases through the real engine: good, bad, and with the process lost at every effect."""

import pytest

from controller.domain.changes import Promote, Seed, Undo
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.domain.status import NoticeKind, Result
from controller.simulation.loop import play
from tests.engine.process import running
from tests.engine.releases import a_town, released
from tests.engine.world import World

Ends = tuple[object, ...]
GOOD = ((), Phase.PROMOTED)
BAD = (("B",), Phase.ROLLED_BACK)


def ends(world: World) -> Ends:
    """What is left of a release when it is over, without its instants."""
    table = world.table
    status = table.status
    return (
        (table.template, table.paused, table.mark, table.label, dict(table.sets)),
        (status.phase, status.stable and status.stable.fingerprint, status.recent_stables),
        [r.fingerprint for r in status.rejected],
        [(past.canary.fingerprint, past.result) for past in status.history],
        world.decisive(),
        world.told_kinds(),
    )


def test_a_good_release_is_promoted_once_and_told() -> None:
    world, story = released(*GOOD)
    assert world.decisive() == [Promote()]
    assert world.table.sets == {"A": 0, "B": 10}
    assert world.told_kinds() == {NoticeKind.STARTED: 1, NoticeKind.PROMOTED: 1}
    assert story.observed.results == [Result.PROMOTED]
    assert story.observed.failures == []


def test_a_bad_release_is_undone_once_and_told_with_the_last_words() -> None:
    world, story = released(*BAD)
    assert world.decisive() == [Undo("rs-A")]
    assert world.table.sets == {"A": 10, "B": 0}
    assert world.told_kinds() == {NoticeKind.STARTED: 1, NoticeKind.ROLLED_BACK: 1}
    assert world.told[-1].log == "last words of app in B-0"
    assert story.observed.results == [Result.ROLLED_BACK]
    assert len(story.observed.rollbacks_sent) == 1


def test_the_log_of_a_death_is_fetched_once() -> None:
    world, _ = released(*BAD)
    fetched = [effect.what for effect in world.of("log")]
    assert fetched
    assert len(fetched) == len(set(fetched))


@pytest.mark.parametrize(("doomed", "end"), [GOOD, BAD])
def test_a_change_is_made_only_after_its_intent_is_committed(
    doomed: tuple[str, ...], end: Phase
) -> None:
    world, _ = released(doomed, end)
    intents = {Seed: Phase.SEEDING, Promote: Phase.PROMOTING, Undo: Phase.ROLLING_BACK}
    made = [effect for effect in world.of("apply") if type(effect.what) in intents]
    assert made
    for effect in made:
        assert effect.phase is intents[type(effect.what)], effect


@pytest.mark.parametrize(("doomed", "end"), [GOOD, BAD])
@pytest.mark.parametrize("was_done", [False, True])
def test_wherever_the_process_is_lost_the_release_ends_alike(
    doomed: tuple[str, ...], end: Phase, *, was_done: bool
) -> None:
    whole, _ = released(doomed, end)
    for number, name in enumerate(whole.attempts):
        world, _ = released(doomed, end, fatal=(number, was_done))
        assert world.processes_lost == 1, (number, name)
        assert ends(world) == ends(whole), (number, name)
        said: dict[str, set[object]] = {}
        for notice in world.told:
            said.setdefault(notice.key, set()).add(notice.headline)
        assert all(len(headlines) == 1 for headlines in said.values()), (number, name)


def test_a_notice_is_repeated_only_under_its_key_when_the_process_is_lost_after_sending() -> None:
    whole, _ = released(*BAD)
    number = max(n for n, name in enumerate(whole.attempts) if name == "send")
    world, _ = released(*BAD, fatal=(number, True))
    keys = [notice.key for notice in world.told]
    assert len(keys) == 3
    assert keys[1] == keys[2]


def test_two_canaries_do_not_meet() -> None:
    async def story() -> World:
        other = Ref("exams", "grader")
        world = World()
        world.towns = {**world.towns, other: a_town("B")}
        async with running(world) as told:
            await told.until(lambda: all(t.table.status.stable for t in world.towns.values()))
            world.push("B")
            world.push("B", other)
            await told.until(lambda: world.towns[other].table.status.phase is Phase.ROLLED_BACK)
        return world

    world = play(story())
    assert world.table.status.phase is not Phase.ROLLED_BACK
