"""The controller is never the cause of an outage, and never leaves people without a word."""

from dataclasses import replace
from datetime import timedelta

from controller.domain.changes import Freeze, LetGo, Promote, Scale, Seed, Undo
from controller.domain.history import History
from controller.domain.lifecycle import Phase
from controller.domain.plan import decide
from controller.domain.policy import Mode, OnInconclusive, Share, Step
from controller.domain.readings import UNREAD, Tally
from controller.domain.records import IntentAction, Problem
from controller.domain.snapshot import Snapshot
from controller.domain.status import NoticeKind
from tests.domain.tabletop import POLICY, START, alone, on_trial, settled


def test_a_new_process_promotes_nothing_before_it_has_looked_at_the_metrics() -> None:
    table = on_trial(policy=replace(POLICY, steps=(Step(canary=Share(pods=1)),)))
    while table.status.verdict != "NotWorse":
        table.look(1)
    table.requests = UNREAD
    table.looks(30, seconds=60)
    assert table.status.phase is Phase.ANALYSING
    assert Promote() not in table.changes
    table.requests = None
    table.looks(5, seconds=5)
    assert Promote() in table.changes


def test_with_one_replica_left_stable_has_all_and_with_none_nothing_is_started() -> None:
    for replicas in (1, 0):
        table = on_trial()
        table.replicas, table.surge = replicas, 1
        table.unready.add("B")
        table.sets = {"A": replicas, "B": 1}
        table.looks(3)
        assert table.sets == {"A": replicas, "B": 0}
        done = len(table.changes)
        table.looks(10)
        assert len(table.changes) == done


def test_a_canary_that_is_the_only_pod_goes_on_serving_and_is_undone_when_it_is_worse() -> None:
    """The deployment controller gives it the one replica: stable's pod would be taken again."""
    table = on_trial(policy=alone())
    table.replicas, table.surge, table.unavailable = 1, 1, 0
    table.sets = {"A": 0, "B": 1}
    done = len(table.changes)
    table.looks(10)
    assert len(table.changes) == done
    table.deaths["B-0"] = 6
    table.look()
    assert table.changes[-1] == Undo("rs-A")


def test_a_canary_that_gets_worse_before_the_promotion_is_written_is_not_promoted() -> None:
    table = on_trial(policy=alone())
    table.command(IntentAction.PROMOTE_FULL)
    table.look()
    table.paused, table.mark = True, "2"
    table.deaths["B-0"] = 6
    table.look()
    assert table.status.phase is Phase.ROLLING_BACK
    assert table.changes[-1] == Undo("rs-A")


def test_the_first_seed_leaves_the_promised_pods_alone() -> None:
    step = Step(canary=Share(percent=50))
    table = settled(policy=replace(POLICY, steps=(step,)), surge=1, unavailable=0)
    table.apply_template("B")
    table.looks(2)
    assert table.changes[-1] == Seed(1)
    table.looks(10)
    assert table.sets["B"] == 5


def test_one_replica_under_gitops_is_undone_and_not_frozen() -> None:
    table = settled(policy=alone(), replicas=1, surge=1, unavailable=0, sets={"A": 1})
    table.gitops = "argo-cd"
    table.apply_template("B")
    table.looks(2)
    table.finish_rollout()
    table.looks(2)
    table.deaths["B-0"] = 6
    table.looks(3)
    assert Undo("rs-A") in table.changes
    assert not any(isinstance(change, Freeze) for change in table.changes)


def test_observe_lets_go_of_what_enforce_held() -> None:
    table = on_trial()
    table.policy = replace(table.policy, mode=Mode.OBSERVE)
    table.apply_template("C")
    table.looks(6)
    assert not table.paused
    assert LetGo() in table.changes


def test_observe_goes_on_after_it_has_said_what_it_would_have_done() -> None:
    table = settled(policy=replace(alone(), mode=Mode.OBSERVE))
    table.apply_template("B")
    table.looks(3)
    table.deaths["B-0"] = 5
    table.looks(2)
    table.finish_rollout()
    table.looks(100, seconds=10)  # a bake that saw crashes lasts longer
    assert table.status.phase is Phase.PROMOTED
    assert "would have been rolled back" in table.status.history[-1].reason
    said = [o.reason for plan in table.plans for o in plan.occurrences]
    assert said.count("WouldRollBack") == 1


def test_a_long_problem_is_said_once() -> None:
    problem = Problem(reason="InvalidSpec", field="spec.x", message="no" * 900, remedy="Correct it")
    scene = replace(on_trial().scene(), policy=problem)
    plan = decide(Snapshot(scene=scene, now=START))
    again = decide(Snapshot(scene=replace(scene, status=plan.status), now=START))
    assert again.occurrences == ()


def test_a_spec_that_became_bad_says_that_the_deployment_is_held_and_how_to_let_it_go() -> None:
    scene = on_trial().scene()
    problem = Problem(reason="InvalidSpec", field="spec.x", message="no", remedy="Correct it")
    plan = decide(Snapshot(scene=replace(scene, policy=problem), now=START))
    assert "rollout resume deployment/exam-api" in plan.occurrences[0].message
    assert plan.status.outbox[-1].kind is NoticeKind.HOLDING
    again = replace(scene, policy=problem, status=plan.status)
    quiet = decide(Snapshot(scene=again, now=START))
    assert quiet.occurrences == ()
    assert quiet.status.outbox == plan.status.outbox


def test_a_rollout_that_does_not_finish_is_told_once() -> None:
    table = settled(policy=alone(), replicas=1, surge=1, unavailable=0, sets={"A": 1})
    table.apply_template("B")
    table.looks(3)
    table.sets = {"A": 1, "B": 1}
    table.unready.add("B")
    table.looks(40, seconds=60)
    told = [n for n in table.status.outbox if n.kind is NoticeKind.HOLDING]
    assert len(told) == 1
    assert "does not finish" in dict(told[0].facts)["Why"]


def test_a_rollback_that_is_impossible_is_told_once_and_not_called_good() -> None:
    table = on_trial(policy=alone())
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    table.finish_rollout()
    table.sets.pop("A")
    table.looks(2)
    table.deaths |= {f"B-{n}": 3 for n in range(8)}
    table.looks(60, seconds=60)
    assert table.status.phase is Phase.BAKING
    assert len([n for n in table.status.outbox if n.kind is NoticeKind.HOLDING]) == 1
    table.apply_template("C")
    table.look()
    assert "judged worse" in table.status.history[-1].reason


def test_a_rollout_released_by_hand_is_not_reversed_by_a_later_pause() -> None:
    table = on_trial()
    table.paused = False
    table.looks(2)
    assert table.status.phase is Phase.PROMOTING
    table.sets = {"A": 4, "B": 8}
    table.paused, table.mark = True, None
    table.look()
    assert table.status.phase is Phase.PAUSED_BY_USER
    table.paused = False
    table.looks(3)
    assert table.status.phase is Phase.PROMOTING
    assert not any(isinstance(change, Scale) for change in table.changes)


def test_a_fix_pushed_during_the_rollback_does_not_swallow_its_message() -> None:
    table = on_trial(policy=alone())
    table.deaths["B-0"] = 4
    table.look()
    table.template = "C"
    table.look()
    assert table.status.outbox[-1].kind is NoticeKind.ROLLED_BACK
    assert "Crashes" in dict(table.status.outbox[-1].facts)["Reason"]


def test_a_hold_that_comes_too_late_is_answered_as_refused() -> None:
    table = on_trial()
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    table.command(IntentAction.HOLD)
    plan = table.look()
    assert plan.occurrences[-1].reason == "CommandRefused"


def test_a_canary_that_nobody_scrapes_has_not_no_errors() -> None:
    table = on_trial()
    for _ in range(60):
        traffic = table.traffic()
        assert isinstance(traffic, Tally)
        table.requests = replace(
            traffic, pods={name: counts for name, counts in traffic.pods.items() if name[0] == "A"}
        )
        table.look(5)
        table.requests = None
    assert table.status.verdict == "Blind"
    assert "canary not scraped" in table.status.message
    assert table.status.phase is Phase.ANALYSING


def test_nothing_goes_on_before_anything_was_read() -> None:
    """Even where the user chose to continue on too little evidence, and the time is up."""
    table = on_trial(policy=replace(POLICY, on_inconclusive=OnInconclusive.CONTINUE))
    release = table.status.release
    assert release is not None
    table.status = replace(table.status, release=replace(release, evidence=""), findings=())
    now = table.now + timedelta(hours=2)
    plan = decide(Snapshot(scene=table.scene(), now=now, requests=UNREAD, history=None))
    assert plan.status.phase is Phase.ANALYSING
    assert plan.status.release is not None
    assert plan.status.release.step == release.step


def test_a_service_that_crashes_all_over_convicts_nobody_when_the_evidence_begins_late() -> None:
    """Deaths of both are counted from the release's first look, in the time since."""
    table = on_trial()
    release = table.status.release
    assert release is not None
    begun = replace(release, evidence="", watched_until=None, deaths={}, evaluated_until=None)
    table.status = replace(table.status, release=begun)
    pods = [f"{name}-{n}" for name, count in table.sets.items() for n in range(count)]
    for minute in range(20):
        table.now += timedelta(seconds=60)
        for pod in pods:
            table.deaths[pod] = table.deaths.get(pod, 0) + 1
        scene = table.scene()
        history = History() if minute > 3 else None
        plan = decide(
            Snapshot(scene=scene, now=table.now, requests=table.traffic(), history=history)
        )
        assert plan.status.phase is not Phase.ROLLING_BACK
        table.status = plan.status


def test_evidence_that_cannot_be_read_any_more_holds_no_old_crash_against_the_canary() -> None:
    table = on_trial()
    table.deaths["B-0"] = 1
    table.looks(200, seconds=5)
    release = table.status.release
    assert release is not None
    table.deaths |= {f"A-{n}": 1 for n in range(9)} | {"B-0": 3}
    table.status = replace(table.status, release=replace(release, evidence="1:old"))
    table.looks(20, seconds=5)
    assert table.status.phase is not Phase.ROLLING_BACK
