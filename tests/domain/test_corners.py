"""Rare turns of a release: what is lost, lifted by hand, late, or written by a newer version."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.domain.changes import Freeze, Promote, Scale, Seed, Undo
from controller.domain.findings import Finding, Metric, Outcome, Side, Uncovered, Verdict
from controller.domain.lifecycle import Phase
from controller.domain.naming import camel
from controller.domain.plan import decide
from controller.domain.policy import Mode, Policy, Restarts, RollbackStrategy, Share, Step
from controller.domain.readings import Missing
from controller.domain.records import GateKind, IntentAction, Problem
from controller.domain.snapshot import Snapshot
from controller.domain.status import NoticeKind, Release, Result
from controller.domain.wording import conviction, duration, finding_sentence, uncovered_sentence
from tests.domain.desk import Desk
from tests.domain.tabletop import POLICY, Table, alone, on_trial, settled


def condemned(**facts: object) -> Table:
    """A table on which the rollback of B has just been decided."""
    policy = facts.pop("policy", alone())
    table = on_trial(policy=policy, **facts)
    table.deaths["B-0"] = 4
    table.look()
    assert table.status.phase is Phase.ROLLING_BACK
    return table


def rejected() -> Table:
    """A table on which B was rolled back."""
    table = condemned()
    table.looks(2)
    assert table.status.phase is Phase.ROLLED_BACK
    table.deaths.clear()
    return table


def freezing(**facts: object) -> Table:
    """A table on which B will be frozen out."""
    return on_trial(policy=replace(alone(), rollback=RollbackStrategy.FREEZE), **facts)


def release_of(table: Table) -> Release:
    assert table.status.release is not None
    return table.status.release


# A pause lifted by hand.


def test_a_pause_lifted_by_hand_is_a_promotion_that_is_still_watched() -> None:
    table = on_trial(policy=alone())
    table.paused = False
    plan = table.look()
    assert table.status.phase is Phase.PROMOTING
    assert plan.occurrences[0].reason == "PromotedByHand"
    table.deaths["B-0"] = 4
    table.look()
    assert table.changes[-1] == Undo("rs-A")


def test_a_pause_lifted_before_the_first_look_lets_the_template_through() -> None:
    table = settled()
    table.template, table.mark = "B", "2"
    table.sets["B"] = 3
    table.look()
    assert table.status.phase is Phase.PROMOTING
    assert "lifted by hand" in table.status.message


def test_a_rejected_template_that_is_resumed_by_hand_is_judged_and_forgiven() -> None:
    table = rejected()
    table.apply_template("B")
    table.looks(2)
    assert table.status.phase is Phase.QUARANTINED
    table.paused = False
    table.looks(2)
    assert table.status.phase is Phase.PROMOTING
    table.finish_rollout()
    table.looks(3)
    assert table.status.phase is Phase.BAKING
    table.deaths.clear()
    table.looks(40, seconds=10)
    assert table.status.phase is Phase.PROMOTED
    assert table.status.rejected == ()


def test_a_persons_pause_in_a_promotion_is_waited_for_and_the_promotion_goes_on() -> None:
    table = on_trial(policy=alone())
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    table.paused, table.mark = True, None
    table.looks(3)
    assert table.status.phase is Phase.PAUSED_BY_USER
    table.paused = False
    table.look()
    assert table.status.phase is Phase.PROMOTING


def test_a_persons_pause_in_a_rollback_is_left_alone_until_it_is_lifted() -> None:
    table = condemned()
    table.paused, table.mark = True, None
    done = len(table.changes)
    said = [table.look().occurrences for _ in range(3)]
    assert len(table.changes) == done
    assert [bool(occurrences) for occurrences in said] == [True, False, False]
    table.paused = False
    table.looks(2)
    assert table.status.phase is Phase.ROLLED_BACK


# Stable.


def test_what_was_held_before_the_canary_was_made_is_told_from_stable() -> None:
    table = Table(template="B", paused=True, mark="2", sets={"A": 10, "B": 0})
    table.look()
    assert table.status.stable is not None
    assert table.status.stable.fingerprint == "A"


def test_a_first_rollout_that_the_gate_held_is_let_through() -> None:
    table = Table(template="A", paused=True, mark="2", sets={}, label="exam-api")
    table.look()
    assert table.changes == [Promote()]


def test_a_deployment_without_any_replica_set_is_waited_for() -> None:
    table = Table(replicas=0, sets={})
    plan = table.look()
    assert table.status.stable is None
    assert plan.wake_after is not None


@pytest.mark.parametrize(
    ("facts", "said"),
    [({"replicas": 0, "sets": {"A": 0}}, "no replicas"), ({"sets": {}}, "nothing to compare")],
)
def test_without_replicas_or_stables_replica_set_there_is_no_canary(
    facts: dict[str, object], said: str
) -> None:
    table = settled()
    for name, value in facts.items():
        setattr(table, name, value)
    table.apply_template("B")
    table.look()
    assert table.status.phase is Phase.PROMOTING
    assert said in table.status.message


# Quarantine.


def test_the_quarantine_ends_when_stables_template_is_back() -> None:
    table = rejected()
    table.apply_template("B")
    table.looks(2)
    table.template = "A"
    table.looks(2)
    assert table.status.phase is Phase.WITHDRAWN
    assert not table.paused


def test_a_retry_may_come_together_with_the_template() -> None:
    table = rejected()
    table.apply_template("C")
    table.looks(2)
    table.apply_template("B")
    table.look()
    assert table.status.phase is Phase.SUPERSEDED
    table.command(IntentAction.RETRY)
    table.looks(2)
    assert table.status.rejected == ()
    assert table.status.phase is Phase.SEEDING


# Rollback.


def test_a_rollback_without_stables_replica_set_is_impossible_and_said_once() -> None:
    table = on_trial(policy=alone())
    del table.sets["A"]
    table.deaths["B-0"] = 4
    said = [o.reason for _ in range(3) for o in table.look().occurrences]
    assert said == ["RollbackImpossible"]
    assert not any(isinstance(change, Undo) for change in table.changes)


@pytest.mark.parametrize("strategy", [RollbackStrategy.UNDO, RollbackStrategy.FREEZE])
def test_a_rollback_whose_target_is_lost_on_the_way_does_nothing_wrong(
    strategy: RollbackStrategy,
) -> None:
    table = condemned(policy=replace(alone(), rollback=strategy))
    table.template = "B"
    table.sets = {"B": 1}
    done = len(table.changes)
    table.looks(3)
    assert len(table.changes) == done
    assert table.status.phase is Phase.ROLLING_BACK


def test_another_template_during_the_rollback_supersedes_it() -> None:
    table = condemned()
    table.template = "C"
    table.looks(1)
    assert table.status.phase is Phase.SUPERSEDED
    assert table.status.history[-1].result is Result.ROLLED_BACK
    assert [r.fingerprint for r in table.status.rejected] == ["B"]


def test_a_rollback_that_takes_long_is_told_once() -> None:
    table = condemned()
    table.unready.add("A")
    table.looks(80)
    kinds = [n.kind for n in table.status.outbox]
    assert kinds.count(NoticeKind.ROLLING_BACK) == 1


def test_a_freeze_holds_the_workload_first_when_it_is_not_held() -> None:
    table = freezing()
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    table.sets = {"A": 4, "B": 8}
    table.deaths |= {f"B-{n}": 4 for n in range(8)}
    table.look()
    assert table.changes[-1] == Freeze("rs-A", 4, ())


def test_a_freeze_keeps_canaries_until_stables_pods_are_ready() -> None:
    table = freezing(surge=1, unavailable=0)
    table.sets = {"A": 6, "B": 5}
    table.deaths["B-0"] = 4
    table.look()
    change = table.changes[-1]
    assert isinstance(change, Scale)
    assert dict(change.replica_sets)["rs-B"] > 0


@pytest.mark.parametrize("sets", [{"A": 6, "B": 5}, {"A": 5, "B": 3, "C": 3}])
def test_a_freeze_never_takes_pods_before_stables_are_ready(sets: dict[str, int]) -> None:
    policy = replace(alone(), rollback=RollbackStrategy.FREEZE)
    table = Desk(policy=policy, surge=1, unavailable=0)
    table.looks(3)
    table.apply_template("B")
    table.looks(4)
    table.sets = dict(sets)
    table.command(IntentAction.ROLLBACK)
    for _ in range(20):
        table.looks(5)
        ready = sum(table.ready(name) for name in table.sets)
        assert ready >= 10, table.sets
        table.lacking.clear()
    assert table.status.phase is Phase.ROLLED_BACK
    assert table.sets == dict.fromkeys(sets, 0) | {"A": 10}


def test_while_the_deployment_controller_has_not_caught_up_nothing_is_scaled() -> None:
    for table in (freezing(), condemned(policy=replace(alone(), rollback=RollbackStrategy.FREEZE))):
        table.paused, table.mark = True, "2"
        table.sets = {"A": 7, "B": 4}
        scene = table.scene()
        assert scene.workload is not None
        behind = replace(scene, workload=replace(scene.workload, generation=2))
        plan = decide(Snapshot(scene=behind, now=table.now, history=Missing("none")))
        assert plan.change is None


def test_a_persons_rollback_is_done_in_a_promotion_too() -> None:
    table = on_trial(policy=alone())
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    table.command(IntentAction.ROLLBACK)
    table.look()
    assert table.changes[-1] == Undo("rs-A")
    assert "no reason given" in table.status.message


def test_observe_says_once_what_it_would_have_done() -> None:
    table = settled(policy=replace(alone(), mode=Mode.OBSERVE))
    table.apply_template("B")
    table.looks(3)
    table.deaths["B-0"] = 5
    said = [o.reason for _ in range(4) for o in table.look().occurrences]
    assert said == ["WouldRollBack"]


# The trial and the bake.


def test_a_template_applied_in_the_bake_makes_what_runs_stable() -> None:
    table = on_trial(policy=alone())
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    table.finish_rollout()
    table.looks(2)
    assert table.status.phase is Phase.BAKING
    table.apply_template("C")
    table.look()
    assert table.status.phase is Phase.PROMOTED
    assert table.status.stable is not None
    assert table.status.stable.fingerprint == "B"


def test_a_held_release_goes_on_when_a_person_resumes_it() -> None:
    table = on_trial()
    table.command(IntentAction.HOLD)
    table.looks(2)
    table.command(IntentAction.RESUME)
    table.look()
    assert table.status.phase is Phase.ANALYSING
    assert release_of(table).approved


def test_a_step_that_has_no_more_pods_is_passed_over() -> None:
    one, half = Share(pods=1), Share(percent=50)
    steps = tuple(Step(canary=share) for share in (one, Share(percent=5), half))
    table = on_trial(policy=replace(alone(), steps=steps))
    table.command(IntentAction.PROMOTE)
    table.look()
    assert release_of(table).step == 2


def test_a_canary_that_never_becomes_ready_waits_for_a_person() -> None:
    table = settled()
    table.unready.add("B")
    table.apply_template("B")
    table.looks(15, seconds=60)
    assert table.status.phase is Phase.HOLDING
    assert "no canary pod became Ready" in table.status.message


def test_a_canary_that_does_not_become_ready_is_held_with_the_reason() -> None:
    table = on_trial()
    table.unready.add("B")
    table.look()
    assert "0 of 1 canary pods are Ready" in table.status.message


def test_a_command_that_cannot_be_read_is_said() -> None:
    table = settled()
    unread = Problem(reason="InvalidIntent", field="intent", message="unknown", remedy="Correct it")
    scene = replace(table.scene(), intent=unread)
    plan = decide(Snapshot(scene=scene, now=table.now))
    assert plan.status.message == "intent: unknown. Correct it"


# Evidence.


def test_evidence_that_cannot_be_read_is_begun_anew() -> None:
    table = on_trial(policy=alone())
    for text in ("99:from-a-newer-version", ""):
        table.status = replace(table.status, release=replace(release_of(table), evidence=text))
        table.look()
        assert release_of(table).evidence.startswith("1:")


@pytest.mark.parametrize("text", ["99:from-a-newer-version", ""])
def test_a_promotion_does_not_stumble_over_unread_evidence(text: str) -> None:
    table = on_trial(policy=alone())
    table.status = replace(table.status, release=replace(release_of(table), evidence=text))
    table.command(IntentAction.PROMOTE_FULL)
    scene = table.scene()
    plan = decide(Snapshot(scene=scene, now=table.now, history=None))
    assert plan.change == Promote()


def test_only_the_containers_that_matter_are_counted() -> None:
    policy: Policy = replace(alone(), restarts=Restarts(containers=("sidecar",)))
    table = on_trial(policy=policy)
    table.deaths["B-0"] = 9
    table.looks(3)
    assert table.status.phase is Phase.ANALYSING


def test_the_first_crash_does_not_wait_for_stables_history() -> None:
    table = settled(policy=POLICY)
    table.apply_template("B")
    table.look()
    assert release_of(table).evidence == ""
    table.sets = {"A": 12, "B": 1}
    table.deaths["B-0"] = 4
    for seconds in (1, 2):
        now = table.now + timedelta(seconds=seconds)
        waiting = Snapshot(scene=table.scene(), now=now, history=None)
        table.status = decide(waiting).status
    assert table.status.phase is Phase.ROLLING_BACK


# Words.


def test_words() -> None:
    assert duration(timedelta(hours=2, minutes=5)) == "2 h 5 min"
    assert camel("decided_at") == "decidedAt"
    assert [str(Share(pods=2)), str(Share(percent=12.5))] == ["2", "12.5%"]
    assert str(Missing("stale", "10 s old")) == "stale: 10 s old"
    plain = Finding(metric=Metric.RESTARTS, outcome=Outcome.UNDECIDED)
    assert "evidence" not in finding_sentence(plain)
    whole = Finding(metric=Metric.ERROR_RATE, outcome=Outcome.WORSE, needed=200, evidence=300)
    assert conviction(Verdict(outcome=Outcome.WORSE, findings=(whole,))) == finding_sentence(whole)


def test_the_words_of_what_is_missing_name_at_most_five_routes() -> None:
    gaps = tuple(Uncovered(segment=f"/{n}", requests=0, needed=5) for n in range(7))
    said = uncovered_sentence(gaps)
    assert "/4: 0 of 5 requests" in said
    assert said.endswith("and 2 more")


def test_a_fault_of_the_whole_service_names_the_route_that_stands_out() -> None:
    failed = Side(events=9, exposure=10)
    whole = Finding(metric=Metric.ERROR_RATE, outcome=Outcome.WORSE, evidence=300, needed=200)
    route = replace(whole, outcome=Outcome.UNDECIDED, segment="/lti", canary=failed, evidence=9)
    said = conviction(Verdict(outcome=Outcome.WORSE, findings=(whole, route)))
    assert said.endswith("Most telling is /lti: canary 9 of 10 requests failed (90.00%)")


def test_the_gate_that_catches_is_named_to_people() -> None:
    table = on_trial(gate=GateKind.CATCH)
    assert "gate: catch" in table.status.outbox[0].headline
    assert Seed(1) not in table.changes or table.sets["B"] == 1


def test_a_command_that_is_not_possible_is_answered() -> None:
    table = settled()
    table.command(IntentAction.RESUME)
    plan = table.look()
    assert plan.occurrences[-1].message.endswith("not possible while Idle")


def test_a_command_is_cleared_only_after_what_is_more_urgent() -> None:
    table = on_trial(policy=alone())
    table.command(IntentAction.ROLLBACK)
    table.unready.add("A")
    table.look()
    table.template, table.paused, table.mark = "B", True, "2"
    table.look()
    assert [type(change) for change in table.changes[-2:]] == [Undo, Undo]


def test_a_rollback_that_somebody_undoes_is_frozen_instead() -> None:
    table = condemned()
    table.unready.add("A")
    table.look()
    assert release_of(table).undone
    table.apply_template("B")
    table.looks(2)
    assert release_of(table).strategy == RollbackStrategy.FREEZE.value
    assert sum(isinstance(change, Undo) for change in table.changes) == 1


def test_a_step_that_ends_on_a_suspicion_says_so() -> None:
    step = Step(canary=Share(pods=1), max_duration=timedelta(seconds=20))
    table = on_trial(policy=replace(alone(), steps=(step,)))
    table.deaths["B-0"] = 1
    table.looks(8, seconds=5)
    assert table.status.phase is Phase.HOLDING
    assert "the canary looks suspicious: Crashes: canary 1" in table.status.message
