"""Two replicas in the simulated world: one acts, both know, and a handover costs nothing."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest

from controller.cli.policies import parse_policy
from controller.domain.changes import Change, Occurrence
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Result, Status
from controller.engine.journal import Journal
from controller.engine.leadership import Leadership
from controller.engine.ports import Cluster
from controller.engine.replica import Replica
from controller.engine.service import Hooks, Ports, memory_of
from controller.simulation.loop import play
from controller.simulation.scenarios import catalogue
from controller.simulation.trace import Applied, Committed
from controller.simulation.world import REF, World, body, opened
from tests.engine.leases import Store, Way

LIMIT_SECONDS: Final = 4_000


class Fenced:
    """A replica's view of the cluster, whose writes its Lease has to allow.

    A process that is stopped is so between a decision and its write, too.
    """

    def __init__(self, cluster: Cluster, leadership: Leadership, way: Way) -> None:
        self._cluster = cluster
        self._leadership = leadership
        self._way = way

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def _pass(self) -> None:
        await self._way.thawed()
        self._leadership.check()

    async def commit(self, ref: Ref, status: Status, seen: str) -> str:
        await self._pass()
        return await self._cluster.commit(ref, status, seen)

    async def apply(self, ref: Ref, change: Change, seen: Scene) -> None:
        await self._pass()
        await self._cluster.apply(ref, change, seen)

    async def record(self, ref: Ref, occurrence: Occurrence) -> None:
        await self._pass()
        await self._cluster.record(ref, occurrence)

    async def let_go(self, ref: Ref) -> None:
        await self._pass()
        await self._cluster.let_go(ref)


class Torn(Journal):
    """One in which nothing can be written."""

    def witness(self, scene: Scene, before: Status, at: datetime) -> None:
        raise ZeroDivisionError("a bug")


class Nobody:
    def released(self, result: Result, cause: str) -> None: ...

    def rollback_sent(self, seconds: float) -> None: ...


class House:
    """A world with two replicas."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = Store()
        self.replicas: dict[str, Replica] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.ways: dict[str, Way] = {}
        self.failures: list[str] = []

    def start(self, name: str) -> None:
        made = body(self.world, name, self.world.sky)
        dice = random.Random(name)
        self.ways[name] = Way(self.store, dice)
        leadership = Leadership(
            leases=self.ways[name], clock=made.clock, name=name, dice=dice, seconds=10
        )
        ports = Ports(
            cluster=Fenced(made.cluster, leadership, self.ways[name]),
            metrics=made.metrics,
            notifier=made.notifier,
            clock=made.clock,
            dice=dice,
        )
        self.replicas[name] = Replica(
            ports=ports,
            hooks=Hooks(observer=Nobody(), failed=self.failures.append),
            leadership=leadership,
            memory=memory_of(made.clock, lambda _entry: None),
        )
        self.tasks[name] = asyncio.create_task(self.replicas[name].run())

    async def kill(self, name: str) -> None:
        """SIGKILL: the Lease is not given back."""
        self.ways[name].cut = True
        await self.stop(name)

    async def stop(self, name: str) -> None:
        """SIGTERM."""
        self.tasks[name].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.tasks[name]

    async def leader(self) -> str:
        def leading() -> list[str]:
            return [name for name, one in self.replicas.items() if one.leads]

        await self.until(lambda: bool(leading()))
        (name,) = leading()
        return name

    def other(self, name: str) -> str:
        return next(one for one in self.replicas if one != name)

    def status(self) -> Status:
        made = [e for e in self.world.trace.entries if isinstance(e, Committed)]
        return made[-1].status if made else Status()

    async def until(self, holds: Any, limit: float = LIMIT_SECONDS) -> None:
        end = self.world.now + limit
        while not holds():
            assert self.world.now < end, f"not in {limit} s: {self.status()}"
            await asyncio.sleep(0.1)

    def assert_one_actor(self) -> None:
        """Whoever wrote had written the Lease last."""
        holds = sorted(self.store.writes)
        acts = [e for e in self.world.trace.entries if isinstance(e, Committed | Applied)]
        assert acts
        for act in acts:
            before = [holder for at, holder in holds if at <= act.at]
            assert before, f"{act.process} wrote before anybody led"
            assert before[-1] == act.process, f"{act.process} wrote while {before[-1]} led"


@asynccontextmanager
async def house(name: str, seed: int = 7) -> AsyncIterator[House]:
    scenario = catalogue.scenario(name, parse_policy)
    async with opened(scenario, seed, with_controller=False) as world:
        world.cluster.create_canary(REF, scenario.policy)
        made = House(world)
        for replica in ("a", "b"):
            made.start(replica)
        await made.until(lambda: made.status().stable is not None)
        await asyncio.sleep(20)
        yield made
        for replica in made.replicas:
            await made.stop(replica)
    assert "bug" not in made.failures


def results(status: Status) -> list[Result]:
    return [past.result for past in status.history]


@pytest.mark.parametrize("how", ["killed", "stopped", "cut off", "frozen"])
@pytest.mark.parametrize("phase", [Phase.SEEDING, Phase.ANALYSING, Phase.ROLLING_BACK])
def test_the_incident_ends_as_ever_whatever_befalls_the_leader(phase: Phase, how: str) -> None:
    async def story() -> None:
        async with house("incident") as made:
            leader = await made.leader()
            made.world.push()
            await made.until(lambda: made.status().phase is phase or results(made.status()))
            match how:
                case "killed":
                    await made.kill(leader)
                case "stopped":
                    await made.stop(leader)
                case "cut off":
                    made.ways[leader].cut = True
                case _:
                    made.ways[leader].frozen_until = made.world.now + 60
            await made.until(lambda: results(made.status()))
            await asyncio.sleep(120)
            assert results(made.status()) == [Result.ROLLED_BACK]
            made.assert_one_actor()
            assert (await made.leader() == leader) is False

    play(story())


def test_whoever_stands_by_knows_what_goes_on() -> None:
    async def story() -> None:
        async with house("incident") as made:
            leader = await made.leader()
            standby = made.replicas[made.other(leader)]
            made.world.push()
            await made.until(lambda: results(made.status()))
            await asyncio.sleep(5)
            course = standby.courses.of(REF)
            assert course is not None
            assert course.points
            moved = [entry.plan.status.phase for entry in standby.journal.of(REF)]
            assert moved[-1] is Phase.ROLLED_BACK
            assert Phase.ANALYSING in moved
            assert not any(entry.decided for entry in standby.journal.of(REF))
            assert all(entry.decided for entry in made.replicas[leader].journal.of(REF))
            assert standby.service is None
            assert standby.heartbeat > 0

    play(story())


def test_a_term_that_is_over_leaves_nothing_running() -> None:
    async def story() -> None:
        async with house("incident") as made:
            leader = await made.leader()
            before = names()
            for _ in range(4):
                for way in made.ways.values():
                    way.cut = True
                await asyncio.sleep(60)
                assert not any(one.leads for one in made.replicas.values())
                for way in made.ways.values():
                    way.cut = False
                await made.leader()
                await asyncio.sleep(30)
                assert names() == before, "one leads, and one stands by, as before"
            assert leader in made.replicas

    def names() -> Counter[str]:
        """What runs, by the coroutine's name: tasks of their own have numbers."""
        return Counter(str(getattr(t.get_coro(), "__qualname__", "")) for t in asyncio.all_tasks())

    play(story())


def test_what_cannot_be_shown_keeps_nobody_from_standing_by(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        async with house("incident") as made:
            standby = made.replicas[made.other(await made.leader())]
            torn = Torn(epoch="torn", kept=lambda _entry: None)
            standby.memory = replace(standby.memory, journal=torn)
            made.world.push()
            await made.until(lambda: results(made.status()))
            assert "bug" in made.failures
            made.failures.clear()
            await made.stop(await made.leader())
            await made.leader()

    play(story())
    assert "A change was not taken in: this is a bug" in caplog.messages
