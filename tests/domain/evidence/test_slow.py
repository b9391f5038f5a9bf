"""Slow requests: a second bank of the same bets, told apart in findings, and never a blind pass."""

from dataclasses import replace

import pytest

from controller.domain.evidence import Evidence, History, RequestPast, RequestWindow
from controller.domain.evidence.shares import KNOWN, LATE, RESTARTS, SERVICE
from controller.domain.findings import Metric, Outcome, Verdict
from controller.domain.readings import Counts, Missing
from tests.domain.evidence.service import (
    POLICY,
    RARE,
    ROUTES,
    SLOW_POLICY,
    Service,
    canary_fails,
    crash_window,
    healthy,
    history_of,
    rare_route_fails,
    request_window,
)

HISTORY = replace(history_of(0.001), slow=history_of(0.01).errors)


def watched(evidence: Evidence, slow: Service, looks: int) -> Verdict:
    """What is said after so many looks at a service whose requests do not fail."""
    verdict = evidence.verdict()
    failed = Service(failing=healthy(0.001), seed=8)
    for window, slow_window in zip(failed.windows(looks), slow.windows(looks), strict=True):
        evidence.add_requests(window)
        evidence.add_slow(slow_window)
        evidence.add_crashes(crash_window())
        verdict = evidence.verdict()
        if verdict.outcome is Outcome.WORSE:
            break
    return verdict


def convicted(verdict: Verdict) -> set[tuple[Metric, str]]:
    return {(f.metric, f.segment) for f in verdict.findings if f.outcome is Outcome.WORSE}


def test_all_shares_of_alpha_sum_to_one() -> None:
    assert sum(sum(tiers) for tiers in (RESTARTS, SERVICE, KNOWN, LATE)) == pytest.approx(1)


def test_a_canary_that_is_slow_often_is_convicted_of_that() -> None:
    evidence = Evidence.begin(SLOW_POLICY, HISTORY)
    verdict = watched(evidence, Service(failing=canary_fails(0.2, 0.01)), looks=60)
    assert verdict.outcome is Outcome.WORSE
    assert {metric for metric, _ in convicted(verdict)} == {Metric.SLOW_REQUESTS}


def test_one_route_that_became_slow_is_named() -> None:
    evidence = Evidence.begin(SLOW_POLICY, HISTORY)
    verdict = watched(evidence, Service(failing=rare_route_fails(0.01)), looks=100)
    assert convicted(verdict) == {(Metric.SLOW_REQUESTS, RARE)}


def test_findings_come_metric_by_metric() -> None:
    evidence = Evidence.begin(SLOW_POLICY, HISTORY)
    verdict = watched(evidence, Service(failing=healthy(0.01)), looks=3)
    metrics = [finding.metric for finding in verdict.findings]
    streams = 1 + len(ROUTES)
    assert metrics == [
        Metric.RESTARTS,
        *[Metric.ERROR_RATE] * streams,
        *[Metric.SLOW_REQUESTS] * streams,
    ]


def test_a_canary_is_good_enough_only_when_both_are_proved() -> None:
    evidence = Evidence.begin(SLOW_POLICY, HISTORY)
    for window in Service(failing=healthy(0.001), seed=3).windows(100):
        evidence.add_requests(window)
    assert evidence.verdict().outcome is Outcome.UNDECIDED
    both = Evidence.begin(SLOW_POLICY, HISTORY)
    assert watched(both, Service(failing=healthy(0.01)), looks=100).outcome is Outcome.NOT_WORSE


def test_blind_for_slowness_never_passes_but_errors_still_convict() -> None:
    missing = Missing("unreachable")
    evidence = Evidence.begin(SLOW_POLICY, HISTORY)
    watched(evidence, Service(failing=healthy(0.01)), looks=100)
    verdict = evidence.verdict(slow_blind=missing)
    assert verdict.outcome is Outcome.BLIND
    outcomes = {finding.metric: finding.outcome for finding in verdict.findings}
    assert outcomes[Metric.SLOW_REQUESTS] is Outcome.BLIND
    assert outcomes[Metric.ERROR_RATE] is not Outcome.BLIND
    for window in Service(failing=canary_fails(0.5, 0.001)).windows(10):
        evidence.add_requests(window)
    assert evidence.verdict(slow_blind=missing).outcome is Outcome.WORSE


def test_where_slowness_is_not_asked_for_nobody_is_blind_to_it() -> None:
    evidence = Evidence.begin(POLICY, HISTORY)
    watched(evidence, Service(failing=canary_fails(0.9, 0.01)), looks=100)
    verdict = evidence.verdict(slow_blind=Missing("not asked"))
    assert verdict.outcome is Outcome.NOT_WORSE
    assert Metric.SLOW_REQUESTS not in {finding.metric for finding in verdict.findings}


def test_where_requests_are_not_judged_slowness_is_not_either() -> None:
    evidence = Evidence.begin(replace(SLOW_POLICY, requests=None), HISTORY)
    watched(evidence, Service(failing=canary_fails(0.9, 0.01)), looks=10)
    verdict = evidence.verdict(blind=Missing("not asked"), slow_blind=Missing("not asked"))
    assert [finding.metric for finding in verdict.findings] == [Metric.RESTARTS]
    assert verdict.outcome is Outcome.NOT_WORSE


def test_slow_requests_that_come_late_or_never_change_nothing_of_the_errors() -> None:
    without, later = (Evidence.begin(SLOW_POLICY, HISTORY) for _ in range(2))
    windows: list[RequestWindow] = list(Service(failing=healthy(0.001)).windows(20))
    for window in windows:
        without.add_requests(window)
        later.add_requests(window)
    for window in windows:
        later.add_slow(window)
    errors = [f for f in without.verdict().findings if f.metric is Metric.ERROR_RATE]
    assert errors == [f for f in later.verdict().findings if f.metric is Metric.ERROR_RATE]


def test_segments_of_both_metrics_need_not_be_the_same() -> None:
    past = RequestPast(segments={"/slow": Counts(10, 1000)})
    evidence = Evidence.begin(SLOW_POLICY, History(errors=history_of().errors, slow=past))
    evidence.add_slow(request_window({"/other": Counts(1, 5)}, {"/slow": Counts(1, 100)}))
    again = Evidence.load(evidence.dump(), SLOW_POLICY)
    assert again.verdict() == evidence.verdict()
    segments = [f.segment for f in again.verdict().findings if f.metric is Metric.SLOW_REQUESTS]
    assert segments == ["", "/slow", "/other"]
