"""What the defects of a revision do to its processes: how and when they die, and flap."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from controller.simulation.load.lastlines import killed_by_itself, killed_by_request, out_of_memory
from controller.simulation.load.rates import Floats
from controller.simulation.pods import PodListener, SimulatedPod
from controller.simulation.scenario import (
    Defect,
    DieAtStart,
    DieLater,
    Errors,
    Flap,
    Kill,
    Slow,
)

START_DEATH_SECONDS: Final = (0.2, 0.9)
"""From a process's start until it ends when it cannot start."""
OLD_SECONDS: Final = 1.0
"""What is told of so long after it began has been there, and settled."""
FLAP_JITTER: Final = 0.2
OUT_OF_MEMORY: Final = 137
TIMER_SECONDS: Final = 1e-6
"""A timer may be early by less than this."""


class Node(Protocol):
    """Where the processes of pods can end and their probes fail, and who is told of it."""

    @property
    def listeners(self) -> list[PodListener]: ...

    def end_process(
        self, pod: SimulatedPod, *, exit_code: int = 1, reason: str = "Error", log: str = ""
    ) -> None: ...

    def probe(self, pod: SimulatedPod, ready: bool) -> None: ...  # noqa: FBT001 - its whole point


@dataclass(slots=True, eq=False)
class Life:
    """One process. `settled`: it ran before the run. `timers` end with it."""

    pod: SimulatedPod
    started_at: float
    defects: tuple[Defect, ...]
    settled: bool
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    flapping: bool = False


@dataclass(slots=True)
class Lives:
    """The processes that run now. `defects` are by the revision's fingerprint.

    `dies` is called before a process ends by a defect, with the route of the request that did it
    (None: it ended by itself); `changed` after a defect began to show.
    """

    node: Node
    dice: random.Random
    defects: Mapping[str, tuple[Defect, ...]]
    dies: Callable[[SimulatedPod, str | None], None]
    changed: Callable[[], None]
    _lives: dict[SimulatedPod, Life] = field(default_factory=dict)
    _killing: asyncio.TimerHandle | None = None

    def started(self, pod: SimulatedPod) -> None:
        """A process began, now or, in a pod that has been there for long, some time ago."""
        self.ended(pod)
        loop = asyncio.get_running_loop()
        started_at = loop.time() if pod.started_at is None else pod.started_at
        settled = loop.time() - started_at > OLD_SECONDS
        life = Life(pod, started_at, self.defects.get(pod.fingerprint, ()), settled)
        self._lives[pod] = life
        for defect in life.defects:
            self._plan(life, defect)

    def ended(self, pod: SimulatedPod) -> None:
        """A process is gone, and what was still to befall it."""
        life = self._lives.pop(pod, None)
        if life is not None:
            for timer in life.timers:
                timer.cancel()

    def readiness_changed(self, pod: SimulatedPod) -> None:
        """Flapping starts when the process was Ready for the first time."""
        life = self._lives.get(pod)
        if life is None or life.flapping or not pod.ready:
            return
        for defect in life.defects:
            if isinstance(defect, Flap):
                life.flapping = True
                self._flap(life, defect, now_ready=True)

    def showing(self, pod: SimulatedPod, now: float) -> tuple[Defect, ...]:
        """The defects of the process that have begun."""
        life = self._lives.get(pod)
        if life is None:
            return ()
        return tuple(
            defect
            for defect in life.defects
            if isinstance(defect, Errors | Slow | Kill)
            and now - life.started_at >= defect.begin_seconds - TIMER_SECONDS
        )

    def aim(self, pods: Sequence[SimulatedPod], kills: Floats, routes: Sequence[str]) -> None:
        """Draw when the next killing request arrives, and where, at these rates by pod and route.

        Nothing is remembered of the draw before: such arrivals have no memory.
        """
        if self._killing is not None:
            self._killing.cancel()
            self._killing = None
        total = float(kills.sum())
        if total <= 0.0:
            return
        delay = self.dice.expovariate(total)
        weights = kills.ravel().tolist()
        chosen = self.dice.choices(range(len(weights)), weights)[0]
        pod, route = pods[chosen // len(routes)], routes[chosen % len(routes)]
        self._killing = asyncio.get_running_loop().call_later(delay, self._kill, pod, route)

    def stop(self) -> None:
        """Nothing befalls anybody any more."""
        if self._killing is not None:
            self._killing.cancel()
        for pod in tuple(self._lives):
            self.ended(pod)

    def _plan(self, life: Life, defect: Defect) -> None:
        now = asyncio.get_running_loop().time()
        match defect:
            case Kill() | Errors() | Slow():
                begins_at = life.started_at + defect.begin_seconds
                if begins_at > now:
                    self._later(life, begins_at - now, self.changed)
            case DieAtStart():
                # What was there before the run has got over its start.
                if not life.settled and self.dice.random() < defect.probability:
                    delay = self.dice.uniform(*START_DEATH_SECONDS)
                    self._later(life, delay, self._die, life, defect)
            case DieLater():
                after = max(0.0, self.dice.gauss(1.0, defect.spread)) * defect.after_seconds
                left = self.dice.random() if life.settled else 1.0
                self._later(life, after * left, self._die, life, defect)
            case Flap():
                """Begins when the process is Ready."""

    def _later(self, life: Life, delay: float, action: Callable[..., None], *args: object) -> None:
        life.timers.append(asyncio.get_running_loop().call_later(delay, action, *args))

    def _flap(self, life: Life, flap: Flap, *, now_ready: bool) -> None:
        usual = flap.ready_seconds if now_ready else flap.unready_seconds
        delay = usual * self.dice.uniform(1 - FLAP_JITTER, 1 + FLAP_JITTER)
        now = asyncio.get_running_loop().time()
        life.timers = [timer for timer in life.timers if timer.when() > now]
        self._later(life, delay, self._flip, life, flap, not now_ready)

    def _flip(self, life: Life, flap: Flap, ready: bool) -> None:  # noqa: FBT001 - a timer's
        self._flap(life, flap, now_ready=ready)
        self.node.probe(life.pod, ready)

    def _kill(self, pod: SimulatedPod, route: str) -> None:
        self._killing = None
        if pod not in self._lives:
            return
        self.dies(pod, route)
        log = killed_by_request(route, asyncio.get_running_loop().time())
        self.node.end_process(pod, exit_code=1, reason="Error", log=log)

    def _die(self, life: Life, defect: DieAtStart | DieLater) -> None:
        pod, now = life.pod, asyncio.get_running_loop().time()
        self.dies(pod, None)
        if isinstance(defect, DieLater) and defect.out_of_memory:
            log = out_of_memory(now)
            self.node.end_process(pod, exit_code=OUT_OF_MEMORY, reason="OOMKilled", log=log)
        else:
            exit_code = defect.exit_code if isinstance(defect, DieAtStart) else 1
            log = killed_by_itself(now, at_start=isinstance(defect, DieAtStart))
            self.node.end_process(pod, exit_code=exit_code, reason="Error", log=log)
