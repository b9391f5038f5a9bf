"""A queue of keys: each waits at most once, is visited by one worker at a time, and backs off."""

import asyncio
import heapq
import random
from collections import deque
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
    _idle: deque[asyncio.Future[None]] = field(default_factory=deque)
    _alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._ready) + len(self._again)

    def add(self, ref: Ref) -> None:
        """Visit as soon as a worker is free."""
        if ref in self._visiting:
            self._again.add(ref)
        else:
            self._ready[ref] = None
            self._wake()

    def add_after(self, ref: Ref, seconds: float) -> None:
        """Visit in so many seconds, or earlier if something else asks for it first."""
        due = asyncio.get_running_loop().time() + max(0.0, seconds)
        if due < self._due.get(ref, float("inf")):
            self._due[ref] = due
            heapq.heappush(self._timers, (due, ref))
            self._set_alarm()

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
        while not self._ready:
            idle = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            try:
                await idle
            except asyncio.CancelledError:
                # It may have been woken in the same moment: somebody else has to take the ref.
                if idle in self._idle:
                    self._idle.remove(idle)
                elif self._ready:
                    self._wake()
                raise
        ref = next(iter(self._ready))
        del self._ready[ref]
        self._due.pop(ref, None)
        self._visiting.add(ref)
        return ref

    def done(self, ref: Ref) -> None:
        """The visit is over."""
        self._visiting.discard(ref)
        if ref in self._again:
            self._again.discard(ref)
            self.add(ref)

    def close(self) -> None:
        """Nobody takes anything any more: there are no later visits."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _wake(self) -> None:
        """One worker for what is ready: more would find nothing."""
        while self._idle:
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)
                return

    def _set_alarm(self) -> None:
        """At the earliest timer."""
        due = self._timers[0][0]
        if self._alarm is not None:
            if not self._alarm.cancelled() and self._alarm.when() <= due:
                return
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(due, self._ring)

    def _ring(self) -> None:
        """Move what is due to what is ready; a timer that was overtaken is dropped."""
        self._alarm = None
        now = asyncio.get_running_loop().time()
        while self._timers and self._timers[0][0] <= now:
            due, ref = heapq.heappop(self._timers)
            if self._due.get(ref) == due:
                del self._due[ref]
                self.add(ref)
        if self._timers:
            self._set_alarm()
