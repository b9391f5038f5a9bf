"""What people do in the middle of the demo's story, and after it, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

from controller.cli.policies import parse_policy
from controller.demo import story as demo
from controller.demo.counter import YOU, Everybody
from controller.demo.story import Encore, Story, shortened
from controller.demo.telling import Ending, Line, Shown
from controller.domain.lifecycle import Phase
from controller.domain.records import IntentAction, Ref
from controller.domain.status import Result, Status
from controller.engine.commands import Asked
from controller.simulation.loop import play
from controller.simulation.scenarios import catalogue
from controller.simulation.world import REF

LIMIT_SECONDS = 8000


class Seat:
    """In front of the demo: one person."""

    def __init__(self, *, encore: bool = False, quiet: bool = False) -> None:
        self.shown: list[Shown] = []
        scenario = shortened(catalogue.scenario("incident", parse_policy))
        rest = Encore(rest_seconds=60.0) if encore else None
        self.story = Story(
            scenario, self.shown.append, access=Everybody(), encore=rest, quiet=quiet
        )

    @property
    def status(self) -> Status:
        scene = self.story.view.scene(REF)
        return scene.status if scene is not None else Status()

    @property
    def ending(self) -> Ending | None:
        return next((one for one in self.shown if isinstance(one, Ending)), None)

    async def until(self, holds: Callable[[Status], object]) -> Status:
        for _ in range(LIMIT_SECONDS):
            await asyncio.sleep(1.0)
            self.story.publish()
            if holds(self.status):
                return self.status
        raise AssertionError(f"{self.status.phase.value}: {self.status.message}")

    async def runs(self, template: str, *phases: Phase) -> Status:
        return await self.until(
            lambda status: (
                status.phase in phases
                and status.release is not None
                and status.release.canary.fingerprint == template
            )
        )

    async def ends(self) -> Ending:
        await self.until(lambda _status: self.ending is not None)
        assert self.ending is not None
        return self.ending

    async def ask(self, action: IntentAction, key: str = "k") -> None:
        release = self.status.release
        assert release is not None
        await self.story.ask(
            Asked(
                ref=REF,
                action=action,
                person=YOU,
                via="a test",
                revision=release.canary.fingerprint,
                key=key,
            )
        )


def watched(seat: Seat, visit: Callable[[], Awaitable[None]]) -> None:
    """The story beside what a person does."""

    async def both() -> None:
        playing = asyncio.create_task(seat.story.play())
        visiting = asyncio.ensure_future(visit())
        await asyncio.wait((playing, visiting), return_when=asyncio.FIRST_COMPLETED)
        assert not playing.done(), playing.exception()
        await visiting
        playing.cancel()

    play(both())


def said(seat: Seat, kind: str) -> list[str]:
    return [one.text for one in seat.shown if isinstance(one, Line) and one.kind == kind]


def test_who_rolls_the_good_release_back_is_heard_and_the_story_goes_on() -> None:
    seat = Seat()

    async def visit() -> None:
        await seat.runs(demo.GOOD, Phase.ANALYSING)
        await seat.ask(IntentAction.ROLLBACK)
        ending = await seat.ends()
        assert (ending.by_people, ending.promoted, ending.rolled_back) == (True, False, True)

    watched(seat, visit)
    assert said(seat, "command") == ["demo asked for rollback by a test"]


def test_a_release_that_is_held_and_forgotten_gives_way_to_the_next_one() -> None:
    seat = Seat()

    async def visit() -> None:
        await seat.runs(demo.GOOD, Phase.ANALYSING)
        await seat.ask(IntentAction.HOLD)
        ending = await seat.ends()
        assert (ending.by_people, ending.promoted, ending.rolled_back) == (True, False, True)
        results = [past.result for past in seat.status.history]
        assert results == [Result.SUPERSEDED, Result.ROLLED_BACK]

    watched(seat, visit)


def test_who_promotes_the_bad_release_at_once_sees_it_caught_all_the_same() -> None:
    seat = Seat()

    async def visit() -> None:
        await seat.runs("v42", Phase.ANALYSING)
        await seat.ask(IntentAction.PROMOTE_FULL)
        ending = await seat.ends()
        assert (ending.by_people, ending.promoted, ending.rolled_back) == (True, True, True)

    watched(seat, visit)


def test_after_the_story_releases_wait_for_a_person_one_after_the_other() -> None:
    seat = Seat(encore=True)

    async def visit() -> None:
        ending = await seat.ends()
        assert not ending.by_people
        await seat.runs("v43", Phase.HOLDING)
        await seat.ask(IntentAction.PROMOTE, "one")
        await seat.runs("v43", Phase.PROMOTED)
        await seat.runs("v44", Phase.HOLDING)
        await seat.ask(IntentAction.ROLLBACK, "two")
        await seat.runs("v44", Phase.ROLLED_BACK)
        await seat.runs("v45", Phase.HOLDING)

    watched(seat, visit)
    assert said(seat, "push")[-1] == "v45 is applied to the Deployment"


def test_nothing_is_pushed_while_a_release_waits_for_a_person() -> None:
    seat = Seat(encore=True)

    async def visit() -> None:
        await seat.runs("v43", Phase.HOLDING)
        before = len(said(seat, "push"))
        await asyncio.sleep(1200.0)
        seat.story.publish()
        assert seat.status.phase is Phase.HOLDING
        assert len(said(seat, "push")) == before

    watched(seat, visit)


def test_who_lifts_the_quarantine_of_the_bad_release_sees_it_tried_and_caught_again() -> None:
    seat = Seat(encore=True)

    async def visit() -> None:
        await seat.ends()
        seat.story.push("v42")
        await seat.runs("v42", Phase.QUARANTINED)
        await seat.ask(IntentAction.RETRY)
        await seat.runs("v42", Phase.ANALYSING)
        await seat.runs("v42", Phase.ROLLED_BACK)
        assert seat.status.history[-1].canary.fingerprint == "v42"

    watched(seat, visit)
    assert said(seat, "push")[1:3] == ["v42 is applied to the Deployment"] * 2


def test_who_asks_to_try_the_bad_release_again_at_once_sees_it_come_again() -> None:
    seat = Seat(encore=True)

    async def visit() -> None:
        await seat.ends()
        await seat.ask(IntentAction.RETRY)
        await seat.runs("v42", Phase.ANALYSING)
        await seat.runs("v42", Phase.ROLLED_BACK)
        await seat.runs("v43", Phase.HOLDING)

    watched(seat, visit)
    assert said(seat, "push")[1:3] == ["v42 is applied to the Deployment"] * 2


def test_a_demo_that_is_left_alone_forgets_what_was_told() -> None:
    seat = Seat(encore=True)

    async def visit() -> None:
        await seat.runs("v43", Phase.HOLDING)
        world = seat.story._world
        assert world is not None
        before = 0
        for _ in range(60):
            if len(world.trace.entries) < before:
                return
            before = len(world.trace.entries)
            assert before <= 2 * demo.TRACE_ENTRIES_MAX
            await asyncio.sleep(120.0)
            seat.story.publish()
        raise AssertionError(f"{before} entries are kept")

    watched(seat, visit)


def test_the_other_services_fill_the_list_and_are_told_apart() -> None:
    seat = Seat(encore=True)

    async def visit() -> None:
        await seat.ends()
        mail = Ref("exams", "mail-worker")
        for _ in range(300):
            await asyncio.sleep(1.0)
            seat.story.publish()
            scene = seat.story.view.scene(mail)
            if scene is not None and scene.status.phase is Phase.HOLDING:
                break
        names = [ref.name for ref in seat.story.view.refs()]
        assert names == ["exam-api", "invoices", "mail-worker"]

    watched(seat, visit)
    assert said(seat, "Holding") == [
        "mail-worker: Holding: step 1 waits for approval; the evidence is good"
    ]
