"""Faults, seeded and swarm-style: what befalls each process of the controller until it is calm."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from controller.domain.readings import Missing, Reading
from controller.engine.ports import Conflict, Refused, Unavailable
from controller.simulation.clock import SimulatedClock
from controller.simulation.dice import Dice
from controller.simulation.faults.distortion import distorted
from controller.simulation.faults.forecast import AWAY, Fault, Forecast, Span, planned
from controller.simulation.outages import NEEDS
from controller.simulation.trace import Befell, Trace
from controller.simulation.weather import (
    LATENCY_SECONDS,
    WATCH_SECONDS,
    CrashNow,
    Effect,
    Kind,
    Weather,
)

SLOW_SECONDS: Final[Span] = (0.2, 10.0)
LATE_SECONDS: Final[Span] = (0.2, 5.0)
JUMP_SECONDS: Final = 120.0
DRIFT_SECONDS: Final = 0.5

CONFLICTING: Final = frozenset({Effect.COMMIT, Effect.WRITE, Effect.LET_GO})
REFUSABLE: Final = frozenset({Effect.RECORD, Effect.SEND, Effect.LOG, Effect.MOUNT})
CHANGES: Final = frozenset({Effect.COMMIT, Effect.WRITE, Effect.LET_GO, Effect.RECORD, Effect.SEND})
"""What leaves something behind in the world; the other effects only read."""


@dataclass(slots=True)
class Storm:
    """The faults of a whole run, as they were forecast; calm afterwards. A `Sky`."""

    forecast: Forecast
    dice: Dice
    trace: Trace

    @property
    def rivals(self) -> tuple[Span, ...]:
        return self.forecast.spells.get(Fault.TWO_LEADERS, ())

    def weather(self, process: str) -> Weather:
        return Gusts(storm=self, process=process)

    def clock(self, process: str) -> SimulatedClock:
        """A clock that is set, now and then, by somebody who does not know the time either."""
        clock = SimulatedClock()
        loop = asyncio.get_running_loop()
        chance = self.dice.stream(f"clock of {process}")
        for fault in (Fault.CLOCK_JUMP, Fault.CLOCK_DRIFT):
            for at, _ in self.planned(chance, fault):
                loop.call_at(at, self._set_clock, clock, process, fault, chance.uniform(-1, 1))
        if self.forecast.calm_after_seconds > loop.time():
            loop.call_at(self.forecast.calm_after_seconds, _set_right, clock)
        return clock

    def planned(self, chance: random.Random, fault: Fault) -> tuple[Span, ...]:
        """The spells that one process has for itself from now on."""
        within = (asyncio.get_running_loop().time(), self.forecast.calm_after_seconds)
        return planned(chance, fault, self.forecast.rate(fault), within)

    def strikes(self, fault: Fault, chance: random.Random) -> bool:
        """Whether a fault of single requests happens now."""
        rate = self.forecast.rate(fault)
        if rate <= 0 or asyncio.get_running_loop().time() >= self.forecast.calm_after_seconds:
            return False
        return chance.random() < rate

    def during(self, fault: Fault) -> bool:
        """Whether a spell that everybody has lasts now."""
        now = asyncio.get_running_loop().time()
        return any(begin <= now < end for begin, end in self.forecast.spells.get(fault, ()))

    def befell(self, process: str, fault: Fault, detail: str = "") -> None:
        at = asyncio.get_running_loop().time()
        self.trace.add(Befell(at=at, process=process, fault=fault.value, detail=detail))

    def _set_clock(self, clock: SimulatedClock, process: str, fault: Fault, sway: float) -> None:
        if fault is Fault.CLOCK_JUMP:
            clock.ahead_seconds = sway * JUMP_SECONDS
        else:
            clock.ahead_seconds += sway * DRIFT_SECONDS
        self.befell(process, fault, f"{clock.ahead_seconds:+.3f} s")


def _set_right(clock: SimulatedClock) -> None:
    clock.ahead_seconds = 0.0


@dataclass(slots=True, kw_only=True)
class Gusts:
    """The weather of one process in a storm.

    Each kind of fault has a stream of its own: one of them changed, the others happen alike.
    """

    storm: Storm
    process: str
    _chances: dict[str, random.Random] = field(default_factory=dict)
    _stale: dict[Kind, tuple[Span, ...]] = field(default_factory=dict)
    _told: set[Span] = field(default_factory=set)
    _before: dict[str, Reading] = field(default_factory=dict)

    @asynccontextmanager
    async def around(self, effect: Effect) -> AsyncIterator[None]:
        await asyncio.sleep(self._latency_seconds(effect) / 2)
        self._on_the_way(effect)
        yield
        await asyncio.sleep(self._latency_seconds(effect) / 2)
        self._on_the_way_back(effect)

    def watch_seconds(self, kind: Kind) -> float:
        seconds = self._chance("watch").uniform(*WATCH_SECONDS)
        if self._strikes(Fault.LATE_EVENT, kind.value):
            seconds += self._chance("late").uniform(*LATE_SECONDS)
        now = asyncio.get_running_loop().time()
        for begin, end in self._spells(kind):
            if begin <= now < end:
                self._tell_once((begin, end), kind)
                return seconds + end - now
        return seconds

    def announcements(self) -> int:
        if self._strikes(Fault.LOST_EVENT):
            return 0
        return 2 if self._strikes(Fault.DOUBLED_EVENT) else 1

    def distorted(self, answer: Reading, about: str = "requests") -> Reading:
        before, self._before[about] = self._before.get(about), answer
        if self._strikes(Fault.NO_ANSWER):
            return Missing("no answer", "the request timed out")
        if before is not None and self._strikes(Fault.OLD_ANSWER):
            return before
        for fault in (Fault.GAP, Fault.WRONG_SCALE):
            if self._strikes(fault):
                answer = distorted(answer, fault, self._chance("distortion"))
        return answer

    def _on_the_way(self, effect: Effect) -> None:
        """What may keep a request from arriving."""
        for away, part in AWAY.items():
            if part is NEEDS[effect] and self.storm.during(away):
                self.storm.befell(self.process, away, effect.value)
                raise Unavailable(f"{part.value} does not answer")
        if self._strikes(Fault.CRASH_BEFORE, effect.value):
            raise CrashNow
        if self._strikes(Fault.LOST_REQUEST, effect.value):
            raise Unavailable("the request was lost")
        if effect in CONFLICTING and self._strikes(Fault.CONFLICT, effect.value):
            raise Conflict("the object moved, it says")
        if effect in REFUSABLE and self._strikes(Fault.REFUSED, effect.value):
            raise Refused("no, it says")

    def _on_the_way_back(self, effect: Effect) -> None:
        """It was done; nobody may hear of it."""
        if self._strikes(Fault.CRASH_AFTER, effect.value):
            raise CrashNow
        if self._strikes(Fault.LOST_ANSWER, effect.value):
            raise Unavailable("the answer was lost")

    def _latency_seconds(self, effect: Effect) -> float:
        seconds = self._chance("latency").uniform(*LATENCY_SECONDS)
        if self._strikes(Fault.SLOW, effect.value):
            seconds += self._chance("slow").uniform(*SLOW_SECONDS)
        return seconds

    def _strikes(self, fault: Fault, detail: str = "") -> bool:
        strikes = self.storm.strikes(fault, self._chance(fault.value))
        if strikes:
            self.storm.befell(self.process, fault, detail)
        return strikes

    def _spells(self, kind: Kind) -> tuple[Span, ...]:
        if kind not in self._stale:
            chance = self._chance(f"stale {kind}")
            self._stale[kind] = self.storm.planned(chance, Fault.STALE)
        return self._stale[kind]

    def _tell_once(self, spell: Span, kind: Kind) -> None:
        if spell not in self._told:
            self._told.add(spell)
            self.storm.befell(self.process, Fault.STALE, kind.value)

    def _chance(self, purpose: str) -> random.Random:
        if purpose not in self._chances:
            self._chances[purpose] = self.storm.dice.stream(f"{purpose} of {self.process}")
        return self._chances[purpose]
