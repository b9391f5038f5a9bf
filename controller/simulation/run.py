"""One scenario played from the push of a release to its end."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from controller.domain.lifecycle import AT_REST, UNDER_ANALYSIS, Phase
from controller.domain.records import Intent, IntentAction
from controller.domain.status import Status
from controller.simulation.loop import play
from controller.simulation.outcome import Milestone, Outcome
from controller.simulation.scenario import Ending, Scenario
from controller.simulation.trace import Befell, Committed, Did, Died, Shown, Trace
from controller.simulation.world import REF, STABLE, BodyMaker, SkyMaker, Visitor, World, opened

WATCH_SECONDS: Final = 2.0
SETTLE_SECONDS: Final = 20.0
SETTLE_SECONDS_MAX: Final = 900.0
HELD_SECONDS: Final = 120.0
"""A release that has waited for a person for so long counts as held."""
TAIL_SECONDS: Final = 20.0
"""What follows the end: the last pods stop, the last notices go out."""
TAIL_SECONDS_MAX: Final = 600.0

ENDINGS: Final = {
    Phase.ROLLED_BACK: Ending.ROLLED_BACK,
    Phase.PROMOTED: Ending.PROMOTED,
    Phase.HOLDING: Ending.HELD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one run, and everything that happened in it."""

    outcome: Outcome
    trace: Trace
    pushed_at: float


def play_scenario(
    scenario: Scenario,
    seed: int,
    *,
    with_controller: bool = True,
    sky: SkyMaker | None = None,
    make: BodyMaker | None = None,
    visitor: Visitor | None = None,
) -> Run:
    """The same scenario and seed give the same run, byte for byte."""
    return play(_play(scenario, seed, with_controller, sky, make, visitor))


async def _play(
    scenario: Scenario,
    seed: int,
    with_controller: bool,  # noqa: FBT001 - private
    sky: SkyMaker | None,
    make: BodyMaker | None,
    visitor: Visitor | None,
) -> Run:
    async with opened(
        scenario, seed, sky=sky, with_controller=with_controller, make=make, visitor=visitor
    ) as world:
        progress = Progress(world)
        if with_controller:
            await _until(progress.is_watched, SETTLE_SECONDS_MAX)
        await asyncio.sleep(SETTLE_SECONDS)
        world.push()
        if with_controller:
            await _until(progress.is_over, scenario.limit_seconds)
        end = progress.end()
        if scenario.canary_defects and end.ending is not Ending.ROLLED_BACK:
            await _people_roll_back(world, progress)
        await asyncio.sleep(TAIL_SECONDS)
        await _until(progress.is_quiet, TAIL_SECONDS_MAX)
        return Run(
            outcome=_outcome(world, progress, end),
            trace=world.trace,
            pushed_at=progress.pushed_at,
        )


async def _until(holds: Callable[[], bool], limit_seconds: float) -> None:
    """Let time pass until something holds, or the limit."""
    loop = asyncio.get_running_loop()
    end = loop.time() + limit_seconds
    while loop.time() < end and not holds():  # noqa: ASYNC110 - virtual time, and no single event
        await asyncio.sleep(WATCH_SECONDS)


async def _people_roll_back(world: World, progress: "Progress") -> None:
    """What people do about a bad release that still runs, when they have noticed."""
    if not world.scenario.people_seconds:
        return
    await asyncio.sleep(max(0.0, world.scenario.people_seconds + progress.pushed_at - world.now))
    world.did("rolled back", STABLE)
    progress.read()
    if progress.status.phase in UNDER_ANALYSIS:
        command = Intent(action=IntentAction.ROLLBACK, id="people", by="people")
        world.cluster.command(REF, command)
    else:
        world.cluster.apply_template(REF, STABLE)
    await asyncio.sleep(TAIL_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How the release ended, before people did what the controller had not. See Outcome."""

    ending: Ending | None
    reason: str
    decided_at: float | None
    ended_at: float | None


class Progress:
    """How far a run is, read from its trace as it grows."""

    def __init__(self, world: World) -> None:
        self.status = Status()
        self.shown: Shown | None = None
        self.phases: list[tuple[float, Status]] = []
        self._world = world
        self._position = 0

    @property
    def pushed_at(self) -> float:
        """Seconds of the run; 0 before the push."""
        return self._world.pushed_at or 0.0

    def read(self) -> None:
        """Take in what happened since."""
        entries = self._world.trace.entries
        for entry in entries[self._position :]:
            if isinstance(entry, Shown):
                self.shown = entry
            elif isinstance(entry, Committed):
                if entry.status.phase is not self.status.phase:
                    self.phases.append((entry.at, entry.status))
                self.status = entry.status
        self._position = len(entries)

    def is_watched(self) -> bool:
        """Whether the Canary is ready for a release."""
        self.read()
        opted_in = self.shown is not None and self.shown.opted_in is not None
        return self.status.stable is not None and opted_in

    def is_over(self) -> bool:
        """Whether the release has ended, or waits for a person for good."""
        self.read()
        if self.status.phase is Phase.HOLDING:
            return self._world.now - self.phases[-1][0] >= HELD_SECONDS
        return self.status.phase in AT_REST and self.status.phase is not Phase.IDLE

    def end(self) -> End:
        """How the release has ended by now."""
        self.read()
        over = {Phase.ROLLED_BACK, Phase.PROMOTED, Phase.HOLDING}
        ending = ENDINGS.get(self.status.phase)
        return End(
            ending=ending,
            reason=self._reason(),
            decided_at=self.entered(Phase.ROLLING_BACK),
            ended_at=self.entered(*over) if ending is not None else None,
        )

    def _reason(self) -> str:
        """Why, in the words that people were told."""
        for _, status in reversed(self.phases):
            if status.phase is Phase.ROLLING_BACK and status.release is not None:
                return status.release.cause or status.message
        return self.status.message

    def is_quiet(self) -> bool:
        """Whether every notice went out, and the rollout, if there is one, is complete."""
        self.read()
        shown = self.shown
        settled = shown is not None and (shown.paused or _is_complete(shown))
        return settled and not self.status.outbox

    def entered(self, *phases: Phase) -> float | None:
        """When the release first came into one of these phases, in seconds after the push."""
        times = (at for at, status in self.phases if status.phase in phases)
        first = next((at for at in times if at >= self.pushed_at), None)
        return None if first is None else first - self.pushed_at


def _is_complete(shown: Shown) -> bool:
    return all(
        one.ready == one.replicas == (shown.replicas if one.fingerprint == shown.template else 0)
        for one in shown.sets
    )


def _outcome(world: World, progress: Progress, end: End) -> Outcome:
    load = world.load
    return Outcome(
        scenario=world.scenario.name,
        seed=world.dice.seed,
        ending=end.ending,
        reason=end.reason,
        harmed_at=load.harmed_at,
        decided_at=end.decided_at,
        ended_at=end.ended_at,
        lasted_seconds=world.now - progress.pushed_at,
        requests=load.requests,
        failed=load.failed,
        failed_extra=load.failed_extra,
        crashes=load.crashes,
        moments=load.moments(),
        milestones=tuple(milestones(world.trace, progress.pushed_at)),
    )


def milestones(trace: Trace, pushed_at: float) -> Iterator[Milestone]:
    """What people would want to know of a run, in order."""
    phase = Phase.IDLE
    for entry in trace:
        if entry.at < pushed_at:
            continue
        if isinstance(entry, Committed) and entry.status.phase is not phase:
            phase = entry.status.phase
            words = f"{phase.value}: {entry.status.message}"
        elif isinstance(entry, Died):
            words = f"{entry.pod} died: {entry.reason}"
        elif isinstance(entry, Did):
            words = f"{entry.who} {entry.what} {entry.detail}".rstrip()
        elif isinstance(entry, Befell):
            words = f"{entry.process}: {entry.fault} {entry.detail}".rstrip()
        else:
            continue
        yield Milestone(at=entry.at - pushed_at, what=words)
