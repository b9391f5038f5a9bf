"""Each move, and each trap, as MECHANICS has them seen on a real control plane."""

import asyncio
from itertools import pairwise

import pytest

from controller.domain.changes import (
    Catch,
    ClearIntent,
    Freeze,
    LetGo,
    OptIn,
    Promote,
    Scale,
    Seed,
    Undo,
)
from controller.domain.policy import Policy
from controller.domain.records import GateKind, Intent, IntentAction, Ref
from controller.engine.ports import Conflict, Refused, Unavailable
from controller.simulation.trace import BY_DEPLOYMENT_CONTROLLER, Applied, Shown
from controller.simulation.weather import CrashNow, Effect
from tests.simulation.cluster.stage import REF, Stage, on_stage

V1, V2 = "exam-api-v1", "exam-api-v2"


def test_the_gate_holds_a_template_in_the_same_write() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle()
        generation = stage.workload.generation
        stage.cluster.apply_template(REF, "v2", writer="pipeline")
        assert stage.cluster.shown(REF).paused
        await stage.calm()
        assert stage.workload.held_by_us
        assert stage.workload.gate_mark == str(generation + 1) == str(stage.workload.generation)
        assert stage.workload.observed_generation == stage.workload.generation
        assert stage.workload.writer == "pipeline"
        assert stage.wanted() == {"v1": 10}
        assert stage.pods("v2") == []

    on_stage(story)


def test_without_a_gate_five_canary_pods_are_there_in_a_moment() -> None:
    async def story(stage: Stage) -> None:
        stage.cluster.gate_installed = False
        await stage.settle()
        assert stage.scene.gate is GateKind.CATCH
        stage.cluster.apply_template(REF, "v2")
        await asyncio.sleep(0.2)
        assert stage.wanted() == {"v1": 8, "v2": 5}
        await stage.apply(Catch())
        assert stage.workload.held_by_us
        await stage.calm()
        assert stage.wanted() == {"v1": 8, "v2": 5}

    on_stage(story)


def test_the_gate_leaves_alone_what_it_is_not_asked_for() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle()
        stage.cluster.set_skip(REF, "the fire brigade is here")
        stage.cluster.apply_template(REF, "v2")
        assert not stage.cluster.shown(REF).paused
        stage.cluster.set_skip(REF, None)
        await stage.calm()
        stage.cluster.set_replicas(REF, 0)
        stage.cluster.apply_template(REF, "v3")
        assert not stage.cluster.shown(REF).paused
        stage.cluster.set_replicas(REF, 2)
        stage.cluster.set_paused(REF, True)
        stage.cluster.apply_template(REF, "v4")
        shown = stage.cluster.shown(REF)
        assert shown.paused
        assert shown.mark is None

    on_stage(story)


def test_a_manifest_that_forgets_the_hold_does_not_lift_it() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle()
        stage.cluster.apply_template(REF, "v2")
        stage.cluster.apply_template(REF, "v2")
        stage.cluster.replace_manifest(REF, "v2")
        shown = stage.cluster.shown(REF)
        assert shown.paused
        assert shown.mark is not None
        assert shown.opted_in is None
        stage.cluster.set_paused(REF, False)
        assert not stage.cluster.shown(REF).paused

    on_stage(story)


def test_a_seed_is_adopted_and_the_largest_is_topped_up() -> None:
    async def story(stage: Stage) -> None:
        scene = await stage.seed(1)
        assert stage.wanted() == stage.ready() == {"v1": 12, "v2": 1}
        assert [rs.revision for rs in scene.replica_sets] == [1, 2]
        assert stage.workload.updated == 1
        assert stage.workload.held_by_us
        await stage.apply(Seed(1))
        assert len((await stage.calm()).replica_sets) == 2

    on_stage(story)


def test_without_surge_a_seed_takes_one_of_stables() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(1, surge=0, unavailable=1)
        assert stage.wanted() == {"v1": 9, "v2": 1}

    on_stage(story)


def test_an_autoscaler_is_followed_in_proportion() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(1)
        await stage.apply(Scale(((V2, 3), (V1, 10))))
        await stage.calm()
        assert stage.wanted() == {"v1": 10, "v2": 3}
        stage.cluster.set_replicas(REF, 20)
        await stage.calm()
        assert stage.wanted() == stage.ready() == {"v1": 19, "v2": 6}
        stage.cluster.set_replicas(REF, 6)
        await stage.calm()
        assert stage.wanted() == stage.ready() == {"v1": 6, "v2": 2}

    on_stage(story)


def test_as_many_canary_pods_as_replicas_are_a_promotion_once_they_are_ready() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(1)
        stage.cluster.apply_template(REF, "v2")
        await stage.calm()
        await stage.apply(Seed(1))
        await asyncio.sleep(0.5)
        assert stage.wanted() == {"v1": 1, "v2": 1}
        await stage.calm()
        assert stage.wanted() == {"v1": 0, "v2": 1}
        assert stage.workload.held_by_us

    on_stage(story)


def test_promote_finishes_and_keeps_the_canarys_pods() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(2)
        canaries = {pod.name for pod in stage.pods("v2")}
        await stage.apply(Promote())
        assert not stage.workload.paused
        assert stage.workload.gate_mark is None
        await stage.calm()
        assert stage.workload.rolled_out
        assert stage.ready() == {"v1": 0, "v2": 10}
        assert canaries <= {pod.name for pod in stage.pods("v2")}

    on_stage(story)


def test_undo_writes_the_template_back_and_stable_gets_the_next_number() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(3)
        await stage.apply(Undo(V1))
        assert stage.workload.fingerprint == "v1"
        assert not stage.workload.paused
        scene = await stage.calm()
        assert stage.ready() == {"v1": 10, "v2": 0}
        assert {rs.fingerprint: rs.revision for rs in scene.replica_sets} == {"v1": 3, "v2": 2}
        assert stage.workload.writer == "kubectl"

    on_stage(story)


def test_freeze_leaves_the_template_to_git() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(3)
        await stage.apply(Freeze(V1, 10, (V2,)))
        await stage.calm()
        assert stage.ready() == {"v1": 10, "v2": 0}
        assert stage.workload.fingerprint == "v2"
        assert stage.workload.held_by_us
        stage.cluster.set_replicas(REF, 14)
        await stage.calm()
        assert stage.ready() == {"v1": 14, "v2": 0}

    on_stage(story)


def test_the_canary_comes_back_where_it_is_cut_before_stable_has_pods() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(1, replicas=2)
        await stage.apply(Scale(((V2, 2),)))
        await stage.calm()
        assert stage.wanted() == {"v1": 0, "v2": 2}
        await stage.apply(Scale(((V2, 0), (V1, 0))))
        await stage.calm()
        assert stage.wanted() == {"v1": 0, "v2": 2}
        await stage.apply(Freeze(V1, 2, (V2,)))
        await stage.calm()
        assert stage.wanted() == {"v1": 2, "v2": 0}

    on_stage(story)


def test_a_crash_between_the_writes_of_a_freeze_leaves_stable_whole() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(3)
        done = len(stage.weather.requests)
        stage.weather.faults[done + 2] = (CrashNow(), False)
        with pytest.raises(CrashNow):
            await stage.apply(Freeze(V1, 11, (V2,)))
        assert stage.weather.requests[done:] == [Effect.WRITE, Effect.WRITE]
        assert stage.cluster.shown(REF).paused
        assert stage.wanted() == {"v1": 11, "v2": 3}
        assert stage.trace.of(Applied)[-1].real

    on_stage(story)


def test_a_write_whose_answer_is_lost_was_done_all_the_same() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(1)
        stage.weather.faults[len(stage.weather.requests) + 1] = (Unavailable("lost"), True)
        with pytest.raises(Unavailable):
            await stage.apply(Undo(V1))
        assert stage.cluster.shown(REF).template == "v1"
        assert isinstance(stage.trace.of(Applied)[-1].change, Undo)

    on_stage(story)


def test_a_decision_on_a_spec_that_moved_is_a_conflict() -> None:
    async def story(stage: Stage) -> None:
        seen = await stage.seed(1)
        stage.cluster.set_replicas(REF, 12)
        for change in (Promote(), Undo(V1)):
            with pytest.raises(Conflict):
                await stage.apply(change, seen)
        stage.cluster.resize_replica_set(REF, V2, 4)
        with pytest.raises(Conflict):
            await stage.apply(Scale(((V2, 2),)), seen)
        stage.cluster.apply_template(REF, "v3")
        with pytest.raises(Conflict):
            await stage.apply(Seed(1), seen)
        with pytest.raises(Conflict):
            await stage.apply(Scale((("exam-api-v9", 2),)), seen)

    on_stage(story)


def test_counts_that_moved_are_no_conflict_for_a_rollback_but_for_a_label() -> None:
    async def story(stage: Stage) -> None:
        seen = await stage.seed(1)
        stage.cluster.end_process(stage.pods("v2")[0])
        await asyncio.sleep(0.5)
        with pytest.raises(Conflict):
            await stage.apply(OptIn("another"), seen)
        await stage.apply(Undo(V1), seen)
        assert stage.workload.fingerprint == "v1"

    on_stage(story)


def test_what_is_gone_is_refused() -> None:
    async def story(stage: Stage) -> None:
        seen = await stage.seed(1)
        stage.cluster.delete_deployment(REF)
        for change in (Promote(), Undo(V1), Seed(2), LetGo()):
            with pytest.raises(Refused):
                await stage.apply(change, seen)
        stage.cluster.delete_canary(REF)
        with pytest.raises(Refused):
            await stage.port.commit(REF, seen.status, seen.version)
        await asyncio.sleep(5)
        assert stage.cluster.pods(REF) == ()
        assert stage.port.scene(REF) is None

    on_stage(story)


def test_a_command_is_cleared_unless_it_is_another_one_by_now() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle()
        first = Intent(action=IntentAction.HOLD, id="1")
        stage.cluster.command(REF, first)
        await stage.calm()
        stage.cluster.command(REF, Intent(action=IntentAction.RESUME, id="2"))
        await stage.calm()
        await stage.apply(ClearIntent("1"))
        assert stage.scene.intent is not None
        await stage.apply(ClearIntent("2"))
        assert stage.scene.intent is None

    on_stage(story)


def test_a_template_that_comes_back_has_its_replica_set_again() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(3)
        stage.cluster.set_skip(REF, "history")
        for number in range(2, 16):
            stage.cluster.apply_template(REF, f"v{number}")
            await stage.calm()
        assert len(stage.scene.replica_sets) == 11
        stage.cluster.apply_template(REF, "v9")
        scene = await stage.calm()
        assert stage.ready()["v9"] == 3
        assert max(scene.replica_sets, key=lambda rs: rs.revision).fingerprint == "v9"
        assert len(scene.replica_sets) == 11

    on_stage(story)


def test_let_go_takes_label_and_mark_and_leaves_the_pause() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(1)
        stage.cluster.delete_canary(REF)
        await asyncio.sleep(1)
        assert stage.port.scene(REF) is None
        await stage.port.let_go(REF)
        shown = stage.cluster.shown(REF)
        assert (shown.paused, shown.mark, shown.opted_in) == (True, None, None)
        await stage.port.let_go(REF)

    on_stage(story)


def test_several_deployments_in_several_namespaces_do_not_meet() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(3)
        others = [Ref("exams", "other"), Ref("shop", "exam-api")]
        for other in others:
            stage.cluster.create_deployment(other, "v1", replicas=2, surge=1, unavailable=0)
            stage.cluster.create_canary(other, Policy(target=other.name))
        await stage.calm()
        stage.cluster.apply_template(others[1], "v2")
        await stage.calm()
        assert stage.wanted() == {"v1": 3}
        assert {one.fingerprint for one in stage.cluster.shown(others[1]).sets} == {"v1", "v2"}
        assert stage.port.refs() == (REF, *others)
        scene = stage.port.scene(others[0])
        assert scene is not None
        assert len(scene.pods) == 2

    on_stage(story)


def test_everything_that_is_seen_of_a_deployment_is_in_the_trace_with_its_author() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(1)

    trace = on_stage(story)
    shown = trace.of(Shown)
    assert all(
        (one.sets, one.paused, one.opted_in) != (other.sets, other.paused, other.opted_in)
        for one, other in pairwise(shown)
    )
    authors = [one.by for one in shown]
    assert authors[:3] == ["person", "p", "person"]
    assert BY_DEPLOYMENT_CONTROLLER in authors
    assert authors[-1] == "node"


def test_the_same_seed_gives_the_same_trace() -> None:
    async def story(stage: Stage) -> None:
        await stage.seed(2)
        stage.cluster.end_process(stage.pods("v2")[0], log="oh")
        await stage.apply(Promote())
        await stage.calm()

    assert on_stage(story, 7).dump() == on_stage(story, 7).dump()
    assert on_stage(story, 7).dump() != on_stage(story, 8).dump()
