"""A queue of keys: each waits at most once, is visited by one worker at a time, and backs off."""

import asyncio
import heapq
import random
from dataclasses import dataclass, field
from typing import Final

from controller.domain.records import Ref

BACKOFF_FIRST_SECONDS: Final = 0.1
BACKOFF_MAX_SECONDS: Final = 30.0


@dataclass(slots=True)
class Queue:
    """Refs to visit. A ref added while it is visited is visited again afterwards.

    It is bounded by the number of Canaries, since a ref is in it once at most.
    """

    dice: random.Random
    _ready: dict[Ref, None] = field(default_factory=dict)
    _visiting: set[Ref] = field(default_factory=set)
    _again: set[Ref] = field(default_factory=set)
    _timers: list[tuple[float, Ref]] = field(default_factory=list)
    _due: dict[Ref, float] = field(default_factory=dict)
    _failures: dict[Ref, int] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self._ready) + len(self._again)

    def add(self, ref: Ref) -> None:
        """Visit as soon as a worker is free."""
        if ref in self._visiting:
            self._again.add(ref)
        else:
            self._ready[ref] = None
            self._changed.set()

    def add_after(self, ref: Ref, seconds: float) -> None:
        """Visit in so many seconds, or earlier if something else asks for it first."""
        due = asyncio.get_running_loop().time() + max(0.0, seconds)
        if due < self._due.get(ref, float("inf")):
            self._due[ref] = due
            heapq.heappush(self._timers, (due, ref))
            self._changed.set()

    def back_off(self, ref: Ref) -> float:
        """Visit again after a growing, fully jittered pause; returns its seconds."""
        count = self._failures.get(ref, 0)
        self._failures[ref] = count + 1
        limit = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** min(count, 16))
        seconds = self.dice.uniform(limit / 2, limit)
        self.add_after(ref, seconds)
        return seconds

    def succeed(self, ref: Ref) -> None:
        """Forget the failures of a ref."""
        self._failures.pop(ref, None)

    async def take(self) -> Ref:
        """The next ref to visit; `done` has to be called for it."""
        while True:
            self._ring()
            if self._ready:
                ref = next(iter(self._ready))
                del self._ready[ref]
                self._due.pop(ref, None)
                self._visiting.add(ref)
                return ref
            self._changed.clear()
            await self._wait()

    def done(self, ref: Ref) -> None:
        """The visit is over."""
        self._visiting.discard(ref)
        if ref in self._again:
            self._again.discard(ref)
            self.add(ref)

    def _ring(self) -> None:
        """Move what is due to what is ready; a timer that was overtaken is dropped."""
        now = asyncio.get_running_loop().time()
        while self._timers and self._timers[0][0] <= now:
            due, ref = heapq.heappop(self._timers)
            if self._due.get(ref) == due:
                del self._due[ref]
                self.add(ref)

    async def _wait(self) -> None:
        """Until something is added or the next timer is due."""
        if not self._timers:
            await self._changed.wait()
            return
        pause = self._timers[0][0] - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0.0, pause)):
                await self._changed.wait()
        except TimeoutError:
            pass
