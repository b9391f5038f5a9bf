"""The controller's process over a world: the real engine, started anew whenever it crashed."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from controller.domain.status import Result
from controller.engine.courier import Courier
from controller.engine.journal import Journal
from controller.engine.lastwords import LastWords
from controller.engine.looks import Looks
from controller.engine.loop import Loop
from controller.engine.queue import Queue
from controller.engine.reconciler import Reconciler
from controller.engine.tasks import Errands
from tests.engine.world import CrashNow, World

LOOK_INTERVAL: Final = timedelta(seconds=5)
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


@dataclass(frozen=True)
class Process:
    """The parts of one engine, wired as the composition root does it."""

    reconciler: Reconciler
    loop: Loop
    courier: Courier
    queue: Queue


def assemble(world: World, group: asyncio.TaskGroup, observed: Observed) -> Process:
    queue = Queue(dice=random.Random(7))
    errands = Errands(group)
    courier = Courier(world, again=queue.add)
    reconciler = Reconciler(
        cluster=world,
        looks=Looks(
            metrics=world, clock=world, interval=LOOK_INTERVAL, errands=errands, again=queue.add
        ),
        last_words=LastWords(cluster=world, errands=errands, again=queue.add),
        courier=courier,
        journal=Journal(),
        clock=world,
        errands=errands,
        observer=observed,
    )
    loop = Loop(cluster=world, reconciler=reconciler, queue=queue, failed=observed.failures.append)
    return Process(reconciler, loop, courier, queue)


async def serve(world: World, observed: Observed) -> None:
    """One life of the process."""
    async with asyncio.TaskGroup() as group:
        process = assemble(world, group, observed)
        group.create_task(process.loop.run())
        group.create_task(process.courier.run())


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
