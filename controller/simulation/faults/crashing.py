"""A sky without a cloud, under which the controller dies at one effect: before it, or after."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from controller.domain.readings import Reading
from controller.simulation.clock import SimulatedClock
from controller.simulation.dice import Dice
from controller.simulation.faults.forecast import Fault, Span
from controller.simulation.faults.storm import CHANGES
from controller.simulation.trace import Befell, Trace
from controller.simulation.weather import Calm, CrashNow, Effect, Kind, Weather


@dataclass(frozen=True, slots=True)
class CrashAt:
    """At the nth effect of the run, counted from 1 over all processes; reads do not count."""

    effect_number: int
    after: bool


@dataclass(slots=True)
class OneCrash:
    """Counts what the controller does to its world, and ends it once. A `Sky`."""

    dice: Dice
    trace: Trace
    crash: CrashAt | None = None
    effects: list[Effect] = field(default_factory=list)
    rivals: tuple[Span, ...] = ()

    def weather(self, process: str) -> Weather:
        return _Counting(Calm(self.dice.stream(f"weather of {process}")), self, process)

    def clock(self, process: str) -> SimulatedClock:  # noqa: ARG002 - right for all
        return SimulatedClock()

    def strike(self, process: str, number: int, *, after: bool) -> None:
        """End the process if its time has come."""
        if self.crash == CrashAt(number, after):
            fault = Fault.CRASH_AFTER if after else Fault.CRASH_BEFORE
            at = asyncio.get_running_loop().time()
            detail = f"effect {number}, {self.effects[number - 1].value}"
            self.trace.add(Befell(at=at, process=process, fault=fault.value, detail=detail))
            raise CrashNow


@dataclass(slots=True)
class _Counting:
    calm: Calm
    sky: OneCrash
    process: str

    @asynccontextmanager
    async def around(self, effect: Effect) -> AsyncIterator[None]:
        if effect not in CHANGES:
            async with self.calm.around(effect):
                yield
            return
        async with self.calm.around(effect):
            self.sky.effects.append(effect)
            number = len(self.sky.effects)
            self.sky.strike(self.process, number, after=False)
            yield
        self.sky.strike(self.process, number, after=True)

    def watch_seconds(self, kind: Kind) -> float:
        return self.calm.watch_seconds(kind)

    def announcements(self) -> int:
        return self.calm.announcements()

    def distorted(self, answer: Reading, about: str = "requests") -> Reading:
        return self.calm.distorted(answer, about)
