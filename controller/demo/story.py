"""What the demo plays, in virtual time: a good release is promoted, the incident's is caught."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from controller.domain.lifecycle import Phase
from controller.domain.policy import Policy, Share, Step
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Notice, Status
from controller.engine.journal import Entry
from controller.simulation.clock import instant
from controller.simulation.run import Progress
from controller.simulation.scenario import Scenario
from controller.simulation.trace import Committed, Did, Died, Trace
from controller.simulation.trace import Told as Delivered
from controller.simulation.world import CANARY, REF, World, opened

GOOD: Final = "v41.1"
PAUSE_SECONDS: Final = 8.0
LIMIT_SECONDS: Final = 1800.0
WATCH_SECONDS: Final = 0.5
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


@dataclass(frozen=True, slots=True)
class View:
    """The releases at one instant, for the API and the page; nothing in it changes."""

    at: datetime
    scenes: tuple[Scene, ...] = ()
    journal: tuple[Entry, ...] = ()

    def now(self) -> datetime:
        return self.at

    def refs(self) -> tuple[Ref, ...]:
        return tuple(scene.ref for scene in self.scenes)

    def scene(self, ref: Ref) -> Scene | None:
        return next((scene for scene in self.scenes if scene.ref == ref), None)

    def entries(self, ref: Ref) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.journal if entry.ref == ref)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something to be shown: at which second of the story, and of what kind."""

    at: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """People are told: what would go to Slack."""

    at: float
    ref: Ref
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the story ended. Seconds count from the push of the bad release."""

    promoted: bool
    rolled_back: bool
    failed: int
    crashes: int
    decided_seconds: float | None
    done_seconds: float | None


Shown = Line | Told | Ending


class Story:
    """The world with its story. Lives on one virtual loop; `show` gets what is to be seen.

    `view` is replaced, never changed: another thread may read it at any time.
    """

    def __init__(self, scenario: Scenario, show: Callable[[Shown], None]) -> None:
        self.view = View(instant(0.0))
        self._scenario = scenario
        self._show = show
        self._world: World | None = None
        self._told = Narrator(show)

    async def play(self) -> None:
        """From a quiet service to the end of the second release; then the world lives on."""
        async with opened(self._scenario, SEED) as world:
            self._world = world
            progress = Progress(world)
            await _until(progress.is_watched)
            self._say("start", "exam-api runs v41 on 10 pods; its Canary watches")
            await asyncio.sleep(PAUSE_SECONDS)
            world.push(GOOD)
            await _until(lambda: _ended(progress))
            promoted = progress.status.phase is Phase.PROMOTED
            await asyncio.sleep(PAUSE_SECONDS)
            world.push(CANARY)
            await _until(lambda: _ended(progress, after=Phase.PROMOTED))
            await asyncio.sleep(PAUSE_SECONDS)
            self.publish()
            self._show(_ending(world, progress, promoted=promoted))
            await asyncio.Event().wait()

    def publish(self) -> None:
        """Make visible what happened since."""
        world = self._world
        if world is None:
            return
        self._told.catch_up(world.trace)
        service = world.controller.service if world.controller is not None else None
        if service is None:
            return
        scene = service.reconciler.cluster.scene(REF)
        journal = service.journal.of(REF)
        self.view = View(instant(world.now), (scene,) if scene is not None else (), journal)

    def _say(self, kind: str, text: str) -> None:
        assert self._world is not None
        self._show(Line(at=self._world.now, kind=kind, text=text))


class Narrator:
    """Tells in plain words what a trace says, as it grows."""

    def __init__(self, show: Callable[[Shown], None]) -> None:
        self._show = show
        self._position = 0
        self._status = Status()

    def catch_up(self, trace: Trace) -> None:
        """Tell what is new."""
        for entry in trace.entries[self._position :]:
            if isinstance(entry, Did):
                self._line(entry.at, "push", f"{entry.detail} is applied to the Deployment")
            elif isinstance(entry, Died):
                self._line(entry.at, "crash", f"{entry.pod} died ({entry.reason})")
            elif isinstance(entry, Committed):
                self._committed(entry)
            elif isinstance(entry, Delivered):
                self._show(Told(at=entry.at, ref=entry.ref, notice=entry.notice))
        self._position = len(trace.entries)

    def _committed(self, entry: Committed) -> None:
        before, after = self._status, entry.status
        self._status = after
        steps = [status.release.step if status.release else 0 for status in (before, after)]
        if before.phase is not after.phase or steps[0] != steps[1]:
            self._line(entry.at, after.phase.value, after.message)

    def _line(self, at: float, kind: str, text: str) -> None:
        self._show(Line(at=at, kind=kind, text=text))


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not holds():  # noqa: ASYNC110 - virtual time, and no single event
            await asyncio.sleep(WATCH_SECONDS)


def _ended(progress: Progress, after: Phase = Phase.IDLE) -> bool:
    progress.read()
    over = {Phase.PROMOTED, Phase.ROLLED_BACK, Phase.HOLDING} - {after}
    return progress.status.phase in over


def _ending(world: World, progress: Progress, *, promoted: bool) -> Ending:
    end = progress.end()
    return Ending(
        promoted=promoted,
        rolled_back=progress.status.phase is Phase.ROLLED_BACK,
        failed=world.load.failed_extra,
        crashes=world.load.crashes,
        decided_seconds=end.decided_at,
        done_seconds=end.ended_at,
    )
