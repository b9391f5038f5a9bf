"""One release of template B over A, from the push to its end."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from controller.domain.lifecycle import Phase
from controller.domain.policy import Policy, Share, Step
from controller.simulation.loop import play
from tests.domain.tabletop import POLICY, REF, Table
from tests.engine.process import Story, running
from tests.engine.world import Town, World

BRIEF: Final = replace(
    POLICY,
    steps=(Step(canary=Share(pods=1), min_duration=timedelta(seconds=10)),),
    bake=timedelta(seconds=10),
)


def a_town(*doomed: str, policy: Policy = BRIEF) -> Town:
    """Ten pods of template A; the pods of `doomed` templates die as long as they serve."""
    return Town(Table(policy=policy), doomed=set(doomed))


def a_world(*doomed: str, policy: Policy = BRIEF) -> World:
    """One town."""
    return World(towns={REF: a_town(*doomed, policy=policy)})


async def push(story: Story) -> None:
    """Apply template B once the Canary watches."""
    world = story.world
    await story.until(lambda: world.table.status.stable and world.table.label)
    world.push("B")


async def release(world: World, end: Phase) -> Story:
    """Push, and wait until the release is over and everything was said."""
    async with running(world) as story:
        await push(story)
        status = lambda: world.table.status  # noqa: E731
        await story.until(lambda: status().phase is end and not status().outbox)
        await story.wait(3)
    return story


def released(
    doomed: Iterable[str], end: Phase, fatal: tuple[int, bool] | None = None
) -> tuple[World, Story]:
    """A whole release, played; the process is lost at the effect `fatal` says."""
    world = a_world(*doomed)
    world.fatal = fatal
    return world, play(release(world, end))
