"""Delivers notices from the outbox: at least once, in order for each Canary, beside decisions."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from controller.domain.records import Ref
from controller.domain.status import Notice
from controller.engine.ports import Notifier, Refused, Unavailable

QUEUE_MAX: Final = 1000
AT_ONCE_MAX: Final = 8
RETRY_FIRST_SECONDS: Final = 1
RETRY_MAX_SECONDS: Final = 120
# The first warning is after some minutes of tries, when it is no blip any more.
WARN_EVERY_TRIES: Final = 8
# 5 minutes, 10, 20 and so on: half a day in all.
REFUSED_FIRST_SECONDS: Final = 300
REFUSALS_MAX: Final = 7

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Courier:
    """Notices in a lane for each Canary: in order there, and no lane waits for another.

    What does not fit stays in its outbox and is offered again at the next visit. A delivered key is
    remembered until the outbox does not hold it any more.
    """

    notifier: Notifier
    again: Callable[[Ref], None]
    dice: random.Random
    count: Callable[[str], None] = lambda _result: None
    _lanes: dict[Ref, deque[Notice]] = field(default_factory=dict)
    _opened: asyncio.Queue[Ref] = field(default_factory=asyncio.Queue)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE_MAX))
    _waiting: int = 0
    _refusals: dict[str, int] = field(default_factory=dict)
    _put_off_until: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _delivered: dict[Ref, set[str]] = field(default_factory=dict)

    def delivered(self, ref: Ref) -> frozenset[str]:
        """Keys that went out and may leave the outbox."""
        return frozenset(self._delivered.get(ref, ()))

    def offer(self, ref: Ref, outbox: Iterable[Notice]) -> None:
        """Take what is committed in an outbox and not yet on its way."""
        keys = {notice.key for notice in outbox}
        gone = self._delivered.get(ref, set()) - keys
        self._known -= gone
        self._delivered[ref] = self._delivered.get(ref, set()) & keys
        for notice in outbox:
            if notice.key not in self._known and self._waiting < QUEUE_MAX:
                self._known.add(notice.key)
                self._put(ref, notice)

    def forget(self, ref: Ref) -> None:
        self._known -= self._delivered.pop(ref, set())

    async def run(self) -> None:
        """Deliver until cancelled: then nothing is left that waits."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    group.create_task(self._deliver_lane(await self._opened.get()))
        finally:
            for timer in self._put_off_until.values():
                timer.cancel()

    def _put(self, ref: Ref, notice: Notice) -> None:
        self._waiting += 1
        self._enter(ref, notice)

    def _enter(self, ref: Ref, notice: Notice) -> None:
        lane = self._lanes.get(ref)
        if lane is not None:
            lane.append(notice)
            return
        self._lanes[ref] = deque([notice])
        self._opened.put_nowait(ref)

    async def _deliver_lane(self, ref: Ref) -> None:
        """One after the other, until the lane is empty and is closed."""
        lane = self._lanes[ref]
        while lane:
            notice = lane.popleft()
            if await self._deliver(ref, notice) or not self._put_off(ref, notice):
                self._done(ref, notice)
        del self._lanes[ref]

    def _done(self, ref: Ref, notice: Notice) -> None:
        self._waiting -= 1
        self._refusals.pop(notice.key, None)
        self._delivered.setdefault(ref, set()).add(notice.key)
        self.again(ref)

    def _put_off(self, ref: Ref, notice: Notice) -> bool:
        """Offer what was refused again later, behind the others; False: it was refused for good.

        Most refusals end when an administrator has read the log: a channel that the bot is not in,
        a token that was revoked. In the meantime it stays in its outbox.
        """
        refusals = self._refusals[notice.key] = self._refusals.get(notice.key, 0) + 1
        if refusals > REFUSALS_MAX:
            log.error("Notice %s is given up after %d refusals", notice.key, refusals)
            return False
        # Without jitter: what was refused in an order is offered again in that order.
        pause = REFUSED_FIRST_SECONDS * 2 ** (refusals - 1)
        later = asyncio.get_running_loop().call_later(pause, self._enter_again, ref, notice)
        self._put_off_until[notice.key] = later
        return True

    def _enter_again(self, ref: Ref, notice: Notice) -> None:
        self._put_off_until.pop(notice.key, None)
        self._enter(ref, notice)

    async def _deliver(self, ref: Ref, notice: Notice) -> bool:
        """Try until it is taken, or refused: then it is False."""
        retrying = AsyncRetrying(
            wait=self._pause_seconds,
            retry=retry_if_exception_type(Unavailable),
            before_sleep=lambda state: self._retried(notice, state),
        )
        try:
            await retrying(self._send, ref, notice)
            self.count("delivered")
        except Refused as refusal:
            self.count("refused")
            log.error("Notice %s was refused: %s", notice.key, refusal)  # noqa: TRY400 - no bug
            return False
        except Exception:
            # Tried again it would fail again, and no notice would go out any more.
            self.count("bug")
            log.exception("Notice %s was not sent: this is a bug", notice.key)
        return True

    async def _send(self, ref: Ref, notice: Notice) -> None:
        # A lane that pauses between two tries has no slot: it keeps none of the others waiting.
        async with self._slots:
            await self.notifier.send(ref, notice)

    def _retried(self, notice: Notice, state: RetryCallState) -> None:
        self.count("retried")
        if state.attempt_number % WARN_EVERY_TRIES == 0:
            why = state.outcome.exception() if state.outcome is not None else None
            tries = state.attempt_number
            log.warning("Notice %s waits after %d tries: %s", notice.key, tries, why)

    def _pause_seconds(self, state: RetryCallState) -> float:
        """A growing, fully jittered pause; of our dice, so that a simulation can be replayed."""
        doublings = min(state.attempt_number - 1, 16)
        return self.dice.uniform(0, min(RETRY_MAX_SECONDS, RETRY_FIRST_SECONDS * 2**doublings))


@dataclass(slots=True)
class Couriers:
    """One courier for each notifier: an outage of one delays none of the others.

    A notice stays in its outbox until all have delivered it. After a restart in between, those that
    had may deliver it once more: the key tells.
    """

    couriers: tuple[Courier, ...]

    def delivered(self, ref: Ref) -> frozenset[str]:
        """Keys that every courier has delivered."""
        return frozenset.intersection(*(one.delivered(ref) for one in self.couriers))

    def offer(self, ref: Ref, outbox: Iterable[Notice]) -> None:
        """Take what is committed in an outbox and not yet on its way."""
        outbox = tuple(outbox)
        for one in self.couriers:
            one.offer(ref, outbox)

    def forget(self, ref: Ref) -> None:
        for one in self.couriers:
            one.forget(ref)

    async def run(self) -> None:
        """Deliver for ever."""
        async with asyncio.TaskGroup() as group:
            for one in self.couriers:
                group.create_task(one.run())
