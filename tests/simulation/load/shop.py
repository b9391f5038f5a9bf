"""A small stand-in for the cluster: pods that tests start, end and take away by hand."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from controller.domain.policy import Policy, RequestSource, SlowRequests
from controller.domain.readings import Counts, Missing, Past, Tally
from controller.domain.records import Ref
from controller.engine.ports import Stable
from controller.simulation.clock import BEGAN_AT, instant
from controller.simulation.dice import Dice
from controller.simulation.load.load import Load
from controller.simulation.load.metrics import SimulatedMetrics
from controller.simulation.loop import play
from controller.simulation.pods import PodListener, SimulatedPod
from controller.simulation.scenario import Ending, Scenario
from controller.simulation.trace import Trace
from controller.simulation.weather import Calm, Weather

KEY = Ref("exams", "exam-api")
STABLE, CANARY = "v41", "v42"
SOURCE = RequestSource()


@dataclass
class Death:
    """How a process ended."""

    at: float
    pod: str
    exit_code: int
    reason: str
    log: str


@dataclass
class Nodes:
    """Pods without a Deployment. A process that ends is started again after `backoff_seconds`."""

    backoff_seconds: float = 10.0
    listeners: list[PodListener] = field(default_factory=list)
    pods: list[SimulatedPod] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)

    def settled(self, name: str, template: str = STABLE, age_seconds: float = 86_400.0) -> None:
        """A pod that has been there for long."""
        began = asyncio.get_running_loop().time() - age_seconds
        pod = self._create(name, template, began)
        self._run(pod, began)

    def create(self, name: str, template: str = CANARY, start_seconds: float = 5.0) -> SimulatedPod:
        """A pod whose process runs now, and is Ready after a while."""
        loop = asyncio.get_running_loop()
        pod = self._create(name, template, loop.time())
        self._start(pod, start_seconds)
        return pod

    def end_process(
        self, pod: SimulatedPod, *, exit_code: int = 1, reason: str = "Error", log: str = ""
    ) -> None:
        loop = asyncio.get_running_loop()
        self.deaths.append(Death(loop.time(), pod.name, exit_code, reason, log))
        pod.deaths += 1
        self._end(pod)
        loop.call_later(self.backoff_seconds, self._restart, pod)

    def probe(self, pod: SimulatedPod, ready: bool) -> None:
        pod.ready = ready
        self._tell(lambda one: one.readiness_changed(pod))

    def delete(self, pod: SimulatedPod) -> None:
        """Gone at once, as when its node fails."""
        self._end(pod)
        self._tell(lambda one: one.gone(pod))
        self.pods.remove(pod)

    def pod(self, name: str) -> SimulatedPod:
        return next(pod for pod in self.pods if pod.name == name)

    def _create(self, name: str, template: str, created_at: float) -> SimulatedPod:
        pod = SimulatedPod(
            workload=KEY, name=name, uid=f"uid-{name}", fingerprint=template, created_at=created_at
        )
        self.pods.append(pod)
        self._tell(lambda one: one.born(pod))
        return pod

    def _restart(self, pod: SimulatedPod) -> None:
        if pod in self.pods:
            pod.restarts += 1
            self._start(pod, 5.0)

    def _start(self, pod: SimulatedPod, start_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        pod.started_at, pod.running = loop.time(), True
        self._tell(lambda one: one.started(pod))
        loop.call_later(start_seconds, self._ready, pod, loop.time())

    def _run(self, pod: SimulatedPod, started_at: float) -> None:
        pod.started_at, pod.running = started_at, True
        self._tell(lambda one: one.started(pod))
        pod.ready = True
        self._tell(lambda one: one.readiness_changed(pod))

    def _ready(self, pod: SimulatedPod, started_at: float) -> None:
        if pod.running and pod.started_at == started_at:
            self.probe(pod, True)

    def _end(self, pod: SimulatedPod) -> None:
        pod.running = False
        self._tell(lambda one: one.ended(pod))
        if pod.ready:
            self.probe(pod, False)

    def _tell(self, say: Callable[[PodListener], None]) -> None:
        for listener in self.listeners:
            say(listener)


def scenario(**changes: Any) -> Scenario:
    whole = {"policy": Policy(target="exam-api"), **changes}
    return Scenario(name="test", title="", story="", expect=Ending.PROMOTED, **whole)


@dataclass
class Shop:
    """A scenario's load on the stand-in, and a reader of its metrics."""

    scenario: Scenario
    seed: int = 7
    nodes: Nodes = field(default_factory=Nodes)
    trace: Trace = field(default_factory=Trace)
    weather: Weather | None = None

    def __post_init__(self) -> None:
        dice = Dice(self.seed)
        self.load = Load(
            self.scenario, self.nodes, KEY, dice, stable_template=STABLE, canary_template=CANARY
        )
        weather = self.weather or Calm(dice.stream("weather"))
        self.metrics = SimulatedMetrics(self.load, "test", weather, self.trace)

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def open(self, pods: int = 10, **named: Any) -> None:
        """Stable pods that have been there for long, and a push."""
        for number in range(pods):
            self.nodes.settled(f"stable-{number}", **named)

    def push(self) -> None:
        self.load.pushed(self.now)

    async def tally(
        self,
        since: float | datetime,
        *pods: str,
        source: RequestSource = SOURCE,
        slow: SlowRequests | None = None,
    ) -> Tally | Missing:
        """What is said of pods (all, if none are named) from some second of the run on."""
        asked = {
            pod.name: instant(pod.created_at)
            for pod in self.nodes.pods
            if not pods or pod.name in pods
        }
        if isinstance(since, float):
            since = instant(since)
        return await self.metrics.tally(
            source, KEY.namespace, asked, slow=slow, since=since, now=instant(self.now)
        )

    async def past(
        self, hours: float = 24.0, *, slow: SlowRequests | None = None, prefix: str = "stable"
    ) -> Past | Missing:
        """What is said of the past of the pods whose names begin so."""
        living = {
            pod.name: instant(pod.created_at)
            for pod in self.nodes.pods
            if pod.name.startswith(prefix)
        }
        return await self.metrics.past(
            SOURCE,
            KEY.namespace,
            Stable(replica_sets=frozenset({prefix}), pods=living),
            slow=slow,
            span=timedelta(hours=hours),
            now=instant(self.now),
        )

    async def counted(self, since: float, *pods: str) -> Tally:
        answer = await self.tally(since, *pods)
        assert isinstance(answer, Tally), answer
        return answer


def tell(changes: Mapping[str, Any], story: Callable[[Shop], Coroutine[Any, Any, None]]) -> None:
    """Play a story in a shop with this scenario."""

    async def run() -> None:
        shop = Shop(scenario(**changes))
        await story(shop)
        shop.load.stop()

    play(run())


def total(tally: Tally | Past, *pods: str) -> Counts:
    """Requests and errors of all pods, or of some, over all segments."""
    counts = Counts()
    for name, segments in tally.pods.items():
        if not pods or name in pods:
            for one in segments.values():
                counts += one
    return counts


def seconds(time: datetime) -> float:
    """Of the run."""
    return (time - BEGAN_AT) / timedelta(seconds=1)
