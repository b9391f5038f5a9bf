"""What the demo plays, in virtual time: a good release is promoted, the incident's is caught.

After that the service lives on, and releases come that wait for a person.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from controller.demo.company import join
from controller.demo.telling import Ending, Line, Narrator, Shown
from controller.demo.view import View
from controller.domain.lifecycle import AT_REST, Phase
from controller.domain.policy import Policy, Share, Step
from controller.domain.records import IntentAction
from controller.domain.status import Result, Status
from controller.engine.commands import Asked, Desk, Receipt
from controller.engine.ports import Access, Unavailable
from controller.engine.service import Service
from controller.simulation.clock import instant
from controller.simulation.run import Progress
from controller.simulation.scenario import Scenario
from controller.simulation.world import CANARY, REF, World, opened

GOOD: Final = "v41.1"
FIRST_ENCORE: Final = 43
PAUSE_SECONDS: Final = 8.0
# For a release that nobody touches; after it the story goes on, whatever became of it.
LIMIT_SECONDS: Final = 1800.0
WATCH_SECONDS: Final = 0.5
# Some 20 MB: each read of the metrics is in it.
TRACE_ENTRIES_MAX: Final = 2_000
SEED: Final = 11
"""A day whose times are near the median of many."""

# Shorter than the defaults, so that nobody has to watch for ten minutes that nothing happens.
STEPS: Final = (
    Step(canary=Share(pods=1), min_duration=timedelta(seconds=30)),
    Step(canary=Share(percent=25), min_duration=timedelta(seconds=20)),
    Step(canary=Share(percent=50), min_duration=timedelta(seconds=20)),
)
BAKE: Final = timedelta(seconds=40)


def shortened(scenario: Scenario) -> Scenario:
    """The scenario with the demo's shorter steps."""
    policy: Policy = replace(scenario.policy, steps=STEPS, bake=BAKE)
    return replace(scenario, policy=policy)


def asking(policy: Policy) -> Policy:
    """The policy with a last step that waits for a person."""
    *others, last = policy.steps
    return replace(policy, steps=(*others, replace(last, approval=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Encore:
    """What comes after the story: a release that waits for a person, `rest_seconds` after the last.

    The seconds are of the story, as all of its times are.
    """

    rest_seconds: float


class Story:
    """The world with its story. Lives on one virtual loop; `show` gets what is to be seen.

    `view` is replaced, never changed: another thread may read it at any time. `encore` None: the
    world lives on, and nothing is pushed any more. `quiet`: there is no story, only the world.
    """

    def __init__(
        self,
        scenario: Scenario,
        show: Callable[[Shown], None],
        *,
        access: Access,
        encore: Encore | None = None,
        quiet: bool = False,
    ) -> None:
        self.view = View(instant(0.0))
        self._scenario = scenario
        self._show = show
        self._access = access
        self._encore = encore
        self._quiet = quiet
        self._world: World | None = None
        self._told = Narrator(show)
        # Every demo begins at the same instant: a browser has to tell one from the next.
        self._edition = secrets.token_hex(4)

    async def play(self) -> None:
        """From a quiet service to the end of the second release; then the world lives on."""
        async with opened(self._scenario, SEED) as world:
            self._world = world
            progress = Progress(world)
            await _until(progress.is_watched)
            self._say("start", "exam-api runs v41 on 10 pods; its Canary watches")
            if not self._quiet:
                await self._tell(world, progress)
            await self._go_on(world)

    async def _tell(self, world: World, progress: Progress) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        promoted = await self._release(progress, GOOD)
        await asyncio.sleep(PAUSE_SECONDS)
        rolled_back = await self._release(progress, CANARY)
        await asyncio.sleep(PAUSE_SECONDS)
        self.publish()
        progress.read()
        self._show(_ending(world, progress, (promoted, rolled_back)))

    async def _release(self, progress: Progress, template: str) -> Result | None:
        """Push a template, and wait for what becomes of it; None: it is still held."""
        world = self._the_world
        pushed_at = instant(world.now)
        world.push(template)

        def result() -> Result | None:
            progress.read()
            history = reversed(progress.status.history)
            mine = (past for past in history if past.canary.fingerprint == template)
            return next((past.result for past in mine if past.ended_at >= pushed_at), None)

        def is_left_alone() -> bool:
            """Nobody has to wait for a person who has not said anything yet."""
            return progress.status.phase is Phase.HOLDING and not progress.status.commands

        await _until(lambda: result() is not None or is_left_alone())
        return result()

    async def _go_on(self, world: World) -> None:
        """One release after the other, each pushed when the last one is over."""
        if self._encore is None:
            await asyncio.Event().wait()
            return
        world.cluster.set_policy(REF, asking(self._scenario.policy))
        async with asyncio.TaskGroup() as group:
            group.create_task(join(world))
            await self._release_on(world, self._encore.rest_seconds)

    async def _release_on(self, world: World, rest_seconds: float) -> None:
        number = FIRST_ENCORE
        while True:
            again = await self._rest(rest_seconds)
            if again != world.cluster.shown(REF).template:
                world.push(again or f"v{number}")
            number += not again
            await asyncio.sleep(PAUSE_SECONDS)

    async def _rest(self, seconds: float) -> str:
        """Until nothing was released for so long: "", or the template to be tried again."""
        world, rested, before = self._the_world, 0.0, self._told.status(REF)
        while rested < seconds:
            await asyncio.sleep(WATCH_SECONDS)
            status = self._told.status(REF)
            again = _retried(before, status)
            if again:
                return again
            before = status
            rested = rested + WATCH_SECONDS if status.phase in AT_REST else 0.0
            if len(world.trace.entries) > TRACE_ENTRIES_MAX:
                self._told.forget(world.trace)
        return ""

    async def ask(self, asked: Asked) -> Receipt:
        """Take a person's command. Raises what the desk does."""
        service = self._service
        if service is None:
            raise Unavailable("the demo's controller is not running yet")
        return await Desk(service.reconciler.cluster, self._access).ask(asked)

    def push(self, template: str) -> None:
        """Somebody applies a release out of turn, with a last step that waits for a person."""
        world = self._the_world
        world.cluster.set_policy(REF, asking(self._scenario.policy))
        world.push(template)

    def publish(self) -> None:
        """Make visible what happened since."""
        world, service = self._world, self._service
        if world is None:
            return
        self._told.catch_up(world.trace)
        if service is None:
            return
        cluster = service.reconciler.cluster
        # The story's own comes first: the terminal shows that one.
        refs = sorted(cluster.refs(), key=lambda ref: (ref != REF, ref))
        scenes = (cluster.scene(ref) for ref in refs)
        courses = ((ref, service.courses.of(ref)) for ref in refs)
        self.view = View(
            at=instant(world.now),
            scenes=tuple(scene for scene in scenes if scene is not None),
            journal=service.journal.since(0),
            courses=tuple((ref, course) for ref, course in courses if course is not None),
            epoch=f"{service.journal.epoch}{self._edition}",
        )

    @property
    def _the_world(self) -> World:
        assert self._world is not None, "the story has begun"
        return self._world

    @property
    def _service(self) -> Service | None:
        controller = self._world.controller if self._world is not None else None
        return controller.service if controller is not None else None

    def _say(self, kind: str, text: str) -> None:
        self._show(Line(at=self._the_world.now, kind=kind, text=text))


async def _until(holds: Callable[[], bool]) -> None:
    """Let time pass until something holds, or the limit."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LIMIT_SECONDS
    while loop.time() < end and not holds():  # noqa: ASYNC110 - virtual time, and no single event
        await asyncio.sleep(WATCH_SECONDS)


def _retried(before: Status, after: Status) -> str:
    """The template whose quarantine a person has lifted; "": none."""
    known = {command.id for command in before.commands}
    news = (command for command in after.commands if command.id not in known)
    if not any(command.taken and command.action is IntentAction.RETRY for command in news):
        return ""
    still = {rejected.fingerprint for rejected in after.rejected}
    return next((r.fingerprint for r in before.rejected if r.fingerprint not in still), "")


def _ending(
    world: World, progress: Progress, results: tuple[Result | None, Result | None]
) -> Ending:
    end = progress.end()
    return Ending(
        promoted=results[0] is Result.PROMOTED,
        rolled_back=results[1] is Result.ROLLED_BACK,
        by_people=bool(progress.status.commands),
        failed=world.load.failed_extra,
        crashes=world.load.crashes,
        decided_seconds=end.decided_at,
        done_seconds=end.ended_at,
    )
