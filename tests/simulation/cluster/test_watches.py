"""What a process sees, and when: lists, watches that lag, own writes, announcements."""

import asyncio
from dataclasses import replace

import pytest

from controller.domain.changes import Occurrence, OptIn, Scale
from controller.domain.policy import Policy
from controller.domain.records import GateKind, Ref
from controller.domain.status import Status
from controller.engine.ports import Conflict, Unavailable
from controller.simulation.cluster import Connection
from controller.simulation.trace import Committed, LetGo, Noted
from controller.simulation.weather import Kind
from tests.simulation.cluster.stage import REF, Moody, Stage, on_stage


class Ear:
    """A reader of the announcements: `heard` is what came within so long."""

    def __init__(self, connection: Connection) -> None:
        self._refs: list[Ref] = []
        self._task = asyncio.get_running_loop().create_task(self._follow(connection))

    async def _follow(self, connection: Connection) -> None:
        async for ref in connection.changes():
            self._refs.append(ref)

    async def heard(self, seconds: float) -> list[Ref]:
        self._refs.clear()
        await asyncio.sleep(seconds)
        return list(self._refs)


def test_nothing_is_known_before_the_lists_and_then_everything_is_announced() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        weather = Moody(lag_seconds={Kind.POD: 3.0})
        other = stage.cluster.connect("q", weather)
        assert other.refs() == ()
        ear = Ear(other)
        stage.cluster.set_replicas(REF, 3)
        assert await ear.heard(2.0) == []
        assert set(await ear.heard(2.0)) == {REF}
        scene = other.scene(REF)
        assert scene is not None
        assert len(scene.pods) == 3

    on_stage(story)


def test_updates_of_one_kind_arrive_in_order_and_kinds_lag_by_themselves() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        stage.weather.lag_seconds[Kind.WORKLOAD] = 10.0
        stage.cluster.set_replicas(REF, 3)
        await asyncio.sleep(5)
        assert stage.workload.replicas == 2
        assert len(stage.scene.pods) == 3
        stage.weather.lag_seconds[Kind.WORKLOAD] = 0.001
        stage.cluster.set_replicas(REF, 4)
        await asyncio.sleep(2)
        assert stage.workload.replicas == 2
        await asyncio.sleep(6)
        assert stage.workload.replicas == 4

    on_stage(story)


def test_own_writes_show_at_once_and_an_older_update_does_not_undo_them() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(1)
        stage.weather.lag_seconds[Kind.REPLICA_SET] = 5.0
        stage.cluster.resize_replica_set(REF, "exam-api-v1", 11)
        await stage.apply(Scale((("exam-api-v2", 2),)))
        sizes = []
        for _ in range(60):
            await asyncio.sleep(0.1)
            sizes.append({rs.fingerprint: rs.replicas for rs in stage.scene.replica_sets}["v2"])
        assert set(sizes) == {2}

    on_stage(story)


def test_a_watch_that_repeats_an_own_write_is_no_news() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2, opted_in=False)
        ear = Ear(stage.port)
        assert await ear.heard(1.0) == [REF]
        seen = stage.scene
        _, refs = await asyncio.gather(stage.apply(OptIn(REF.name), seen), ear.heard(5.0))
        assert refs == [REF]
        status = Status(message="hello")
        _, refs = await asyncio.gather(
            stage.port.commit(REF, status, stage.scene.version), ear.heard(5.0)
        )
        assert refs == []

    on_stage(story)


def test_a_commit_counts_only_for_the_version_that_was_seen() -> None:
    async def story(stage: Stage) -> None:
        seen = (await stage.settle(2)).version
        version = await stage.port.commit(REF, Status(message="one"), seen)
        assert stage.scene.version == version
        assert stage.scene.status.message == "one"
        with pytest.raises(Conflict):
            await stage.port.commit(REF, Status(message="two"), seen)
        assert await stage.port.commit(REF, Status(message="one"), version) == version
        stage.cluster.set_policy(REF, Policy(target=REF.name, rollback_window=1))
        with pytest.raises(Conflict):
            await stage.port.commit(REF, Status(message="three"), version)
        await asyncio.sleep(1)
        assert stage.scene.generation == 2

    assert len(on_stage(story).of(Committed)) == 1


def test_an_announcement_that_is_lost_leaves_the_update_known() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        ear = Ear(stage.port)
        await ear.heard(1.0)
        stage.weather.times = 0
        stage.cluster.apply_template(REF, "v2")
        assert await ear.heard(1.0) == []
        assert stage.workload.held_by_us
        stage.weather.times = 3
        stage.cluster.set_skip(REF, "once")
        assert await ear.heard(1.0) == [REF] * 3

    on_stage(story)


def test_a_canary_that_is_gone_is_announced_and_found_by_the_next_process() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        ear = Ear(stage.port)
        await ear.heard(1.0)
        stage.cluster.delete_canary(REF)
        assert REF in await ear.heard(1.0)
        assert stage.port.scene(REF) is None
        other = stage.cluster.connect("q", Moody())
        assert await Ear(other).heard(1.0) == [REF]
        await other.let_go(REF)
        third = stage.cluster.connect("r", Moody())
        assert await Ear(third).heard(1.0) == []

    trace = on_stage(story)
    assert [entry.process for entry in trace.of(LetGo)] == ["q"]
    assert [entry.occurrence.reason for entry in trace.of(Noted)] == ["LetGo"]


def test_the_older_of_two_canaries_is_the_rival_of_the_other() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        second = replace(REF, name="another")
        stage.cluster.create_canary(second, Policy(target=REF.name))
        await asyncio.sleep(1)
        other = stage.port.scene(second)
        assert other is not None
        assert other.rival == REF.name
        assert stage.scene.rival is None
        stage.cluster.delete_canary(REF)
        await asyncio.sleep(1)
        other = stage.port.scene(second)
        assert other is not None
        assert other.rival is None

    on_stage(story)


def test_the_gate_is_seen_to_go_within_a_minute() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        assert stage.scene.gate is GateKind.POLICY
        stage.cluster.gate_installed = False
        await asyncio.sleep(60)
        assert stage.scene.gate is GateKind.CATCH

    on_stage(story)


def test_a_process_that_is_gone_sees_and_does_nothing() -> None:
    async def story(stage: Stage) -> None:
        seen = await stage.settle(2)
        stage.port.close()
        stage.port.close()
        stage.cluster.set_replicas(REF, 5)
        await stage.calm()
        assert stage.workload.replicas == 2
        with pytest.raises(Unavailable):
            await stage.port.commit(REF, Status(message="x"), seen.version)

    on_stage(story)


def test_an_event_that_cannot_be_written_costs_nothing_else() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        stage.weather.faults[len(stage.weather.requests) + 1] = (Unavailable("away"), False)
        await stage.port.record(REF, Occurrence(reason="One", message="lost"))
        await stage.port.record(REF, Occurrence(reason="Two", message="written"))
        await stage.port.record(Ref("exams", "nobody"), Occurrence(reason="Three", message="no"))

    assert [entry.occurrence.reason for entry in on_stage(story).of(Noted)] == ["Two"]
