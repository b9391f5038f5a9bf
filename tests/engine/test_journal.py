"""The journal: numbered, bounded, and told to who keeps it."""

from controller.domain.case import Plan
from controller.domain.changes import Occurrence
from controller.domain.records import Ref
from controller.domain.snapshot import Snapshot
from controller.engine.journal import ENTRIES_MAX, Entry, Journal
from tests.domain.tabletop import REF, START, on_trial

SNAPSHOT = Snapshot(scene=on_trial().scene(), now=START)
QUIET = Plan(status=SNAPSHOT.scene.status)
NEWS = Plan(status=QUIET.status, occurrences=(Occurrence(reason="Something", message="was"),))
OTHER = Ref("others", "shop")


def test_entries_are_numbered_through_whatever_canary_they_are_of() -> None:
    journal = Journal()
    for ref in (REF, OTHER, REF):
        journal.record(ref, SNAPSHOT, NEWS)
    assert [entry.number for entry in journal.of(REF)] == [1, 3]
    assert [entry.number for entry in journal.since(1)] == [2, 3]
    assert journal.last == 3
    assert journal.since(3) == ()


def test_a_decision_that_only_weighed_is_no_entry() -> None:
    journal = Journal()
    journal.record(REF, SNAPSHOT, QUIET)
    assert journal.last == 0
    assert journal.since(0) == ()


def test_the_oldest_give_way_and_keep_their_numbers() -> None:
    journal = Journal()
    for _ in range(ENTRIES_MAX + 7):
        journal.record(REF, SNAPSHOT, NEWS)
    assert [entry.number for entry in journal.since(0)] == list(range(8, ENTRIES_MAX + 8))


def test_who_keeps_the_entries_is_told_of_each() -> None:
    kept: list[Entry] = []
    journal = Journal(kept=kept.append)
    journal.record(REF, SNAPSHOT, NEWS)
    assert kept == list(journal.since(0))
