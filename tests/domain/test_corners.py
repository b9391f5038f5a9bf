"""Rare turns of a release: what is lost, lifted by hand, late, or written by a newer version."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.domain.changes import Promote, Undo
from controller.domain.evidence import History
from controller.domain.evidence.state import VERSION
from controller.domain.lifecycle import Phase
from controller.domain.plan import decide
from controller.domain.policy import Mode, Policy, Restarts, RollbackStrategy, Share, Step
from controller.domain.records import IntentAction, Problem
from controller.domain.snapshot import Snapshot
from tests.domain.tabletop import POLICY, Table, alone, on_trial, settled
from tests.domain.turns import condemned, freezing, rejected, release_of


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


def test_while_the_deployment_controller_has_not_caught_up_nothing_is_scaled() -> None:
    for table in (freezing(), condemned(policy=replace(alone(), rollback=RollbackStrategy.FREEZE))):
        table.paused, table.mark = True, "2"
        table.sets = {"A": 7, "B": 4}
        scene = table.scene()
        assert scene.workload is not None
        behind = replace(scene, workload=replace(scene.workload, generation=2))
        plan = decide(Snapshot(scene=behind, now=table.now, history=History()))
        assert plan.change is None


def test_observe_says_once_what_it_would_have_done() -> None:
    table = settled(policy=replace(alone(), mode=Mode.OBSERVE))
    table.apply_template("B")
    table.looks(3)
    table.deaths["B-0"] = 5
    said = [o.reason for _ in range(4) for o in table.look().occurrences]
    assert said == ["WouldRollBack"]


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


def test_evidence_that_cannot_be_read_is_begun_anew() -> None:
    table = on_trial(policy=alone())
    for text in ("99:from-a-newer-version", ""):
        table.status = replace(table.status, release=replace(release_of(table), evidence=text))
        table.look()
        assert release_of(table).evidence.startswith(f"{VERSION}:")


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


def test_a_step_that_ends_on_a_suspicion_says_so() -> None:
    step = Step(canary=Share(pods=1), max_duration=timedelta(seconds=20))
    table = on_trial(policy=replace(alone(), steps=(step,)))
    table.deaths["B-0"] = 1
    table.looks(8, seconds=5)
    assert table.status.phase is Phase.HOLDING
    assert "the canary looks suspicious: Crashes: canary 1" in table.status.message
