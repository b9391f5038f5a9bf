"""What `kubectl get events` shows: each thing that happened once, with a reason of its own."""

from dataclasses import replace

from controller.domain.lifecycle import Phase
from controller.domain.records import IntentAction
from controller.domain.status import Crash
from tests.domain.tabletop import Table, on_trial

DEATH = "CanaryContainerDied"


def died(table: Table, deaths: int) -> Crash:
    return Crash(
        pod="B-0", container="app", at=table.now, exit_code=1, reason="Error", deaths=deaths
    )


def reasons(table: Table) -> list[str]:
    return [said.reason for plan in table.plans for said in plan.occurrences]


def test_each_death_of_a_canary_is_told_once_however_often_it_is_seen() -> None:
    table = on_trial()
    table.crashes = (died(table, 1),)
    table.looks(3)
    table.crashes = (*table.crashes, died(table, 2))
    table.looks(3)
    said = [s for plan in table.plans for s in plan.occurrences if s.reason == DEATH]
    assert [one.message for one in said] == [
        "Container app of pod B-0 ended with exit code 1 (Error), death 1",
        "Container app of pod B-0 ended with exit code 1 (Error), death 2",
    ]
    assert all(one.warning for one in said)


def test_the_last_words_that_come_later_are_no_second_death() -> None:
    table = on_trial()
    table.crashes = (died(table, 1),)
    table.looks(2)
    table.crashes = (replace(table.crashes[0], log="Segmentation fault"),)
    table.looks(2)
    assert reasons(table).count(DEATH) == 1
    assert table.status.release is not None
    assert table.status.release.crashes[0].log == "Segmentation fault"


def test_a_release_leaves_a_trail_of_distinct_reasons() -> None:
    table = on_trial()
    for action in (IntentAction.PROMOTE, IntentAction.HOLD, IntentAction.ROLLBACK):
        table.command(action)
        table.looks(3)
    table.looks(5)
    assert table.status.phase is Phase.ROLLED_BACK
    told = [reason for reason in reasons(table) if reason != "CommandTaken"]
    assert told == [
        "StableFound",
        "CanaryHeld",
        "CanaryStarted",
        "StepPassed",
        "Holding",
        "RollingBack",
        "RolledBack",
    ]
