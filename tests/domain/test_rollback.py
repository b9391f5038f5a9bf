"""Rolling back, freezing and keeping a rejected template out, whatever happens meanwhile."""

from dataclasses import replace

import pytest

from controller.domain.changes import Freeze, Scale, Undo
from controller.domain.lifecycle import Phase
from controller.domain.policy import RollbackStrategy
from controller.domain.records import IntentAction
from controller.domain.status import NoticeKind, Result
from tests.domain.desk import Desk
from tests.domain.tabletop import alone, on_trial
from tests.domain.turns import condemned, freezing, rejected, release_of


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


def test_a_persons_rollback_is_done_in_a_promotion_too() -> None:
    table = on_trial(policy=alone())
    table.command(IntentAction.PROMOTE_FULL)
    table.looks(2)
    table.command(IntentAction.ROLLBACK)
    table.look()
    assert table.changes[-1] == Undo("rs-A")
    assert "no reason given" in table.status.message


def test_a_rollback_that_somebody_undoes_is_frozen_instead() -> None:
    table = condemned()
    table.unready.add("A")
    table.look()
    assert release_of(table).undone
    table.apply_template("B")
    table.looks(2)
    assert release_of(table).strategy == RollbackStrategy.FREEZE.value
    assert sum(isinstance(change, Undo) for change in table.changes) == 1
