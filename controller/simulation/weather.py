"""What may go wrong between a process of the controller and its world: the seam for faults."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from controller.domain.readings import Reading
from controller.simulation.clock import SimulatedClock
from controller.simulation.dice import Dice

LATENCY_SECONDS: Final = (0.002, 0.02)
WATCH_SECONDS: Final = (0.001, 0.02)


class CrashNow(BaseException):
    """The process is gone, this instant. Not an Exception: nobody in the engine may catch it."""


class Effect(StrEnum):
    """What a process does to its world, one request each; a change may take several writes."""

    COMMIT = "commit"
    WRITE = "write"
    LET_GO = "let go"
    RECORD = "record"
    SEND = "send"
    LOG = "log"
    MOUNT = "mount"
    TALLY = "tally"
    RESTARTS = "restarts"
    PAST = "past"
    LIVES = "lives"
    GUARD = "guard"


class Kind(StrEnum):
    """What is watched, each by a watch of its own, which lags by itself."""

    CANARY = "canary"
    WORKLOAD = "workload"
    REPLICA_SET = "replica set"
    POD = "pod"


class Weather(Protocol):
    """The faults of one process."""

    def around(self, effect: Effect) -> AbstractAsyncContextManager[None]:
        """Wraps one request: what the block does is done in the world when it is left.

        May raise CrashNow, Unavailable, Refused or Conflict on entering: the request never arrived
        or was turned down. May raise CrashNow or Unavailable on leaving: it was done, but the
        answer was lost.
        """
        ...

    def watch_seconds(self, kind: Kind) -> float:
        """After what time an update of this kind is seen. Updates of one kind stay in order."""
        ...

    def announcements(self) -> int:
        """How often an update that is seen is announced as a change: 1, or 0 (lost), or more."""
        ...

    def distorted(self, answer: Reading, about: str = "requests") -> Reading:
        """What becomes of an answer of the metrics on its way; an old one is of the same kind."""
        ...


@dataclass(slots=True)
class Calm:
    """Nothing goes wrong; everything takes a moment."""

    dice: random.Random

    @asynccontextmanager
    async def around(self, effect: Effect) -> AsyncIterator[None]:  # noqa: ARG002 - calm for all
        await asyncio.sleep(self.dice.uniform(*LATENCY_SECONDS))
        yield

    def watch_seconds(self, kind: Kind) -> float:  # noqa: ARG002 - calm for all
        return self.dice.uniform(*WATCH_SECONDS)

    def announcements(self) -> int:
        return 1

    def distorted(self, answer: Reading, about: str = "requests") -> Reading:  # noqa: ARG002
        return answer


class Sky(Protocol):
    """The faults of a whole run. A process that was killed comes back under another name."""

    def weather(self, process: str) -> Weather:
        """The faults of a process, from its start."""
        ...

    def clock(self, process: str) -> SimulatedClock:
        """Its clock, which may be wrong."""
        ...

    @property
    def rivals(self) -> tuple[tuple[float, float], ...]:
        """From when to when a second controller runs as well, in seconds of the run."""
        ...


@dataclass(frozen=True, slots=True)
class ClearSky:
    """A run in which nothing goes wrong that the scenario does not ask for."""

    dice: Dice
    rivals: tuple[tuple[float, float], ...] = ()

    def weather(self, process: str) -> Weather:
        return Calm(self.dice.stream(f"weather of {process}"))

    def clock(self, process: str) -> SimulatedClock:  # noqa: ARG002 - right for all
        return SimulatedClock()
