"""One run's world: the shop, its users, what befalls it, and the controller that watches."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from controller.domain.records import Ref
from controller.simulation.cluster import SimulatedCluster, Timing
from controller.simulation.dice import Dice
from controller.simulation.load.load import Load
from controller.simulation.load.metrics import SimulatedMetrics
from controller.simulation.notices import SimulatedNotifier
from controller.simulation.outages import Outages, WithOutages
from controller.simulation.process import Body, Supervisor
from controller.simulation.scenario import Away, Drain, Part, Scale, Scenario
from controller.simulation.trace import Befell, Did, Trace
from controller.simulation.weather import ClearSky, Sky

REF: Final = Ref("exams", "exam-api")
"""The Canary, and the Deployment of the same name."""
STABLE: Final = "v41"
CANARY: Final = "v42"
"""The templates of a run. Any other that is pushed has no defects."""

SYNC_SECONDS: Final = ((0.001, 0.004), (0.005, 0.03))
"""The deployment controller of a run is faster than our next write, or slower: both are real."""

BodyMaker = Callable[["World", str, Sky], Body]
SkyMaker = Callable[[Dice, Trace], Sky]
Visitor = Callable[["World"], Coroutine[Any, Any, None]]


class World:
    """Everything in one run. Made inside a running loop, by `opened`."""

    def __init__(self, scenario: Scenario, seed: int, sky: SkyMaker | None) -> None:
        self.scenario = scenario
        self.dice = Dice(seed)
        self.trace = Trace()
        self.sky: Sky = sky(self.dice, self.trace) if sky else ClearSky(self.dice)
        self.outages = Outages(tuple(d for d in scenario.disturbances if isinstance(d, Away)))
        self.pushed_at: float | None = None
        shop = scenario.shop
        self.cluster = SimulatedCluster(
            dice=self.dice,
            trace=self.trace,
            timing=Timing(
                start_seconds=shop.start_seconds,
                sync_seconds=self.dice.stream("timing").choice(SYNC_SECONDS),
            ),
        )
        self.load = Load(
            scenario, self.cluster, REF, self.dice, stable_template=STABLE, canary_template=CANARY
        )
        self.cluster.create_deployment(
            REF,
            STABLE,
            replicas=shop.replicas,
            surge=shop.surge,
            unavailable=shop.unavailable,
            age_seconds=shop.pods_age_seconds,
        )
        self.controller: Supervisor | None = None

    @property
    def now(self) -> float:
        """Seconds of the run."""
        return asyncio.get_running_loop().time()

    def watched(self, make: BodyMaker | None = None) -> Supervisor:
        """Create the Canary, and a controller for it."""
        self.cluster.create_canary(REF, self.scenario.policy)
        self.controller = self._supervisor("controller", make or body)
        return self.controller

    def _supervisor(self, name: str, make: BodyMaker) -> Supervisor:
        return Supervisor(
            name=name,
            make=lambda process: make(self, process, self.sky),
            dice=self.dice,
            trace=self.trace,
        )

    def push(self, template: str = CANARY) -> None:
        """Somebody applies another template; from the canary's on, disturbances count."""
        if template == CANARY and self.pushed_at is None:
            self.pushed_at = self.outages.pushed_at = self.now
            self.load.pushed(self.now)
            self._plan_disturbances()
        self.did("pushed", template)
        self.cluster.apply_template(REF, template)

    def did(self, what: str, detail: str = "") -> None:
        """A person or a tool did something."""
        self.trace.add(Did(at=self.now, who="person", what=what, detail=detail))

    def _plan_disturbances(self) -> None:
        loop = asyncio.get_running_loop()
        for one in self.scenario.disturbances:
            if isinstance(one, Scale):
                loop.call_later(one.at, self._scale, one.replicas)
            elif isinstance(one, Drain):
                loop.call_later(one.at, self._drain, one.seconds)
            elif isinstance(one, Away) and one.part is Part.CONTROLLER:
                loop.call_later(one.at, self._kill, one.seconds)

    def _scale(self, replicas: int) -> None:
        self.did("scaled to", str(replicas))
        self.cluster.set_replicas(REF, replicas)

    def _drain(self, seconds: float) -> None:
        pods = [pod for pod in self.cluster.pods(REF) if not pod.leaving]
        pods.sort(key=lambda pod: pod.fingerprint != CANARY)  # keeps their order otherwise
        node = self.cluster.disruptions.node_of(pods[0]) if pods else ""
        if node:
            self.did("drained", node)
            self.cluster.disruptions.drain(node)
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, self.cluster.disruptions.uncordon, node)

    def _kill(self, seconds: float) -> None:
        if self.controller is not None:
            self.trace.add(Befell(at=self.now, process="controller", fault="killed"))
            self.controller.kill(back_in_seconds=seconds)

    async def rival(self, name: str, begin: float, end: float, make: BodyMaker) -> None:
        """A second controller for a while: what leader election should never let happen."""
        await asyncio.sleep(max(0.0, begin - self.now))
        self.trace.add(Befell(at=self.now, process=name, fault="two leaders"))
        try:
            async with asyncio.timeout(max(0.0, end - self.now)):
                await self._supervisor(name, make).run()
        except TimeoutError:
            pass


def body(world: World, process: str, sky: Sky) -> Body:
    """A process with its own view of the world, under its own weather."""
    weather = WithOutages(sky.weather(process), world.outages)
    connection = world.cluster.connect(process, weather)
    return Body(
        cluster=connection,
        metrics=SimulatedMetrics(world.load, process, weather, world.trace),
        notifier=SimulatedNotifier(process, weather, world.trace),
        clock=sky.clock(process),
        close=connection.close,
    )


@asynccontextmanager
async def opened(
    scenario: Scenario,
    seed: int,
    *,
    sky: SkyMaker | None = None,
    with_controller: bool = True,
    make: BodyMaker | None = None,
    visitor: Visitor | None = None,
) -> AsyncIterator[World]:
    """A world that lives until the block is left; what ends a process by a bug ends the block.

    `make` gives a process its ports: a broken one shows whether the promises are checked.
    `visitor` is what people do meanwhile.
    """
    world = World(scenario, seed, sky)
    failed: list[BaseException] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = []
            if with_controller:
                tasks.append(group.create_task(world.watched(make).run()))
                for number, (begin, end) in enumerate(world.sky.rivals, start=1):
                    rival = world.rival(f"rival-{number}", begin, end, make or body)
                    tasks.append(group.create_task(rival))
                if visitor is not None:
                    tasks.append(group.create_task(visitor(world)))
            try:
                yield world
            finally:
                for task in tasks:
                    task.cancel()
                world.load.stop()
    except BaseExceptionGroup as errors:
        failed.extend(errors.exceptions)
    if failed:
        raise failed[0]
