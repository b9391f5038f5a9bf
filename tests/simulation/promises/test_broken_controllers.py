"""Each promise is broken by a controller that is broken on purpose, and the checkers say so."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from controller.domain.changes import Change, Promote, Scale, Seed, Undo
from controller.domain.lifecycle import Phase
from controller.domain.policy import Mode
from controller.domain.records import ReplicaSet
from controller.domain.snapshot import Scene
from controller.domain.status import Status
from controller.simulation.scenario import Scenario
from controller.simulation.world import CANARY, REF, World
from tests.simulation.promises.broken import (
    Mute,
    Stutterer,
    exaggerated,
    with_cluster,
    with_metrics,
    with_notifier,
    zeros_for_missing,
)
from tests.simulation.promises.releases import (
    BAD,
    BLIND,
    HEALTHY,
    RARE,
    broken_by,
    names,
    played,
)


@pytest.mark.parametrize("scenario", [HEALTHY, BAD, BLIND, RARE], ids=lambda s: s.name)
def test_the_real_controller_breaks_none(scenario: Scenario) -> None:
    run = played(None, scenario)
    assert run.outcome.ending is scenario.expect
    assert broken_by(None, scenario) == ()


def _canary(scene: Scene) -> ReplicaSet:
    return next(rs for rs in scene.replica_sets if rs.fingerprint == CANARY)


def test_s1_more_pods_after_worse() -> None:
    def instead(change: Change, scene: Scene) -> Change:
        if not isinstance(change, Undo):
            return change
        return Scale(((_canary(scene).name, 3),))

    assert "S1" in names(broken_by(with_cluster(applies=instead), BAD))


def test_s1_a_promotion_after_worse() -> None:
    def instead(change: Change, _scene: Scene) -> Change:
        return Promote() if isinstance(change, Undo) else change

    assert "S1" in names(broken_by(with_cluster(applies=instead), BAD))


def test_s2_no_data_taken_for_no_errors() -> None:
    broken = broken_by(with_metrics(zeros_for_missing), BLIND)
    assert "S2" in names(broken)
    assert any("no answer of the metrics was known" in sentence for sentence in broken)


def test_s2_requests_that_nobody_made() -> None:
    broken = broken_by(with_metrics(exaggerated), RARE)
    assert any("was not tried on the canary" in sentence for sentence in broken)


def test_s3_a_canary_with_too_many_pods() -> None:
    def instead(change: Change, _scene: Scene) -> Change:
        return Seed(change.replicas + 1) if isinstance(change, Seed) else change

    broken = broken_by(with_cluster(applies=instead), HEALTHY)
    assert any("step 1 allows 1" in sentence for sentence in broken)


def test_s3_stable_is_taken_away_first() -> None:
    once: list[Change] = []

    def instead(change: Change, scene: Scene) -> Change:
        if not isinstance(change, Scale) or once:
            return change
        once.append(change)
        stable = next(rs.name for rs in scene.replica_sets if rs.fingerprint != CANARY)
        return Scale(((stable, 1),))

    broken = broken_by(with_cluster(applies=instead), HEALTHY)
    assert any("left" in sentence and "needed" in sentence for sentence in broken)


def test_s3_a_step_that_is_jumped() -> None:
    def leaping(status: Status) -> Status:
        release = status.release
        if release is None or release.step != 1:
            return status
        return replace(status, release=replace(release, step=2))

    step = replace(HEALTHY.policy.steps[1], min_duration=timedelta(seconds=60))
    three = replace(HEALTHY.policy, steps=(*HEALTHY.policy.steps, replace(step, approval=True)))
    broken = broken_by(with_cluster(commits=leaping), replace(HEALTHY, policy=three))
    assert any("step 2 was jumped" in sentence for sentence in broken)


def test_s4_a_move_that_is_not_in_the_table() -> None:
    def hasty(status: Status) -> Status:
        if status.phase is Phase.ROLLING_BACK:
            return replace(status, phase=Phase.ROLLED_BACK)
        return status

    assert "S4" in names(broken_by(with_cluster(commits=hasty), BAD))


def test_s5_a_release_that_ends_twice() -> None:
    def again(status: Status) -> Status:
        if status.phase is not Phase.ROLLED_BACK or len(status.history) != 1:
            return status
        (past,) = status.history
        later = replace(past, ended_at=past.ended_at + timedelta(seconds=1))
        return replace(status, history=(past, later))

    assert "S5" in names(broken_by(with_cluster(commits=again), BAD))


def test_s6_its_own_rollback_taken_for_a_canary() -> None:
    def forgetful(status: Status) -> Status:
        release = status.release
        if status.phase is not Phase.ROLLED_BACK or release is None:
            return status
        return replace(status, stable=release.canary)

    assert "S6" in names(broken_by(with_cluster(commits=forgetful), BAD))


def test_s6_evidence_of_another_template() -> None:
    def lazy(status: Status) -> Status:
        release = status.release
        if status.phase is not Phase.SEEDING or release is None:
            return status
        return replace(status, release=replace(release, step=1))

    assert "S6" in names(broken_by(with_cluster(commits=lazy), HEALTHY))


def test_s7_a_deployment_that_a_person_paused() -> None:
    async def pausing(world: World) -> None:
        await asyncio.sleep(10.0)
        world.cluster.set_paused(REF, paused=True)

    def blind_to_it(scene: Scene) -> Scene:
        workload = scene.workload
        if workload is None or not workload.paused_by_a_person:
            return scene
        return replace(scene, workload=replace(workload, paused=False))

    broken = broken_by(with_cluster(shows=blind_to_it), HEALTHY, visitor=pausing)
    assert "S7" in names(broken)


def test_s7_mode_observe_that_enforces() -> None:
    def enforcing(scene: Scene) -> Scene:
        return replace(scene, policy=HEALTHY.policy)

    watched = replace(HEALTHY, policy=replace(HEALTHY.policy, mode=Mode.OBSERVE))
    assert names(broken_by(None, watched)) == set()
    assert "S7" in names(broken_by(with_cluster(shows=enforcing), watched))


def test_s8_the_same_thing_under_two_keys() -> None:
    assert "S8" in names(broken_by(with_notifier(Stutterer), HEALTHY))


def test_s8_what_nobody_was_told() -> None:
    broken = broken_by(with_notifier(lambda _real: Mute()), HEALTHY)
    assert any("Started" in sentence and "never told" in sentence for sentence in broken)


def test_l1_a_rollback_that_is_never_made() -> None:
    def instead(change: Change, _scene: Scene) -> Change | None:
        return None if isinstance(change, Undo) else change

    stuck = replace(BAD, limit_seconds=1800.0, people_seconds=0.0)
    assert "L1" in names(broken_by(with_cluster(applies=instead), stuck))


def test_a_bug_is_a_broken_promise() -> None:
    def crooked(scene: Scene) -> Scene:
        assert scene.status.phase is not Phase.ANALYSING, "on purpose"
        return scene

    broken = broken_by(with_cluster(shows=crooked), replace(HEALTHY, limit_seconds=120.0))
    assert any("had a bug" in sentence for sentence in broken)
