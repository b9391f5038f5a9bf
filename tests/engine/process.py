"""The controller's process over a world: the real engine, started anew whenever it crashed."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from controller.domain.status import Result
from controller.engine.service import Hooks, Ports, Service, assemble
from tests.engine.world import CrashNow, World

STORY_LIMIT_SECONDS: Final = 3600
RESTART_SECONDS: Final = 1.0


@dataclass
class Observed:
    """What would be metrics of the controller."""

    results: list[Result] = field(default_factory=list)
    rollbacks_sent: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def released(self, result: Result, cause: str) -> None:
        self.results.append(result)

    def rollback_sent(self, seconds: float) -> None:
        self.rollbacks_sent.append(seconds)


def assembled(world: World, group: asyncio.TaskGroup, observed: Observed) -> Service:
    ports = Ports(cluster=world, metrics=world, notifier=world, clock=world, dice=random.Random(7))
    return assemble(ports, Hooks(observer=observed, failed=observed.failures.append), group)


async def serve(world: World, observed: Observed) -> None:
    """One life of the process."""
    async with asyncio.TaskGroup() as group:
        assembled(world, group, observed).start(group)


async def supervise(world: World, observed: Observed) -> None:
    """A new process after each crash, as Kubernetes does it; a bug of ours ends the story."""
    while True:
        try:
            await serve(world, observed)
        except* CrashNow:
            world.processes_lost += 1
        await asyncio.sleep(RESTART_SECONDS)


@dataclass
class Story:
    """A world with a controller in it."""

    world: World
    observed: Observed

    async def until(self, holds: Callable[[], object]) -> None:
        """Let time pass until something holds."""
        async with asyncio.timeout(STORY_LIMIT_SECONDS):
            while not holds():  # noqa: ASYNC110 - the story's own time, which jumps
                await asyncio.sleep(0.1)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@asynccontextmanager
async def running(world: World) -> AsyncIterator[Story]:
    """The world lives and the controller runs, until the story is told."""
    story = Story(world, Observed())
    failed: list[BaseException] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(world.live()),
                group.create_task(supervise(world, story.observed)),
            ]
            yield story
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        failed.extend(errors.exceptions)
    if failed:
        raise failed[0]
