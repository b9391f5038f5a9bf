"""A Lease that cannot be split: never two who may write, and soon one again when one is gone."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.engine.leadership import Alone, Leadership, LeaseRecord, NotLeading
from controller.engine.ports import Refused
from controller.simulation.clock import SimulatedClock
from controller.simulation.loop import play
from tests.engine.leases import Store, Way

SECONDS = 10
# The Lease's length, the pause between two looks of who waits, and what a slow answer takes.
TAKEOVER_SECONDS = SECONDS + 2.5
STEP_SECONDS = 0.05


@dataclass
class Party:
    """One replica, as far as the Lease is concerned."""

    name: str
    store: Store
    dice: random.Random
    seconds: int = SECONDS

    def __post_init__(self) -> None:
        self.way = Way(self.store, self.dice)
        self.clock = SimulatedClock()
        self.leadership = Leadership(
            leases=self.way,
            clock=self.clock,
            name=self.name,
            dice=self.dice,
            seconds=self.seconds,
        )
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.leadership.run())

    async def end(self) -> None:
        """As SIGKILL does: nothing is given back."""
        assert self.task is not None, "it was started"
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    @property
    def may_write(self) -> bool:
        stopped = self.way.frozen_until > asyncio.get_running_loop().time()
        return not stopped and self.leadership.seconds_left() > 0


@asynccontextmanager
async def parties(number: int, seed: int = 7) -> AsyncIterator[list[Party]]:
    store = Store()
    found = [Party(f"replica-{n}", store, random.Random(f"{seed} {n}")) for n in range(number)]
    for one in found:
        one.start()
    try:
        yield found
    finally:
        for one in found:
            await one.end()


def leaders(of: list[Party]) -> list[str]:
    return [one.name for one in of if one.may_write]


async def leader(of: list[Party], within: float = TAKEOVER_SECONDS) -> Party:
    """The one that leads, once one does; and never two meanwhile."""
    end = asyncio.get_running_loop().time() + within
    while not leaders(of):
        assert asyncio.get_running_loop().time() < end, f"nobody leads after {within} s"
        await asyncio.sleep(STEP_SECONDS)
    (name,) = leaders(of)
    return next(one for one in of if one.name == name)


async def pass_time(of: list[Party], seconds: float) -> None:
    """Time in which there are never two."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        assert len(leaders(of)) <= 1, leaders(of)
        await asyncio.sleep(STEP_SECONDS)


def test_one_of_three_leads_and_goes_on_leading() -> None:
    async def story() -> None:
        async with parties(3) as all_of_them:
            first = await leader(all_of_them)
            await pass_time(all_of_them, 300)
            assert await leader(all_of_them) is first
            assert {holder for _, holder in first.store.writes} == {"", first.name}

    play(story())


def test_when_the_leader_is_gone_another_one_leads_within_the_length_of_a_lease() -> None:
    async def story() -> None:
        async with parties(2) as both:
            first = await leader(both)
            await pass_time(both, 33)
            await first.end()
            rest = [one for one in both if one is not first]
            second = await leader(rest)
            assert second.leadership.transitions == 1
            first.start()

    play(story())


def test_a_lease_that_is_given_back_is_taken_at_once() -> None:
    async def story() -> None:
        async with parties(2) as both:
            first = await leader(both)
            await pass_time(both, 5)
            await first.end()
            await first.leadership.release()
            assert first.leadership.seconds_left() == 0
            await leader([one for one in both if one is not first], within=1.5)
            first.start()

    play(story())


def test_a_replica_that_cannot_reach_the_server_stops_before_another_one_begins() -> None:
    async def story() -> None:
        async with parties(2) as both:
            first = await leader(both)
            first.way.cut = True
            while first.may_write:
                assert leaders(both) == [first.name]
                await asyncio.sleep(STEP_SECONDS)
            with pytest.raises(NotLeading, match="only watches"):
                first.leadership.check()
            second = await leader(both)
            assert second is not first
            first.way.cut = False
            await pass_time(both, 60)
            assert await leader(both) is second

    play(story())


def test_an_outage_of_the_server_ends_with_a_leader_again_at_once() -> None:
    async def story() -> None:
        async with parties(2) as both:
            await leader(both)
            for one in both:
                one.way.cut = True
            await pass_time(both, 120)
            assert leaders(both) == []
            for one in both:
                one.way.cut = False
            await leader(both)

    play(story())


def test_a_process_that_was_stopped_for_a_minute_does_not_write_when_it_goes_on() -> None:
    async def story() -> None:
        async with parties(2) as both:
            first = await leader(both)
            first.way.frozen_until = asyncio.get_running_loop().time() + 60
            second = await leader(both)
            assert second is not first
            await pass_time(both, 59)
            await pass_time(both, 30)
            assert await leader(both) is second

    play(story())


def test_a_wall_clock_that_jumps_ahead_ends_a_term_and_splits_nothing() -> None:
    """The other clock may have stood still: a machine that was suspended."""

    async def story() -> None:
        async with parties(2) as both:
            first = await leader(both)
            lost = asyncio.create_task(first.leadership.lost())
            first.clock.ahead_seconds += 3600
            assert first.leadership.seconds_left() <= 0
            await asyncio.wait_for(lost, 1)
            await leader(both)
            await pass_time(both, 30)

    play(story())


def test_a_lease_that_cannot_be_had_is_complained_of_once_in_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Forbidden:
        async def read(self) -> LeaseRecord | None:
            raise Refused("403 leases.coordination.k8s.io is forbidden")

        async def write(self, record: LeaseRecord) -> LeaseRecord:
            raise Refused("403")

    async def story() -> None:
        party = Party("a", Store(), random.Random(7))
        party.leadership.leases = Forbidden()
        party.start()
        await asyncio.sleep(90)
        assert not party.may_write
        await party.end()

    play(story())
    assert sum("forbidden" in message for message in caplog.messages) == 2


@pytest.mark.parametrize("meddle", [Store.delete, Store.wipe])
def test_a_lease_that_a_person_takes_away_splits_nothing(meddle: Callable[[Store], None]) -> None:
    """Its holder may not know of it yet: who finds none waits as for one that runs out."""

    async def story() -> None:
        async with parties(3) as all_of_them:
            first = await leader(all_of_them)
            await pass_time(all_of_them, 3.3)
            first.way.cut = True
            meddle(first.store)
            while first.may_write:
                assert leaders(all_of_them) == [first.name]
                await asyncio.sleep(STEP_SECONDS)
            assert await leader(all_of_them) is not first

    play(story())


def test_whoever_led_stops_as_soon_as_it_finds_its_lease_gone() -> None:
    async def story() -> None:
        async with parties(1) as (only,):
            await leader([only])
            only.store.delete()
            await pass_time([only], SECONDS / 4)
            assert not only.may_write, "another replica may take it for nobody's soon"
            assert await leader([only]) is only

    play(story())


def test_a_lease_that_was_away_before_is_waited_for_anew_when_it_is_away_again() -> None:
    """Between the two somebody may have taken it, who is cut off by now."""

    async def story() -> None:
        async with parties(2) as (one, other):
            await pass_time([one, other], 0.2)
            other.way.cut = True
            assert await leader([one, other]) is one
            await pass_time([one, other], 1.0)
            one.store.delete()
            one.way.cut, other.way.cut = True, False
            await pass_time([one, other], SECONDS)
            assert await leader([one, other]) is other

    play(story())


@pytest.mark.parametrize("seed", range(20))
def test_a_lease_that_is_deleted_twice_splits_nothing(seed: int) -> None:
    async def story() -> None:
        async with parties(2, seed) as both:
            first = await leader(both)
            first.store.delete()
            while (made := first.store.record) is None or not made.holder:
                await pass_time(both, STEP_SECONDS)
            first.store.delete()
            await pass_time(both, 3 * SECONDS)
            await leader(both)

    play(story())


def test_a_lease_that_was_won_a_moment_before_the_end_is_given_back() -> None:
    async def story() -> None:
        async with parties(1) as (only,):
            await pass_time([only], SECONDS - 1)
            only.way.slow_seconds = 2.0
            while (made := only.store.record) is None or not made.holder:
                await pass_time([only], STEP_SECONDS)
            assert not only.may_write, "the answer is on its way"
            only.way.slow_seconds = 0.0
            await only.end()
            await only.leadership.release()
            assert only.store.record is not None
            assert only.store.record.was_given_back
            only.start()

    play(story())


def test_a_lease_of_a_longer_length_is_waited_for() -> None:
    async def story() -> None:
        store = Store()
        slow = Party("slow", store, random.Random(1), seconds=60)
        slow.start()
        await leader([slow], within=65)
        await slow.end()
        quick = Party("quick", store, random.Random(2))
        quick.start()
        await pass_time([quick], 58)
        assert not quick.may_write
        await leader([quick], within=5)
        await quick.end()

    play(story())


def test_whoever_is_alone_always_leads() -> None:
    async def story() -> None:
        alone = Alone()
        await alone.won()
        assert alone.check() == alone.seconds_left() > 1e9

    play(story())


faults = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(
            ["cut", "mend", "stop", "slow", "lose", "die", "jump", "release", "delete", "wipe"]
        ),
        st.floats(0.1, 25.0),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(faults=faults, seed=st.integers(0, 2**32))
def test_whatever_happens_there_are_never_two_and_soon_one_again(
    faults: list[tuple[int, str, float]], seed: int
) -> None:
    async def story() -> None:
        async with parties(3, seed) as all_of_them:
            for number, fault, seconds in faults:
                await befall(all_of_them[number], fault, seconds)
                await pass_time(all_of_them, seconds)
            for one in all_of_them:
                one.way.cut, one.way.lost, one.way.slow_seconds = False, 0.0, 0.0
            now = asyncio.get_running_loop().time()
            longest = max(one.way.frozen_until - now for one in all_of_them)
            await leader(all_of_them, within=max(0.0, longest) + TAKEOVER_SECONDS + SECONDS)
            await pass_time(all_of_them, 30)
            assert len(leaders(all_of_them)) == 1

    play(story())


async def befall(one: Party, fault: str, seconds: float) -> None:
    match fault:
        case "stop":
            one.way.frozen_until = asyncio.get_running_loop().time() + seconds
        case "jump":
            one.clock.ahead_seconds += seconds
        case "delete":
            one.store.delete()
        case "wipe":
            one.store.wipe()
        case "die" | "release":
            await begin_again(one, gives_back=fault == "release")
        case _:
            befall_the_way(one.way, fault, seconds)


def befall_the_way(way: Way, fault: str, seconds: float) -> None:
    match fault:
        case "cut":
            way.cut = True
        case "mend":
            way.cut, way.lost, way.slow_seconds = False, 0.0, 0.0
        case "slow":
            way.slow_seconds = seconds
        case "lose":
            way.lost = min(1.0, seconds / 25)


async def begin_again(one: Party, *, gives_back: bool) -> None:
    await one.end()
    if gives_back:
        await one.leadership.release()
    else:
        one.leadership = replace(Party(f"{one.name}'", one.store, one.dice).leadership)
        one.leadership.leases, one.leadership.clock = one.way, one.clock
    one.start()
