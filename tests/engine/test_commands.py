"""Commands at the desk: who may, what is there now, once per key, and never half written."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from controller.domain.lifecycle import Phase
from controller.domain.records import Intent, IntentAction, Ref
from controller.engine.commands import (
    POSSIBLE,
    VERBS,
    Absent,
    Asked,
    Desk,
    Forbidden,
    KeyReused,
    Moved,
    Receipt,
    Stale,
    possible,
)
from controller.engine.ports import Conflict, Person, Unavailable, Verb
from controller.simulation.loop import play
from tests.domain.tabletop import POLICY, REF
from tests.engine.process import Story, running
from tests.engine.releases import a_world
from tests.engine.world import World

ADA = Person(name="ada", groups=("ops",))
LONG = replace(POLICY, steps=tuple(replace(step, approval=True) for step in POLICY.steps))


@dataclass
class Rbac:
    """Verbs that each person has, on every Canary."""

    verbs: dict[str, set[Verb]] = field(default_factory=lambda: {"ada": set(Verb)})
    away: bool = False

    async def person(self, token: str) -> Person | None:
        return Person(name=token) if token in self.verbs else None

    async def may(self, person: Person, verb: Verb, namespace: str, name: str = "") -> bool:
        if self.away:
            raise Unavailable("the API server is away")
        return verb in self.verbs.get(person.name, set())


def asked(action: IntentAction, **fields: Any) -> Asked:
    defaults: dict[str, Any] = {"ref": REF, "person": ADA, "via": "a test", "revision": "B"}
    return Asked(action=action, **{**defaults, "key": "key-1", **fields})


def told(world: World, story: Callable[[Story, Desk], Awaitable[None]], rbac: Rbac | None) -> None:
    """A story of a release of B that waits at its first step for approval."""

    async def play_it() -> None:
        async with running(world) as on:
            await on.until(lambda: world.table.label == "exam-api")
            world.push("B")
            await on.until(lambda: world.table.status.phase is Phase.HOLDING)
            await story(on, Desk(cluster=world, access=rbac or Rbac()))

    play(play_it())


def on_hold(story: Callable[[Story, Desk], Awaitable[None]], rbac: Rbac | None = None) -> World:
    world = a_world(policy=LONG)
    told(world, story, rbac)
    return world


def step(world: World) -> int:
    assert world.table.status.release is not None
    return world.table.status.release.step


def test_a_command_is_written_down_and_the_engine_does_the_rest() -> None:
    async def story(on: Story, desk: Desk) -> None:
        receipt = await desk.ask(asked(IntentAction.PROMOTE, step=1, reason=" looks\n good "))
        assert receipt.done is None
        intent = on.world.table.intent
        assert isinstance(intent, Intent)
        assert (intent.by, intent.via, intent.reason) == ("ada", "a test", "looks good")
        await on.until(lambda: step(on.world) == 1)
        again = await desk.ask(asked(IntentAction.PROMOTE, step=1))
        assert again.id == receipt.id
        assert again.done is not None
        assert again.done.taken
        await on.wait(60)

    world = on_hold(story)
    assert step(world) == 1
    assert len(world.table.status.commands) == 1
    assert len(world.of("ask")) == 1


def test_two_keys_are_two_commands_and_the_second_one_sees_the_first() -> None:
    async def story(on: Story, desk: Desk) -> None:
        await desk.ask(asked(IntentAction.PROMOTE, key="one", step=1))
        with pytest.raises(Conflict, match="ada asked for promote of exams/exam-api just before"):
            await desk.ask(asked(IntentAction.PROMOTE, key="two", step=1))
        await on.until(lambda: on.world.table.intent is None and step(on.world) == 1)
        with pytest.raises(Moved, match="at step 2, not revision B at step 1"):
            await desk.ask(asked(IntentAction.PROMOTE, key="three", step=1))

    on_hold(story)


def test_to_roll_back_never_waits_for_another_command() -> None:
    async def story(on: Story, desk: Desk) -> None:
        on.world.table.intent = Intent(action=IntentAction.HOLD, id="stuck", by="bob")
        await desk.ask(asked(IntentAction.ROLLBACK, reason="the shop is slow"))
        await on.until(lambda: on.world.table.status.phase is Phase.ROLLED_BACK)

    world = on_hold(story)
    assert "asked for by ada: the shop is slow" in world.table.status.history[-1].reason


def test_a_key_is_for_one_command() -> None:
    async def story(on: Story, desk: Desk) -> None:
        await desk.ask(asked(IntentAction.PROMOTE))
        with pytest.raises(KeyReused, match="used for promote of revision B before"):
            await desk.ask(asked(IntentAction.ROLLBACK))
        await on.until(lambda: step(on.world) == 1)
        with pytest.raises(KeyReused, match="used for promote of revision B before"):
            await desk.ask(asked(IntentAction.ROLLBACK))

    on_hold(story)


@pytest.mark.parametrize("other", [{"revision": "C"}, {"step": 2}, {"step": None}])
def test_a_key_that_says_something_else_the_second_time_is_refused(other: dict[str, Any]) -> None:
    async def story(on: Story, desk: Desk) -> None:
        await desk.ask(asked(IntentAction.PROMOTE, step=1))
        await on.until(lambda: step(on.world) == 1)
        with pytest.raises(KeyReused, match="of revision B at step 1 before"):
            await desk.ask(asked(IntentAction.PROMOTE, **{"step": 1, **other}))

    world = on_hold(story)
    assert len(world.of("ask")) == 1


def test_a_command_of_which_nothing_is_known_leaves_a_line_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(on: Story, desk: Desk) -> None:
        on.world.faults["ask"] = [Unavailable("no answer")]
        with pytest.raises(Unavailable):
            await desk.ask(asked(IntentAction.ROLLBACK))

    with caplog.at_level(logging.INFO, "controller.audit"):
        on_hold(story)
    assert "not known to be written" in caplog.text


def test_nobody_writes_lines_of_their_own_into_the_audit_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(_on: Story, desk: Desk) -> None:
        with pytest.raises(Absent):
            await desk.ask(asked(IntentAction.HOLD, ref=Ref("a", "x\nbob accepted")))

    with caplog.at_level(logging.INFO, "controller.audit"):
        on_hold(story)
    (line,) = [r.getMessage() for r in caplog.records if r.name == "controller.audit"]
    assert "\n" not in line


def test_the_same_key_of_another_person_is_another_command() -> None:
    one = asked(IntentAction.PROMOTE)
    other = asked(IntentAction.PROMOTE, person=Person(name="bob"))
    elsewhere = asked(IntentAction.PROMOTE, ref=Ref("exams", "other"))
    assert len({one.id, other.id, elsewhere.id}) == 3


@pytest.mark.parametrize("action", list(IntentAction))
def test_each_action_needs_its_verb(action: IntentAction) -> None:
    lacking = Rbac({"ada": set(Verb) - {VERBS[action]}})

    async def story(on: Story, desk: Desk) -> None:
        with pytest.raises(Forbidden, match=f"the verb {VERBS[action].value} on canaries"):
            await desk.ask(asked(action))

    world = on_hold(story, lacking)
    assert world.of("ask") == []


def test_whoever_may_not_see_a_canary_is_not_told_whether_it_is_there() -> None:
    async def story(_on: Story, desk: Desk) -> None:
        for ref in (REF, Ref("exams", "none")):
            with pytest.raises(Absent, match="or ada may not see it"):
                await desk.ask(asked(IntentAction.PROMOTE, ref=ref))

    on_hold(story, Rbac({"ada": set()}))


def test_a_canary_that_is_not_there_is_said_to_be_absent() -> None:
    async def story(_on: Story, desk: Desk) -> None:
        with pytest.raises(Absent):
            await desk.ask(asked(IntentAction.PROMOTE, ref=Ref("exams", "none")))

    on_hold(story)


def test_without_an_answer_of_the_api_server_nothing_is_written() -> None:
    async def story(_on: Story, desk: Desk) -> None:
        with pytest.raises(Unavailable):
            await desk.ask(asked(IntentAction.PROMOTE))

    world = on_hold(story, Rbac(away=True))
    assert world.of("ask") == []


def test_a_revision_that_is_gone_is_told_what_runs_now() -> None:
    async def story(_on: Story, desk: Desk) -> None:
        with pytest.raises(Moved, match=r"runs .* \(fingerprint B\) at step 1, not revision C"):
            await desk.ask(asked(IntentAction.PROMOTE, revision="C"))

    world = on_hold(story)
    assert world.of("ask") == []


def test_what_is_not_possible_now_says_when_it_is() -> None:
    async def story(_on: Story, desk: Desk) -> None:
        with pytest.raises(Moved, match=r"retry is not possible while .* is Holding .*RolledBack"):
            await desk.ask(asked(IntentAction.RETRY))

    on_hold(story)


def test_what_is_possible_is_what_the_desk_takes() -> None:
    async def story(on: Story, desk: Desk) -> None:
        scene = on.world.scene(REF)
        assert scene is not None
        allowed = possible(scene)
        assert allowed == tuple(a for a in IntentAction if Phase.HOLDING in POSSIBLE[a])
        for action in set(IntentAction) - set(allowed):
            with pytest.raises(Moved):
                await desk.ask(asked(action))

    on_hold(story)


def test_a_write_of_the_controller_in_between_is_no_obstacle() -> None:
    async def story(on: Story, desk: Desk) -> None:
        on.world.faults["ask"] = [Conflict("moved"), Conflict("moved")]
        receipt = await desk.ask(asked(IntentAction.PROMOTE))
        assert receipt.done is None

    on_hold(story)


def test_a_canary_that_is_written_to_without_end_is_given_up() -> None:
    async def story(on: Story, desk: Desk) -> None:
        on.world.faults["ask"] = [Conflict("moved")] * 100
        with pytest.raises(Stale):
            await desk.ask(asked(IntentAction.PROMOTE))

    on_hold(story)


def test_every_command_leaves_a_line_with_who_from_where_and_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(_on: Story, desk: Desk) -> None:
        await desk.ask(asked(IntentAction.PROMOTE, reason="looked at it"))
        with pytest.raises(Moved):
            await desk.ask(asked(IntentAction.PROMOTE, key="2", revision="C"))

    with caplog.at_level(logging.INFO, "controller.audit"):
        on_hold(story)
    accepted, refused = [r.getMessage() for r in caplog.records if r.name == "controller.audit"]
    assert "promote exams/exam-api by ada via a test (revision B, step None" in accepted
    assert "'looked at it'): accepted" in accepted
    assert "refused: " in refused


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("number", range(12))
def test_a_command_is_carried_out_once_whenever_the_process_dies(number: int, late: bool) -> None:
    world = a_world(policy=LONG)

    async def story(on: Story, desk: Desk) -> None:
        await desk.ask(asked(IntentAction.PROMOTE, step=1))
        world.fatal = (len(world.tried) + number, late)
        await on.wait(timedelta(minutes=1).total_seconds())
        receipt: Receipt = await desk.ask(asked(IntentAction.PROMOTE, step=1))
        assert receipt.done is not None
        await on.wait(30)

    told(world, story, None)
    assert step(world) == 1
    assert [command.action for command in world.table.status.commands] == [IntentAction.PROMOTE]
    assert world.table.intent is None


def test_the_wait_between_tries_does_not_hold_up_the_loop() -> None:
    async def story(on: Story, desk: Desk) -> None:
        on.world.faults["ask"] = [Conflict("moved")] * 3
        waiting = asyncio.create_task(desk.ask(asked(IntentAction.PROMOTE)))
        await asyncio.sleep(0)
        assert not waiting.done()
        await waiting

    on_hold(story)
