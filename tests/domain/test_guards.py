"""People's own guards: within bounds, out of them, for long enough, and not to be seen at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.domain.findings import Finding, Outcome, Verdict
from controller.domain.guards import guarded
from controller.domain.policy import Guard, Policy
from controller.domain.readings import Measured, Missing
from controller.domain.snapshot import Snapshot
from controller.domain.status import Release
from tests.domain.tabletop import START, on_trial

FINE = Verdict(outcome=Outcome.NOT_WORSE)
MEMORY = Guard(name="memory", query='max(rss{pod=~"{{canaryPods}}"})', maximum=500.0)


def measured(value: float, *, seconds: float = 0.0, stable: float | None = None) -> Measured:
    at = START + timedelta(seconds=seconds)
    return Measured(at=at, lowest=value, highest=value, stable=stable)


def release() -> Release:
    found = on_trial().status.release
    assert found is not None
    return found


def judged(
    guard: Guard, answer: Measured | Missing, before: Release | None = None
) -> tuple[Release, Verdict]:
    """The verdict of a canary that is fine but for this guard."""
    snapshot = Snapshot(scene=on_trial().scene(), now=START, guards={guard.name: answer})
    policy = Policy(target="exam", guards=(guard,))
    return guarded(snapshot, policy, before or release(), FINE, stable_gone=False)


def only(verdict: Verdict) -> Finding:
    (finding,) = verdict.findings
    return finding


def test_a_value_at_its_bound_is_within_it() -> None:
    after, verdict = judged(MEMORY, measured(500.0))
    assert (verdict.outcome, only(verdict).outcome) == (Outcome.NOT_WORSE, Outcome.NOT_WORSE)
    assert after.breached == {}


@pytest.mark.parametrize(
    ("guard", "answer", "bound"),
    [
        (MEMORY, measured(500.1), "maximum"),
        (replace(MEMORY, maximum=None, minimum=3.0), measured(2.9), "minimum"),
        (replace(MEMORY, maximum=None, max_ratio=1.5), measured(3.1, stable=2.0), "ratio"),
        (replace(MEMORY, maximum=None, max_ratio=1.5), measured(0.1, stable=0.0), "ratio"),
    ],
)
def test_a_value_out_of_bounds_is_worse(guard: Guard, answer: Measured, bound: str) -> None:
    _, verdict = judged(guard, answer)
    assert verdict.outcome is Outcome.WORSE
    assert (only(verdict).reason, only(verdict).segment) == (bound, "memory")
    assert only(verdict).canary.events == answer.highest


def test_the_worst_of_several_series_counts_on_either_side() -> None:
    both = replace(MEMORY, minimum=10.0)
    spread = Measured(at=START, lowest=5.0, highest=100.0)
    _, verdict = judged(both, spread)
    assert (only(verdict).reason, only(verdict).canary.events) == ("minimum", 5.0)


def test_out_of_bounds_for_less_than_asked_decides_nothing_and_passes_nothing() -> None:
    patient = replace(MEMORY, lasting=timedelta(seconds=30))
    after, verdict = judged(patient, measured(900.0))
    assert (verdict.outcome, verdict.suspicious) == (Outcome.UNDECIDED, True)
    assert after.breached == {"memory": START}
    after, verdict = judged(patient, measured(900.0, seconds=29), after)
    assert verdict.outcome is Outcome.UNDECIDED
    _, verdict = judged(patient, measured(900.0, seconds=30), after)
    assert verdict.outcome is Outcome.WORSE


def test_back_within_bounds_starts_the_time_anew() -> None:
    patient = replace(MEMORY, lasting=timedelta(seconds=30))
    after, _ = judged(patient, measured(900.0))
    after, verdict = judged(patient, measured(1.0, seconds=20), after)
    assert (after.breached, verdict.outcome) == ({}, Outcome.NOT_WORSE)
    _, verdict = judged(patient, measured(900.0, seconds=40), after)
    assert verdict.outcome is Outcome.UNDECIDED


def test_no_answer_is_blind_whatever_was_before_and_never_decides() -> None:
    patient = replace(MEMORY, lasting=timedelta(seconds=30))
    after, _ = judged(patient, measured(900.0))
    after, verdict = judged(patient, Missing("timeout", "5 s"), after)
    assert (verdict.outcome, only(verdict).reason) == (Outcome.BLIND, "timeout: 5 s")
    # Nobody saw what was in between: the time starts anew.
    assert after.breached == {}
    _, verdict = judged(patient, measured(900.0, seconds=35), after)
    assert verdict.outcome is Outcome.UNDECIDED


def test_a_guard_that_was_not_read_yet_passes_nothing() -> None:
    snapshot = Snapshot(scene=on_trial().scene(), now=START)
    policy = Policy(target="exam", guards=(MEMORY,))
    _, verdict = guarded(snapshot, policy, release(), FINE, stable_gone=False)
    assert verdict.outcome is Outcome.BLIND


def test_a_guard_never_softens_what_the_statistics_say() -> None:
    snapshot = Snapshot(scene=on_trial().scene(), now=START, guards={"memory": measured(1.0)})
    policy = Policy(target="exam", guards=(MEMORY,))
    for outcome in (Outcome.WORSE, Outcome.BLIND, Outcome.UNDECIDED):
        before = Verdict(outcome=outcome)
        _, verdict = guarded(snapshot, policy, release(), before, stable_gone=False)
        assert verdict.outcome is outcome


def test_without_guards_nothing_is_touched() -> None:
    snapshot = Snapshot(scene=on_trial().scene(), now=START)
    before = release()
    after = guarded(snapshot, Policy(target="exam"), before, FINE, stable_gone=False)
    assert after == (before, FINE)


def test_a_guard_that_compares_with_stable_rests_when_stable_is_gone() -> None:
    """Else each bake would be blind, and last four times as long."""
    for guard in (
        replace(MEMORY, maximum=None, max_ratio=1.5, query="rss{pod=~'{{pods}}'}"),
        replace(MEMORY, query="sum(a{pod=~'{{canaryPods}}'}) / sum(a{pod=~'{{ stablePods }}'})"),
    ):
        answers = {"memory": Missing("no pods", "stable has none")}
        snapshot = Snapshot(scene=on_trial().scene(), now=START, guards=answers)
        policy = Policy(target="exam", guards=(guard,))
        _, verdict = guarded(snapshot, policy, release(), FINE, stable_gone=True)
        assert verdict.outcome is Outcome.NOT_WORSE
        assert "no pods any more" in only(verdict).reason
