"""Hard limits: plain thresholds beside the statistics, which decide at once."""

from dataclasses import replace

import pytest

from controller.domain.evidence import Evidence, History
from controller.domain.findings import Metric, Outcome, Verdict
from controller.domain.policy import Limits
from controller.domain.readings import Counts, Missing
from tests.domain.evidence.service import (
    POLICY,
    crash_window,
    finding_of,
    history_of,
    request_window,
)


def limited(**limits: float) -> Evidence:
    policy = replace(POLICY, limits=Limits(**limits))  # type: ignore[arg-type]
    return Evidence.begin(policy, history_of(0.01))


def reasons(verdict: Verdict) -> dict[Metric, tuple[str, float | None]]:
    return {f.metric: (f.reason, f.bound) for f in verdict.findings if f.outcome is Outcome.WORSE}


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_one_crash_more_than_the_limit_convicts(limit: int) -> None:
    evidence = limited(restarts=limit)
    # Stable crashes as often: the statistics say nothing.
    for _ in range(limit):
        evidence.add_crashes(crash_window(canary=1, stable=9))
        assert evidence.verdict().outcome is Outcome.UNDECIDED
    evidence.add_crashes(crash_window(canary=1, stable=9))
    verdict = evidence.verdict()
    assert verdict.outcome is Outcome.WORSE
    assert reasons(verdict) == {Metric.RESTARTS: ("limit", limit)}


def test_an_error_rate_above_the_limit_convicts_whatever_stable_does() -> None:
    evidence = limited(error_rate=0.05, min_requests=100)
    evidence.add_requests(request_window({"/exams": Counts(6, 99)}, {"/exams": Counts(60, 990)}))
    assert evidence.verdict().outcome is Outcome.UNDECIDED
    evidence.add_requests(request_window({"/exams": Counts(0, 1)}, {"/exams": Counts(0, 9)}))
    for blind in (None, Missing("unreachable")):
        verdict = evidence.verdict(blind=blind)
        assert verdict.outcome is Outcome.WORSE
        assert reasons(verdict) == {Metric.ERROR_RATE: ("limit", 0.05)}
        assert finding_of(evidence, Metric.ERROR_RATE, "/exams").outcome is not Outcome.WORSE


def test_an_error_rate_at_the_limit_keeps_it() -> None:
    evidence = limited(error_rate=0.05, min_requests=100)
    evidence.add_requests(request_window({"/exams": Counts(5, 100)}, {"/exams": Counts(50, 900)}))
    assert evidence.verdict().outcome is Outcome.UNDECIDED


def test_no_requests_breach_no_limit() -> None:
    evidence = limited(error_rate=0.0, min_requests=0)
    assert evidence.verdict().outcome is Outcome.UNDECIDED


def test_without_requests_to_judge_there_is_no_limit_of_their_errors() -> None:
    policy = replace(POLICY, requests=None, limits=Limits(error_rate=0.0, min_requests=0))
    evidence = Evidence.begin(policy, History())
    evidence.add_requests(request_window({"/exams": Counts(5, 5)}, {}))
    assert evidence.verdict().outcome is Outcome.NOT_WORSE
