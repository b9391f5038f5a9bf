"""What `decide` makes of a Deployment on a table, from the first look to every kind of end."""

from dataclasses import replace
from datetime import timedelta

from controller.domain.changes import Catch, ClearIntent, Freeze, OptIn, Promote, Scale, Seed, Undo
from controller.domain.evidence import History
from controller.domain.lifecycle import Phase
from controller.domain.plan import decide
from controller.domain.policy import Mode, OnInconclusive, RollbackStrategy, Share, Step
from controller.domain.readings import Counts, Missing
from controller.domain.records import GateKind, IntentAction, Problem
from controller.domain.snapshot import Snapshot
from controller.domain.status import NoticeKind, Result
from tests.domain.tabletop import POLICY, START, Table, alone, on_trial, settled


def test_what_runs_when_a_canary_is_first_seen_is_stable() -> None:
    table = settled()
    assert table.status.stable is not None
    assert table.status.stable.fingerprint == "A"
    assert table.status.phase is Phase.IDLE
    assert table.changes == [OptIn("exam-api")]


def test_a_rollout_that_is_under_way_at_first_sight_is_left_alone() -> None:
    table = Table(template="B", sets={"A": 4, "B": 6})
    table.looks(3)
    assert table.status.stable is None
    assert table.changes == [OptIn("exam-api")]


def test_a_held_template_is_seeded_with_the_first_steps_pods() -> None:
    table = settled()
    table.apply_template("B")
    table.looks(2)
    assert table.changes[-1] == Seed(1)
    assert table.sets == {"A": 12, "B": 1}
    table.looks(2)
    assert table.status.phase is Phase.ANALYSING
    assert table.status.outbox[-1].kind is NoticeKind.STARTED


def test_a_rollout_past_the_gate_is_caught_and_taken_back_to_the_step() -> None:
    table = on_trial(gate=GateKind.CATCH)
    assert Catch() in table.changes
    assert table.sets == {"A": 12, "B": 1}
    assert table.status.phase is Phase.ANALYSING


def test_a_good_canary_goes_from_step_to_step_and_is_promoted() -> None:
    table = on_trial()
    table.looks(200, seconds=5)
    assert table.sets["B"] == 5 or table.status.phase is Phase.PROMOTING
    assert table.status.phase is Phase.PROMOTING
    assert table.changes[-1] == Promote()
    table.finish_rollout()
    table.looks(2)
    assert table.status.phase is Phase.BAKING
    table.looks(30, seconds=5)
    assert table.status.phase is Phase.PROMOTED
    assert table.status.stable is not None
    assert table.status.stable.fingerprint == "B"
    assert table.status.recent_stables == ("A",)
    assert table.status.history[-1].result is Result.PROMOTED


def test_the_first_crash_holds_the_step_and_a_later_one_rolls_back() -> None:
    table = on_trial(policy=alone())
    table.deaths["B-0"] = 1
    table.looks(7, seconds=5)
    assert table.status.phase is Phase.ANALYSING
    assert table.status.release is not None
    assert table.status.release.step == 0
    table.deaths["B-0"] = 3
    table.look()
    assert table.status.phase is Phase.ROLLING_BACK
    assert table.changes[-1] == Undo("rs-A")


def test_a_rollback_is_told_with_cause_and_duration_and_quarantines_the_template() -> None:
    table = on_trial(policy=alone())
    table.deaths["B-0"] = 4
    table.looks(3)
    assert table.status.phase is Phase.ROLLED_BACK
    told = [n for n in table.status.outbox if n.kind is NoticeKind.ROLLED_BACK]
    assert len(told) == 1
    facts = dict(told[0].facts)
    assert "Crashes: canary 4" in facts["Reason"]
    assert "after the decision" in facts["Took"]
    assert facts["Done"].startswith("Undo")
    assert [r.fingerprint for r in table.status.rejected] == ["B"]
    assert sum(isinstance(c, Undo) for c in table.changes) == 1


def test_errors_on_one_route_roll_back() -> None:
    table = on_trial()
    table.looks(3, seconds=5)
    for _ in range(20):
        table.requests = table.traffic(canary=Counts(30, 100))
        table.look(5)
    assert table.status.phase is Phase.ROLLED_BACK


def test_a_rejected_template_applied_again_is_held_with_no_pods_and_names_the_writer() -> None:
    table = on_trial(policy=alone())
    table.deaths["B-0"] = 4
    table.looks(3)
    table.apply_template("B")
    table.looks(3)
    assert table.status.phase is Phase.QUARANTINED
    assert table.sets["B"] == 0
    assert table.paused
    assert "kubectl" in table.status.message
    table.deaths.clear()
    table.command(IntentAction.RETRY)
    table.looks(4)
    assert table.status.phase in {Phase.SEEDING, Phase.ANALYSING}
    assert table.status.rejected == ()


def test_gitops_metadata_makes_auto_freeze() -> None:
    table = on_trial(policy=alone(), gitops="argo-cd")
    table.deaths["B-0"] = 4
    table.looks(3)
    assert table.status.phase is Phase.ROLLED_BACK
    assert any(isinstance(c, Freeze) for c in table.changes)
    assert not any(isinstance(c, Undo) for c in table.changes)
    assert (table.template, table.paused) == ("B", True)
    assert table.sets == {"A": 10, "B": 0}


def test_a_frozen_rollback_stays_quiet_until_the_template_changes() -> None:
    table = on_trial(policy=alone(), gitops="flux")
    table.deaths["B-0"] = 4
    table.looks(3)
    done = len(table.changes)
    table.looks(10)
    assert len(table.changes) == done
    table.template = "A"
    table.looks(2)
    assert table.changes[-1] == Promote()
    assert not table.paused


def test_whoever_puts_the_rejected_template_back_is_not_fought() -> None:
    table = on_trial(policy=alone())
    table.deaths["B-0"] = 4
    table.look()
    assert table.status.phase is Phase.ROLLING_BACK
    table.look()
    undone = sum(isinstance(c, Undo) for c in table.changes)
    for _ in range(10):
        table.apply_template("B")
        table.looks(3)
    assert sum(isinstance(c, Undo) for c in table.changes) == undone
    assert table.sets["B"] == 0


def test_blind_metrics_never_promote_and_hold_at_the_end_of_the_step() -> None:
    table = on_trial()
    table.requests = Missing("unreachable", "connection refused")
    table.looks(400, seconds=5)
    assert table.status.phase is Phase.HOLDING
    assert "unreachable" in table.status.message
    assert Promote() not in table.changes


def test_blind_metrics_still_roll_back_on_crashes() -> None:
    table = on_trial()
    table.requests = Missing("unreachable")
    table.deaths["B-0"] = 4
    table.looks(3)
    assert table.status.phase is Phase.ROLLED_BACK


def test_continue_goes_on_when_undecided_but_never_when_blind() -> None:
    steps = (Step(canary=Share(pods=1), max_duration=timedelta(minutes=2)),)
    policy = replace(POLICY, steps=steps, on_inconclusive=OnInconclusive.CONTINUE)
    undecided = on_trial(policy=policy)
    for _ in range(60):
        undecided.requests = undecided.traffic(canary=Counts(0, 1), stable=Counts(0, 1))
        undecided.look(5)
    assert Promote() in undecided.changes
    blind = on_trial(policy=policy)
    blind.requests = Missing("stale")
    blind.looks(60, seconds=5)
    assert blind.status.phase is Phase.HOLDING


def test_a_persons_pause_is_left_alone() -> None:
    table = settled()
    table.paused = True
    table.looks(2)
    assert table.status.phase is Phase.PAUSED_BY_USER
    table.template = "B"
    before = len(table.changes)
    table.looks(5)
    assert len(table.changes) == before
    table.paused = False
    table.sets["B"] = 3
    table.looks(3)
    assert table.status.phase in {Phase.SEEDING, Phase.ANALYSING}


def test_a_third_template_supersedes_and_stable_stays() -> None:
    table = on_trial()
    table.apply_template("C")
    table.looks(6)
    assert table.status.release is not None
    assert table.status.release.canary.fingerprint == "C"
    assert table.status.stable is not None
    assert table.status.stable.fingerprint == "A"
    assert table.sets == {"A": 12, "B": 0, "C": 1}
    assert table.status.history[-1].result is Result.SUPERSEDED


def test_stables_template_coming_back_withdraws_the_release() -> None:
    table = on_trial()
    table.template = "A"
    table.looks(3)
    assert table.status.phase is Phase.WITHDRAWN
    assert not table.paused


def test_one_replica_rolls_out_and_is_rolled_back_when_it_crashes() -> None:
    table = settled(policy=alone(), replicas=1, surge=1, unavailable=0, sets={"A": 1})
    table.apply_template("B")
    table.looks(2)
    assert table.changes[-1] == Promote()
    table.finish_rollout()
    table.looks(2)
    assert table.status.phase is Phase.BAKING
    table.deaths["B-0"] = 5
    table.looks(3)
    assert table.status.phase is Phase.ROLLED_BACK
    assert table.template == "A"


def test_a_template_that_was_stable_before_is_let_through_at_once() -> None:
    table = on_trial()
    table.looks(200, seconds=5)
    table.finish_rollout()
    table.looks(40, seconds=5)
    assert table.status.phase is Phase.PROMOTED
    table.apply_template("A")
    table.looks(2)
    assert table.changes[-1] == Promote()
    assert table.status.phase is Phase.PROMOTING
    assert "rollback must not wait" in table.status.message


def test_a_skip_annotation_lets_one_change_through_on_record() -> None:
    table = settled(skip="hotfix 4711")
    table.apply_template("B")
    table.looks(2)
    assert table.status.phase is Phase.PROMOTING
    assert "hotfix 4711" in table.status.message
    table.look()
    table.finish_rollout()
    table.looks(4)
    assert table.status.phase is Phase.PROMOTED
    table.apply_template("C")
    table.looks(4)
    assert table.status.phase is Phase.ANALYSING


def test_a_bake_without_sight_lasts_longer_but_not_for_ever() -> None:
    table = on_trial()
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    table.finish_rollout()
    table.requests = Missing("unreachable")
    table.looks(20, seconds=10)
    assert table.status.phase is Phase.BAKING
    assert "unreachable" in table.status.message
    table.looks(40, seconds=10)
    assert table.status.phase is Phase.PROMOTED


def test_a_change_of_n_is_followed() -> None:
    table = on_trial()
    table.replicas = 20
    table.sets = {"A": 20, "B": 3}
    table.looks(2)
    assert table.sets == {"A": 22, "B": 1}


def test_no_surge_takes_stable_down_by_the_canary() -> None:
    table = on_trial(surge=0, unavailable=1)
    assert table.sets == {"A": 9, "B": 1}


def test_commands_are_taken_once_and_then_cleared() -> None:
    table = on_trial()
    table.command(IntentAction.HOLD)
    table.looks(3)
    assert table.status.phase is Phase.HOLDING
    assert any(isinstance(c, ClearIntent) for c in table.changes)
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    assert table.status.phase is Phase.PROMOTING


def test_a_command_for_another_revision_does_nothing() -> None:
    table = on_trial()
    table.command(IntentAction.ROLLBACK, revision="Z")
    plan = table.look()
    assert table.status.phase is Phase.ANALYSING
    assert plan.occurrences[-1].reason == "CommandRefused"


def test_a_persons_rollback_is_done_at_once() -> None:
    table = on_trial()
    table.command(IntentAction.ROLLBACK, reason="the shop is slow")
    table.look()
    assert table.changes[-1] == Undo("rs-A")
    assert "the shop is slow" in table.status.message


def test_approval_waits_for_a_person() -> None:
    step = Step(canary=Share(pods=1), min_duration=timedelta(seconds=10), approval=True)
    table = on_trial(policy=replace(alone(), steps=(step,)))
    table.looks(10, seconds=5)
    assert table.status.phase is Phase.HOLDING
    assert "approval" in table.status.message
    table.command(IntentAction.PROMOTE)
    table.looks(2)
    assert table.status.phase is Phase.PROMOTING


def test_observe_touches_nothing_and_says_what_it_would_have_done() -> None:
    table = settled(policy=replace(alone(), mode=Mode.OBSERVE))
    table.apply_template("B")
    table.looks(3)
    table.deaths["B-0"] = 5
    plan = table.look()
    assert table.changes == []
    assert plan.occurrences[0].reason == "WouldRollBack"


def test_bad_input_is_said_once_with_field_and_remedy_and_nothing_is_done() -> None:
    table = settled()
    problem = Problem(reason="InvalidSpec", field="spec.steps[0].canary", message="x", remedy="y")
    scene = replace(table.scene(), policy=problem)
    plan = decide(Snapshot(scene=scene, now=START))
    assert plan.change is None
    assert plan.occurrences[0].reason == "InvalidSpec"
    ready = next(c for c in plan.status.conditions if c.type == "Ready")
    assert (ready.status, ready.message) == ("False", "spec.steps[0].canary: x. y")
    again = decide(Snapshot(scene=replace(scene, status=plan.status), now=START))
    assert again.occurrences == ()


def test_recreate_and_a_missing_target_are_conditions() -> None:
    scene = settled().scene()
    assert scene.workload is not None
    recreate = replace(scene, workload=replace(scene.workload, strategy="Recreate"))
    for wrong, reason in (
        (recreate, "StrategyNotSupported"),
        (replace(scene, workload=None), "TargetNotFound"),
        (replace(scene, rival="older"), "TargetTaken"),
    ):
        plan = decide(Snapshot(scene=wrong, now=START))
        assert plan.change is None
        assert plan.status.conditions[0].reason == reason


def test_capacity_is_kept_when_a_promotion_is_superseded() -> None:
    table = on_trial()
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    table.sets = {"A": 2, "B": 9}
    table.apply_template("C")
    table.looks(4)
    scale = next(c for c in reversed(table.changes) if isinstance(c, Scale))
    assert dict(scale.replica_sets).get("rs-B", 9) + table.ready("A") >= 8


def test_undo_after_promotion_while_baking() -> None:
    table = on_trial(policy=alone())
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    table.finish_rollout()
    table.looks(2)
    table.deaths |= {f"B-{n}": 3 for n in range(5)}
    table.looks(3)
    assert table.status.phase is Phase.ROLLED_BACK
    assert table.changes[-1] == Undo("rs-A")


def test_the_same_snapshot_gives_the_same_plan() -> None:
    table = on_trial()
    snapshot = Snapshot(scene=table.scene(), now=table.now, history=History())
    assert decide(snapshot) == decide(snapshot)


def test_an_explicit_strategy_wins_over_gitops() -> None:
    policy = replace(alone(), rollback=RollbackStrategy.UNDO)
    table = on_trial(policy=policy, gitops="argo-cd")
    table.deaths["B-0"] = 4
    table.looks(3)
    assert table.changes[-1] == Undo("rs-A")


def test_a_deployment_that_keeps_no_revisions_is_watched_and_its_people_are_warned_once() -> None:
    table = settled()
    scene = table.scene()
    assert scene.workload is not None
    forgetful = replace(scene, workload=replace(scene.workload, revisions_kept=0))
    plan = decide(Snapshot(scene=forgetful, now=START))
    ready = plan.status.conditions[0]
    assert (ready.type, ready.status, ready.reason) == ("Ready", "True", "NoWayBack")
    assert "revisionHistoryLimit is 0" in ready.message
    assert [(o.reason, o.warning) for o in plan.occurrences] == [("NoWayBack", True)]
    again = decide(Snapshot(scene=replace(forgetful, status=plan.status), now=START))
    assert again.occurrences == ()
    mended = decide(Snapshot(scene=replace(scene, status=plan.status), now=START))
    assert mended.status.conditions[0].reason == "Watching"
    assert mended.occurrences == ()


def test_a_deployment_that_keeps_no_revisions_is_released_and_rolled_back_on_trial() -> None:
    scene = on_trial().scene()
    assert scene.workload is not None
    forgetful = replace(scene, workload=replace(scene.workload, revisions_kept=0))
    plan, usual = (decide(Snapshot(scene=one, now=START)) for one in (forgetful, scene))
    assert (plan.change, plan.status.phase) == (usual.change, usual.status.phase)
