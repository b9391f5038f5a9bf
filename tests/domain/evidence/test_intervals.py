"""What a person is told besides: an interval of the ratio, and what can still hide."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import betaln

from controller.domain.evidence import Evidence, History
from controller.domain.evidence.intervals import hidden_rate, ratio_interval
from controller.domain.findings import Metric
from controller.domain.readings import Counts
from tests.domain.evidence.service import (
    POLICY,
    crash_window,
    finding_of,
    history_of,
    request_window,
)

ONE = np.ones(1)


def interval(canary: tuple[float, float], stable: tuple[float, float]) -> tuple[float, float]:
    low, high = ratio_interval(np.array([canary]).T, np.array([stable]).T, ONE)
    return float(low[0]), float(high[0])


def by_bisection(canary: tuple[float, float], stable: tuple[float, float]) -> tuple[float, float]:
    (ours, served), (theirs, there) = canary, stable
    share = served / (served + there)
    a, b = 10 * share, 10 * (1 - share)
    level = betaln(a + ours, b + theirs) - betaln(a, b) + np.log(0.05)

    def outside(q: float) -> float:
        return float(level - ours * np.log(q) - theirs * np.log1p(-q))

    middle = (ours + a) / (ours + theirs + 10)
    low = brentq(outside, 1e-12, middle) if ours else 0.0
    high = brentq(outside, middle, 1 - 1e-12) if theirs else 1.0
    odds = (1 - share) / share
    return low / (1 - low) * odds, high / (1 - high) * odds if high < 1 else np.inf


@pytest.mark.parametrize(
    ("canary", "stable"),
    [
        ((7, 300), (9, 2700)),
        ((0, 300), (9, 2700)),
        ((7, 300), (0, 2700)),
        ((1, 1), (0, 9)),
        ((400, 2000), (30, 18000)),
        ((3, 1e6), (90_000, 9e6)),
    ],
)
def test_the_interval_is_that_of_the_beta_binomial_mixture(
    canary: tuple[float, float], stable: tuple[float, float]
) -> None:
    assert interval(canary, stable) == pytest.approx(by_bisection(canary, stable), rel=0.02)


def test_nothing_to_compare_has_no_interval() -> None:
    for sides in (((0, 10), (0, 90)), ((1, 10), (0, 0)), ((0, 0), (1, 10))):
        assert all(np.isnan(interval(*sides)))


def test_the_interval_holds_at_all_times_together() -> None:
    dice = np.random.default_rng(1)
    traces, missed = 400, np.zeros(400, dtype=bool)
    canary, stable = np.zeros((2, traces)), np.zeros((2, traces))
    for _ in range(60):
        served, there = dice.poisson(20, traces), dice.poisson(180, traces)
        canary += np.array([dice.binomial(served, 0.06), served])
        stable += np.array([dice.binomial(there, 0.02), there])
        low, high = ratio_interval(canary, stable, ONE)
        missed |= (low > 3) | (high < 3)
    assert missed.mean() <= 0.05


def test_what_can_hide_is_the_exact_bound() -> None:
    canary = np.array([[0.0, 0.0, 10.0, 5.0, 0.0], [31.0, 0.0, 100.0, 5.0, 0.5]])
    hidden = hidden_rate(canary, per_second=False)
    assert hidden[0] == pytest.approx(0.092, abs=5e-4)  # "31 requests, 0 errors: 9.2 %"
    assert np.isnan(hidden[1])
    assert hidden[2] == pytest.approx(0.1637, abs=1e-4)
    assert hidden[3] == pytest.approx(1)
    crashes = hidden_rate(np.array([[0.0, 10.0], [100.0, 100.0]]), per_second=True)
    assert crashes == pytest.approx([0.02996, 0.1696], abs=1e-4)


def test_findings_carry_both() -> None:
    evidence = Evidence.begin(POLICY, history_of())
    evidence.add_requests(request_window({"/exams": Counts(0, 31)}, {"/exams": Counts(2, 279)}))
    evidence.add_crashes(crash_window())
    route = finding_of(evidence, Metric.ERROR_RATE, "/exams")
    assert route.hidden == pytest.approx(0.092, abs=5e-4)
    assert route.ratio is not None
    assert route.ratio.low == 0.0
    restarts = finding_of(evidence, Metric.RESTARTS)
    assert restarts.ratio is None
    assert restarts.hidden == pytest.approx(0.6, abs=1e-2)  # crashes per pod-second


def test_an_interval_without_an_upper_end_says_so() -> None:
    evidence = Evidence.begin(POLICY, History())
    evidence.add_crashes(crash_window(canary=1))
    ratio = finding_of(evidence, Metric.RESTARTS).ratio
    assert ratio is not None
    assert ratio.high is None
