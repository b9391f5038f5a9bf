"""The engine put together: the same in production, in tests, in the demo and in simulations."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from controller.domain.records import Ref
from controller.domain.status import Status
from controller.engine.courier import Courier, Couriers
from controller.engine.course import Courses
from controller.engine.journal import Entry, Journal
from controller.engine.lastwords import LastWords
from controller.engine.looks import Looks
from controller.engine.loop import Loop
from controller.engine.mounts import MountLooks
from controller.engine.ports import Clock, Cluster, Metrics, Notifier
from controller.engine.queue import Queue
from controller.engine.reconciler import Observer, Reconciler
from controller.engine.tasks import Errands

LOOK_INTERVAL: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The outside, as the engine sees it. `dice` only spread pauses; no decision is thrown.

    `others` are told of all that `notifier` is told of, each at its own pace.
    """

    cluster: Cluster
    metrics: Metrics
    notifier: Notifier
    clock: Clock
    dice: random.Random
    others: tuple[Notifier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Who is told what the engine does: counts, and the context of log lines."""

    observer: Observer
    noticed: Callable[[str], None] = lambda _result: None
    failed: Callable[[str], None] = lambda _kind: None
    visiting: Callable[[Ref], AbstractContextManager[None]] = lambda _ref: nullcontext()
    context: Callable[[Ref, Status], None] = lambda _ref, _status: None
    kept: Callable[[Entry], None] = lambda _entry: None
    weighed: Callable[[float], None] = lambda _age_seconds: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a process remembers for people to see, whoever acts. Nothing is decided by it."""

    journal: Journal
    courses: Courses


def memory_of(clock: Clock, kept: Callable[[Entry], None]) -> Memory:
    """An empty one, numbered apart from that of every other process."""
    journal = Journal(epoch=f"{clock.now():%Y%m%dT%H%M%S%f}", kept=kept)
    return Memory(journal=journal, courses=Courses())


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One engine. `start` sets it going in the task group that it was assembled for."""

    queue: Queue
    courier: Couriers
    memory: Memory
    reconciler: Reconciler
    loop: Loop

    @property
    def journal(self) -> Journal:
        return self.memory.journal

    @property
    def courses(self) -> Courses:
        return self.memory.courses

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run until the group is cancelled."""
        group.create_task(self.loop.run(), name="loop")
        group.create_task(self.courier.run(), name="courier")
        group.create_task(self.reconciler.looks.run(), name="looks")


def assemble(
    ports: Ports,
    hooks: Hooks,
    group: asyncio.TaskGroup,
    *,
    look_interval: timedelta = LOOK_INTERVAL,
    workers: int = 4,
    memory: Memory | None = None,
) -> Service:
    """Every part of the engine, wired; work beside the decisions runs in `group`."""
    queue = Queue(dice=ports.dice)
    memory = memory or memory_of(ports.clock, hooks.kept)
    looks = Looks(
        metrics=ports.metrics,
        clock=ports.clock,
        interval=look_interval,
        errands=(errands := Errands(group)),
        scene=ports.cluster.scene,
        again=queue.add,
        due=Queue(dice=ports.dice),
    )
    reconciler = Reconciler(
        cluster=ports.cluster,
        looks=looks,
        last_words=LastWords(cluster=ports.cluster, errands=errands, again=queue.add),
        mounts=_mount_looks(ports, errands, queue),
        courier=(courier := _couriers(ports, hooks, queue)),
        journal=memory.journal,
        courses=memory.courses,
        clock=ports.clock,
        errands=errands,
        observer=hooks.observer,
        context=hooks.context,
        weighed=hooks.weighed,
    )
    loop = Loop(
        cluster=ports.cluster,
        reconciler=reconciler,
        queue=queue,
        workers=workers,
        failed=hooks.failed,
        visiting=hooks.visiting,
    )
    return Service(queue=queue, courier=courier, memory=memory, reconciler=reconciler, loop=loop)


def _mount_looks(ports: Ports, errands: Errands, queue: Queue) -> MountLooks:
    return MountLooks(
        cluster=ports.cluster,
        clock=ports.clock,
        errands=errands,
        again=queue.add,
        later=queue.add_after,
    )


def _couriers(ports: Ports, hooks: Hooks, queue: Queue) -> Couriers:
    return Couriers(
        tuple(
            Courier(notifier, again=queue.add, dice=ports.dice, count=hooks.noticed)
            for notifier in (ports.notifier, *ports.others)
        )
    )
