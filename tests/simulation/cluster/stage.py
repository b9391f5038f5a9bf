"""A simulated cluster with one Deployment, its Canary and a process that watches both."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from controller.domain.changes import Change, OptIn, Seed
from controller.domain.policy import Policy
from controller.domain.readings import Reading
from controller.domain.records import Pod, Ref, Workload
from controller.domain.snapshot import Scene
from controller.simulation.cluster import Connection, SimulatedCluster, Timing
from controller.simulation.dice import Dice
from controller.simulation.loop import play
from controller.simulation.pods import SimulatedPod
from controller.simulation.trace import Trace
from controller.simulation.weather import Effect, Kind

REF: Final = Ref("exams", "exam-api")
CALM_SECONDS: Final = 30.0


@dataclass(slots=True)
class Moody:
    """Weather on cue: `faults` befall the next requests, on entering or after they were done."""

    lag_seconds: dict[Kind, float] = field(default_factory=dict)
    faults: dict[int, tuple[BaseException, bool]] = field(default_factory=dict)
    requests: list[Effect] = field(default_factory=list)
    times: int = 1
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    @asynccontextmanager
    async def around(self, effect: Effect) -> AsyncIterator[None]:
        await asyncio.sleep(0.01)
        self.requests.append(effect)
        fault, done = self.faults.get(len(self.requests), (None, False))
        if fault is not None and not done:
            raise fault
        yield
        if fault is not None:
            raise fault

    def watch_seconds(self, kind: Kind) -> float:
        return self.lag_seconds.get(kind, 0.005) * self.dice.uniform(0.9, 1.1)

    def announcements(self) -> int:
        return self.times

    def distorted(self, answer: Reading, about: str = "requests") -> Reading:
        return answer


class Stage:
    """The words of these tests."""

    def __init__(self, seed: int = 1, timing: Timing | None = None) -> None:
        self.trace = Trace()
        self.dice = Dice(seed)
        self.cluster = SimulatedCluster(
            dice=self.dice, trace=self.trace, timing=timing or Timing(start_seconds=2.0)
        )
        self.weather = Moody()
        self.connection: Connection | None = None

    async def settle(
        self,
        replicas: int = 10,
        *,
        surge: int | str = "25%",
        unavailable: int | str = "25%",
        strategy: str = "RollingUpdate",
        opted_in: bool = True,
    ) -> Scene:
        """v1 runs; its Canary is there, and a process that knows it."""
        self.cluster.create_deployment(
            REF, "v1", replicas=replicas, surge=surge, unavailable=unavailable, strategy=strategy
        )
        self.cluster.create_canary(REF, Policy(target=REF.name))
        self.connection = self.cluster.connect("p", self.weather)
        await self.connection.synced.wait()
        if opted_in:
            await self.apply(OptIn(REF.name))
        return await self.calm()

    async def seed(self, pods: int, **shape: object) -> Scene:
        """As settled; v2 was pushed, held and given pods."""
        await self.settle(**shape)  # type: ignore[arg-type]
        self.cluster.apply_template(REF, "v2")
        await self.calm()
        await self.apply(Seed(pods))
        return await self.calm()

    async def apply(self, change: Change, seen: Scene | None = None) -> None:
        await self.port.apply(REF, change, seen or self.scene)

    async def calm(self) -> Scene:
        await asyncio.sleep(CALM_SECONDS)
        return self.scene

    @property
    def port(self) -> Connection:
        assert self.connection is not None, "settle first"
        return self.connection

    @property
    def scene(self) -> Scene:
        scene = self.port.scene(REF)
        assert scene is not None, "the Canary is not there"
        return scene

    @property
    def workload(self) -> Workload:
        assert self.scene.workload is not None, "the Deployment is not there"
        return self.scene.workload

    def wanted(self) -> dict[str, int]:
        """Pods wanted by template, as the cluster has it."""
        return {one.fingerprint: one.replicas for one in self.cluster.shown(REF).sets}

    def ready(self) -> dict[str, int]:
        """Pods Ready by template, as the cluster has it."""
        return {one.fingerprint: one.ready for one in self.cluster.shown(REF).sets}

    def pods(self, template: str) -> list[SimulatedPod]:
        """The pods of a template that stay."""
        pods = self.cluster.pods(REF)
        return [pod for pod in pods if pod.fingerprint == template and not pod.leaving]

    def pod(self, name: str) -> Pod:
        """A pod as the process sees it."""
        return next(pod for pod in self.scene.pods if pod.name == name)


def on_stage(story: Callable[[Stage], Awaitable[None]], seed: int = 1) -> Trace:
    """Play a story; returns what happened in it."""

    async def told() -> Trace:
        stage = Stage(seed)
        await story(stage)
        return stage.trace

    return play(told())
