"""Which of several replicas acts: the one that holds a Lease, and only while nobody else can.

Whoever does not hold the Lease takes it when its record has not changed for its whole length, as
measured here: the clocks of others are not believed. One that names nobody is waited for as well,
and one that is not there is made for nobody first: somebody may have taken it away from a leader
that does not know of it yet. Only one that its holder gave back is taken at once. Whoever holds it
stops to write before that length is over, counted from the sending of the last renewal that was
answered. What lies between the two keeps them apart: there is a moment without a leader, and never
one with two.
"""

import asyncio
import logging
import math
import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from controller.engine.ports import Clock, Conflict, Refused, Unavailable

# Of a Lease's length: how long before its end the last write begins no more, and how often it is
# renewed. A write is also over when the time is (its time limit), so the rest is for what is on
# the way already, and for clocks that run at different rates.
MARGIN_SHARE: Final = 0.2
RENEWALS: Final = 5
# Those who wait look this often: what a release of the Lease costs.
LOOK_SECONDS: Final = 1.0
LOST_SECONDS: Final = 0.2
DOUBT_SECONDS: Final = 0.1
# A try takes this part of a Lease's length at most, so that one that hangs leaves time for others.
TRIES: Final = 4
JITTER: Final = 0.2
RELEASE_SECONDS: Final = 2.0
# The length of a Lease that was given back, as other controllers write it too.
GIVEN_BACK_SECONDS: Final = 1
COMPLAIN_SECONDS: Final = 60.0

log = logging.getLogger(__name__)


class NotLeading(Unavailable):
    """Another replica acts, or may act by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """What a Lease says. `holder` empty: nobody's; `version` empty: it is not there yet.

    The instants are for people to read.
    """

    holder: str
    seconds: int
    acquired_at: datetime
    renewed_at: datetime
    transitions: int
    version: str = ""

    @property
    def was_given_back(self) -> bool:
        """Whether its last holder has ended all work before it let go."""
        return not self.holder and self.seconds == GIVEN_BACK_SECONDS


class Leases(Protocol):
    """Where the Lease is kept."""

    async def read(self) -> LeaseRecord | None:
        """The Lease as it is; None: there is none. Raises Unavailable or Refused."""
        ...

    async def write(self, record: LeaseRecord) -> LeaseRecord:
        """Make it, or replace the version that was read; returns it with its next version.

        Raises Conflict when somebody else wrote or deleted it in between, Unavailable or Refused.
        """
        ...


@dataclass(slots=True)
class _Mine:
    """A Lease that was ours when it was last answered: until when, by two clocks.

    The wall's clock is asked as well because the other one may stand still while the machine
    is suspended.
    """

    record: LeaseRecord
    until: float
    until_wall: datetime


@dataclass(slots=True)
class _Others:
    """What was seen of a Lease that is not ours, and since when it has not changed."""

    record: LeaseRecord
    since: float


@dataclass(slots=True, kw_only=True)
class Leadership:
    """One replica's part in it. `run` has to be running; `name` must be no other replica's.

    As a fence it lets writes through only while nobody else can lead.
    """

    leases: Leases
    clock: Clock
    name: str
    dice: random.Random
    seconds: int = 10
    transitions: int = 0
    leader: str = ""
    _mine: _Mine | None = None
    # A take was sent: its answer may be lost, and the Lease ours all the same.
    _asked: bool = False
    _others: _Others | None = None
    _in_doubt: bool = False
    _term: int = 0
    _won: asyncio.Event = field(default_factory=asyncio.Event)
    _complained: float = -COMPLAIN_SECONDS

    def seconds_left(self) -> float:
        """For how long this replica may write yet; zero or less: not at all."""
        mine = self._mine
        if mine is None:
            return 0.0
        now, wall = asyncio.get_running_loop().time(), self.clock.now()
        return min(mine.until - now, (mine.until_wall - wall).total_seconds())

    def check(self) -> float:
        """The same, as a fence: raises NotLeading when there is nothing left."""
        left = self.seconds_left()
        if left <= 0:
            raise NotLeading("another replica leads, or may do so by now: this one only watches")
        return left

    async def won(self) -> None:
        """Return once this replica leads."""
        await self._won.wait()

    async def lost(self) -> None:
        """Return when the term that is on now is over, though another one may have begun."""
        term = self._term
        while self._term == term and (left := self.seconds_left()) > 0:  # noqa: ASYNC110 - time tells nobody
            # Never all of it: a wall clock that jumps ahead ends a term earlier.
            await asyncio.sleep(min(left, LOST_SECONDS))
        if self._term == term:
            self._resign()

    async def run(self) -> None:
        """Take the Lease whenever it is to be had, and keep it; until cancelled."""
        while True:
            begun = asyncio.get_running_loop().time()
            await self._try()
            took = asyncio.get_running_loop().time() - begun
            await asyncio.sleep(max(0.0, self._pause_seconds() - took))

    async def release(self) -> None:
        """Give the Lease back, so that another replica need not wait for its end.

        Only after all work has ended here. What cannot be given back ends by itself.
        """
        self._resign()
        if not self._asked:
            return
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                # Read anew: the answer to the last renewal may not have been waited for.
                found = await self.leases.read()
                if found is None or found.holder != self.name:
                    return
                back = replace(found, holder="", seconds=GIVEN_BACK_SECONDS)
                await self.leases.write(replace(back, renewed_at=self.clock.now()))
        except (TimeoutError, Conflict, Unavailable, Refused) as error:
            log.warning("The Lease was not given back, and ends by itself: %r", error)
        else:
            self._asked = False
            log.info("The Lease is given back: another replica may lead")

    async def _try(self) -> None:
        if self.seconds_left() <= 0:
            self._resign()
        in_doubt, self._in_doubt = self._in_doubt, False
        try:
            async with asyncio.timeout(self.seconds / TRIES):
                if self._mine is not None and not in_doubt:
                    await self._write(self._mine.record)
                else:
                    await self._look()
        except Conflict:
            # Somebody else wrote it, or an answer to our own write was lost: it is read next.
            self._in_doubt = True
        except (TimeoutError, Unavailable, Refused) as error:
            self._complain(error)

    async def _look(self) -> None:
        """Read the Lease, and take it if it is ours, was given back, or has run out."""
        found = await self.leases.read()
        if found is None:
            # Absence has no version: "still" and "again" could not be told apart.
            self._resign()
            self._note(await self.leases.write(self._nobodys()))
            return
        self._note(found)
        if found.holder == self.name or found.was_given_back or self._has_run_out(found):
            await self._write(found)
        else:
            self._resign()

    def _nobodys(self) -> LeaseRecord:
        now = self.clock.now()
        return LeaseRecord(
            holder="", seconds=self.seconds, acquired_at=now, renewed_at=now, transitions=0
        )

    def _note(self, found: LeaseRecord) -> None:
        self.leader, self.transitions = found.holder, found.transitions
        seen = self._others
        if seen is None or seen.record != found:
            self._others = _Others(found, asyncio.get_running_loop().time())

    def _has_run_out(self, found: LeaseRecord) -> bool:
        assert self._others is not None, "it was noted a moment ago"
        unchanged = asyncio.get_running_loop().time() - self._others.since
        # A holder that was configured with a longer one is given its time.
        return unchanged > max(found.seconds, self.seconds)

    async def _write(self, known: LeaseRecord) -> None:
        """Take or renew it. The time of a lease counts from here, not from the answer."""
        now, wall = asyncio.get_running_loop().time(), self.clock.now()
        ours = known.holder == self.name
        from_another = not ours and (known.was_given_back or bool(known.holder))
        wanted = replace(
            known,
            holder=self.name,
            seconds=self.seconds,
            renewed_at=wall,
            acquired_at=known.acquired_at if ours else wall,
            transitions=known.transitions + from_another,
        )
        self._asked = True
        written = await self.leases.write(wanted)
        allowed = self.seconds * (1 - MARGIN_SHARE)
        begins = self._mine is None
        self._mine = _Mine(written, now + allowed, wall + timedelta(seconds=allowed))
        self._others, self._in_doubt = None, False
        self.leader, self.transitions = self.name, written.transitions
        if begins and self.seconds_left() > 0:
            self._term += 1
            self._won.set()
            log.info("This replica, %s, leads", self.name)

    def _resign(self) -> None:
        """Say and remember that we do not lead."""
        self._mine, self._in_doubt = None, False
        if self._won.is_set():
            self._won.clear()
            log.warning("This replica, %s, does not lead any more: it only watches", self.name)

    def _pause_seconds(self) -> float:
        usual = LOOK_SECONDS if self._mine is None else self.seconds / RENEWALS
        if self._in_doubt:
            usual = DOUBT_SECONDS
        return usual * (1 + JITTER * (2 * self.dice.random() - 1))

    def _complain(self, error: Exception) -> None:
        """Say it once in a while: while the API server is away nobody can act at all."""
        now = asyncio.get_running_loop().time()
        if now - self._complained >= COMPLAIN_SECONDS:
            self._complained = now
            log.warning("The Lease cannot be read or written, trying on: %r", error)


class Alone:
    """The part of the only replica: it always leads."""

    name = ""
    leader = ""
    transitions = 0

    def seconds_left(self) -> float:
        """As long as it takes."""
        return math.inf

    def check(self) -> float:
        """As long as it takes."""
        return math.inf

    async def won(self) -> None:
        """At once."""

    async def lost(self) -> None:
        """Never."""
        await asyncio.Event().wait()

    async def run(self) -> None:
        """There is nothing to do."""

    async def release(self) -> None:
        """There is nothing to give back."""
