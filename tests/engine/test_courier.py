"""The courier: in order, at least once, a refusal does not block, an outage only delays."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from controller.domain.records import Ref
from controller.domain.status import Notice, NoticeKind
from controller.engine.courier import REFUSALS_MAX, Courier, Couriers
from controller.engine.ports import Refused, Unavailable
from controller.simulation.loop import play

REF = Ref("n", "a")
AT = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass
class Slack:
    """A channel that fails as it is told."""

    failures: list[Exception] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    async def send(self, ref: Ref, notice: Notice) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(notice.key)


def notices(*keys: str) -> tuple[Notice, ...]:
    return tuple(Notice(key=k, kind=NoticeKind.STARTED, at=AT, headline=k) for k in keys)


async def deliver(slack: Slack, outbox: tuple[Notice, ...], times: int = 1) -> Courier:
    woken = asyncio.Semaphore(0)
    courier = Courier(slack, again=lambda _ref: woken.release(), dice=random.Random(7))
    worker = asyncio.create_task(courier.run())
    for _ in range(times):
        courier.offer(REF, outbox)
    for _ in outbox:
        await asyncio.wait_for(woken.acquire(), 20)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    return courier


def test_notices_go_out_once_and_in_order_however_often_they_are_offered() -> None:
    slack = Slack()
    courier = asyncio.run(deliver(slack, notices("1", "2", "3"), times=5))
    assert slack.taken == ["1", "2", "3"]
    assert courier.delivered(REF) == {"1", "2", "3"}


def test_an_outage_delays_and_loses_nothing() -> None:
    slack = Slack(failures=[Unavailable("away"), Unavailable("away")])
    asyncio.run(deliver(slack, notices("1", "2")))
    assert slack.taken == ["1", "2"]


def test_a_key_is_forgotten_once_the_outbox_does_not_hold_it() -> None:
    async def story() -> None:
        slack = Slack()
        courier = await deliver(slack, notices("1"))
        courier.offer(REF, ())
        assert courier.delivered(REF) == frozenset()

    asyncio.run(story())


def test_an_outage_of_one_delays_none_of_the_others() -> None:
    away, there = Slack([Unavailable("away")] * 1000), Slack()

    async def tell() -> tuple[Couriers, frozenset[str]]:
        heard = asyncio.Semaphore(0)
        couriers = Couriers(
            tuple(
                Courier(one, again=lambda _ref: heard.release(), dice=random.Random(7))
                for one in (away, there)
            )
        )
        worker = asyncio.create_task(couriers.run())
        couriers.offer(REF, notices("1"))
        await heard.acquire()
        early = couriers.delivered(REF)
        away.failures.clear()
        await heard.acquire()
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        return couriers, early

    couriers, early = asyncio.run(asyncio.wait_for(tell(), 30))
    assert early == frozenset()
    assert there.taken == ["1"]
    assert away.taken == ["1"]
    couriers.forget(REF)
    assert couriers.delivered(REF) == frozenset()


@dataclass
class Channels:
    """Slack, where the channel of one Canary cannot be written to."""

    closed: Ref
    taken: list[tuple[Ref, str]] = field(default_factory=list)

    async def send(self, ref: Ref, notice: Notice) -> None:
        if ref == self.closed:
            raise Unavailable("channel_not_found: invite the bot")
        self.taken.append((ref, notice.key))


def test_a_channel_that_cannot_be_written_to_keeps_nobody_else_waiting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    channels = Channels(closed=REF)
    others = [Ref("n", f"other-{number}") for number in range(20)]

    async def tell() -> Courier:
        courier = Courier(channels, again=lambda _ref: None, dice=random.Random(7))
        worker = asyncio.create_task(courier.run())
        courier.offer(REF, notices("stuck", "behind it"))
        for ref in others:
            courier.offer(ref, notices(f"1-{ref}", f"2-{ref}"))
        await asyncio.sleep(3600)
        channels.closed = Ref("nobody", "at all")
        await asyncio.sleep(3600)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        return courier

    courier = play(tell())
    for ref in others:
        assert [key for of, key in channels.taken if of == ref] == [f"1-{ref}", f"2-{ref}"]
        assert courier.delivered(ref) == {f"1-{ref}", f"2-{ref}"}
    assert [key for of, key in channels.taken if of == REF] == ["stuck", "behind it"]
    assert channels.taken[-1][0] == REF
    assert "waits after 8 tries: channel_not_found: invite the bot" in caplog.text


def test_what_was_refused_is_said_when_an_administrator_has_mended_it() -> None:
    slack = Slack(failures=[Refused("token_revoked"), Refused("token_revoked")])

    async def tell() -> tuple[frozenset[str], frozenset[str]]:
        courier = Courier(slack, again=lambda _ref: None, dice=random.Random(7))
        worker = asyncio.create_task(courier.run())
        courier.offer(REF, notices("1", "2", "3"))
        await asyncio.sleep(60)
        early = courier.delivered(REF)
        await asyncio.sleep(3600)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        return early, courier.delivered(REF)

    early, late = play(tell())
    assert early == {"3"}, "what was refused stays in the outbox, and keeps nothing waiting"
    assert late == {"1", "2", "3"}
    assert slack.taken == ["3", "1", "2"]


def test_what_is_refused_again_and_again_is_given_up() -> None:
    slack = Slack(failures=[Refused("invalid_blocks")] * 1000)

    async def tell() -> frozenset[str]:
        courier = Courier(slack, again=lambda _ref: None, dice=random.Random(7))
        worker = asyncio.create_task(courier.run())
        courier.offer(REF, notices("1"))
        await asyncio.sleep(24 * 3600)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        return courier.delivered(REF)

    assert play(tell()) == {"1"}
    assert len(slack.failures) == 1000 - 1 - REFUSALS_MAX
