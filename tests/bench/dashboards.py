"""What open dashboards cost a rollback: crash to PATCH without any, and with 200 of them.

The server, the streams and the decisions share one process and one event loop, as in production;
the browsers have a process of their own. Beside the release that crashes, others change all the
time, so that there is always something to tell. Blocks with and without take turns, because a
machine has better and worse minutes; and beside the time that passed, the work is measured that
the loop's thread did meanwhile, which is the same on an idle and on a busy machine.
"""

import asyncio
import logging
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Final

from fastapi import Request
from prometheus_client import CollectorRegistry

from controller.adapters.http.app import Health, build_app, serve
from controller.adapters.http.doorway import Caller
from controller.adapters.http.live import Live
from controller.adapters.http.pagelive import paint
from controller.adapters.http.stream import build_stream
from controller.adapters.http.stream_hub import LOOK_SECONDS, Hub
from controller.adapters.kube.cluster import KubeCluster
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.engine.course import Course
from controller.engine.journal import Entry
from controller.engine.ports import Person, Verb
from controller.engine.service import Service
from tests.adapters.http.bookshelf import on_trial
from tests.bench._figures import percentile, row
from tests.bench.crash_to_patch import EXAM, Instant, Wall, one_round

DASHBOARDS: Final = 200
BLOCKS: Final = 4
ROUNDS: Final = 20
OTHERS: Final = 10
CHANGES_PER_SECOND: Final = 10.0
OPEN_SECONDS_MAX: Final = 30.0


@dataclass
class Hall:
    """What is shown: the release of the round, and others that change all the time."""

    live: Live | None = None
    others: dict[Ref, Scene] = field(default_factory=dict)
    changes: int = 0

    def now(self) -> datetime:
        return Wall().now()

    def refs(self) -> tuple[Ref, ...]:
        return (*self.others, *(self.live.refs() if self.live else ()))

    def scene(self, ref: Ref) -> Scene | None:
        if ref in self.others:
            return self.others[ref]
        return self.live.scene(ref) if self.live else None

    def entries(self, ref: Ref) -> tuple[Entry, ...]:
        return self.live.entries(ref) if self.live else ()

    def course(self, ref: Ref) -> Course | None:
        return self.live.course(ref) if self.live else None

    @property
    def epoch(self) -> str:
        return self.live.epoch if self.live else "0"

    def since(self, number: int) -> tuple[Entry, ...]:
        return self.live.since(number) if self.live else ()

    def shows(self, cluster: KubeCluster, service: Service) -> None:
        """From now on it is this engine that is shown."""
        self.live = Live(
            cluster=cluster, journal=service.journal, courses=service.courses, clock=Wall()
        )

    async def change(self) -> None:
        """One of the others after the other, until cancelled."""
        shelf, _ = on_trial()
        (scene,) = shelf.scenes.values()
        refs = [Ref("others", f"shop-{number}") for number in range(OTHERS)]
        self.others = {ref: replace(scene, ref=ref) for ref in refs}
        while True:
            await asyncio.sleep(1 / CHANGES_PER_SECOND)
            ref = refs[self.changes % len(refs)]
            self.changes += 1
            status = replace(scene.status, message=f"change {self.changes}")
            self.others[ref] = replace(scene, ref=ref, status=status)


class Crowd:
    """The door of a crowd: each who comes is another one, as people with a dashboard each are."""

    def __init__(self) -> None:
        self._numbers = count(1)

    async def caller(self, request: Request) -> Caller:
        return Caller(person=Person(name=f"ada-{next(self._numbers)}"), via="the bench")


class Everybody:
    """May do everything."""

    async def person(self, token: str) -> Person | None:
        return Person(name="ada")

    async def may(self, person: Person, verb: Verb, namespace: str, name: str = "") -> bool:
        return True


@asynccontextmanager
async def dashboards(port: int, number: int, hub: Hub) -> AsyncIterator[None]:
    """So many open pages within the block; they are still open at its end."""
    names = [str(EXAM), "others/shop-1", "others/shop-2", "others/shop-3"]
    command = ("-m", "tests.bench._browsers", str(port), str(number), ",".join(names))
    child = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(OPEN_SECONDS_MAX):
            for _ in range(number):
                await child.stdout.readline()
        yield
        assert len(hub) == number, f"{len(hub)} of {number} are still open"
    finally:
        child.kill()
        await child.wait()


async def block(hall: Hall, dice: random.Random, rounds: int) -> list[Instant]:
    """Rounds of crash_to_patch, begun at any moment of what the streams do."""
    taken = []
    for _ in range(rounds):
        await asyncio.sleep(dice.random() * 2 * LOOK_SECONDS)
        taken.append(await one_round(hall.shows))
    return taken


async def measure(rounds: int) -> tuple[list[Instant], list[Instant]]:
    """Without and with dashboards."""
    hall, dice = Hall(), random.Random(1)
    hub = Hub(lambda: hall, paint)
    health = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
    stream = build_stream(hub, Crowd(), Everybody())
    app = build_app(health, CollectorRegistry(), stream)
    without: list[Instant] = []
    watched: list[Instant] = []
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(hall.change()), group.create_task(hub.run())]
        async with serve(app, "127.0.0.1", 0, ending=hub.close) as port:
            for _ in range(BLOCKS):
                without += await block(hall, dice, rounds)
                async with dashboards(port, DASHBOARDS, hub):
                    watched += await block(hall, dice, rounds)
        for task in beside:
            task.cancel()
    return without, watched


def main() -> None:
    logging.disable(logging.CRITICAL)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    without, watched = asyncio.run(measure(rounds))
    told("crash to rollback PATCH", [i.at for i in without], [i.at for i in watched])
    told("work in between", [i.worked for i in without], [i.worked for i in watched])


def told(name: str, without: Sequence[float], watched: Sequence[float]) -> None:
    """Percentiles of both, and how they compare."""
    print(row(f"{name}, no dashboard", without))
    print(row(f"{name}, {DASHBOARDS} dashboards", watched))
    for share in (0.5, 0.95):
        ratio = percentile(watched, share) / percentile(without, share)
        print(f"  p{share * 100:g} is {ratio:.2f} of that without")


if __name__ == "__main__":
    main()
