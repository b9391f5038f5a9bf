"""Bounds against textbook values, and what is learned from the stable pods."""

import numpy as np
import pytest

from controller.domain.evidence.dispersion import LARGER, Dispersion
from controller.domain.evidence.margins import (
    burst_to_expect,
    learned_ratio,
    proportion_bound,
    rate_bound,
    requests_to_cover,
)
from controller.domain.evidence.past import pods_of
from controller.domain.evidence.windows import Floats
from controller.domain.readings import Counts


def test_the_clopper_pearson_bound_without_events_is_the_rule_of_three() -> None:
    bound = proportion_bound(np.array([0.0]), np.array([100.0]), np.array([0.05]))
    assert bound == pytest.approx(1 - 0.05 ** (1 / 100))


def test_the_clopper_pearson_bound_of_textbooks() -> None:
    bound = proportion_bound(np.array([10.0]), np.array([100.0]), np.array([0.025]))
    assert bound == pytest.approx(0.1762, abs=1e-4)


def test_a_proportion_without_history_may_be_anything() -> None:
    none = np.zeros(1)
    assert proportion_bound(none, none, np.array([0.05])) == 1.0
    assert proportion_bound(np.ones(1), np.ones(1), np.array([0.05])) == 1.0


def test_garwoods_bound_of_textbooks() -> None:
    assert rate_bound(0, 1, 0.025) == pytest.approx(3.689, abs=1e-3)
    assert rate_bound(10, 1, 0.025) == pytest.approx(18.39, abs=1e-2)
    assert rate_bound(0, 0, 0.025) > 1e6


@pytest.mark.parametrize(("failing", "requests"), [(0.5, 5), (0.1, 29)])
def test_requests_that_show_a_failing_route(failing: float, requests: int) -> None:
    assert requests_to_cover(failing, 0.05) == requests


DIFFERENCE = 0.0005


def pods(*errors: float, requests: float = 100_000) -> Floats:
    return pods_of(Counts(count, requests) for count in errors)


def test_pods_that_are_alike_leave_a_narrow_margin() -> None:
    assert learned_ratio(pods(1000, 1010, 990, 1000), DIFFERENCE) == 1.1


def test_pods_that_differ_widen_the_margin_up_to_twice() -> None:
    assert 1.1 < learned_ratio(pods(1000, 1150, 850, 1100, 900), DIFFERENCE) < 2.0
    assert learned_ratio(pods(100, 3000), DIFFERENCE) == 2.0


@pytest.mark.parametrize("few", [pods(), pods(1000)])
def test_no_pods_to_compare_give_the_margin_of_ignorance(few: Floats) -> None:
    assert learned_ratio(few, DIFFERENCE) == 1.25
    assert burst_to_expect(few) == 1.0


@pytest.mark.parametrize("few", [pods(10, 20), pods(0, 0)])
def test_pods_with_few_errors_have_shown_no_difference(few: Floats) -> None:
    assert learned_ratio(few, DIFFERENCE) == 1.1
    assert burst_to_expect(few) == 1.0


def test_few_errors_where_errors_are_common_tell_nothing() -> None:
    assert learned_ratio(pods(10, 20, requests=1000), DIFFERENCE) == 1.25


def test_what_a_short_history_shows_is_not_explained_away() -> None:
    short = pods(13, 32, 21, 9, 17, 26, requests=2000)
    long = pods(*(100 * errors for errors in (13, 32, 21, 9, 17, 26)), requests=200_000)
    assert learned_ratio(short, DIFFERENCE) == pytest.approx(2.0, abs=0.3)
    assert learned_ratio(long, DIFFERENCE) == 2.0


def test_garbage_in_the_history_teaches_nothing() -> None:
    garbage = [Counts(float("nan"), 1.0), Counts(-1, 5), Counts(5, 1), Counts(1, float("inf"))]
    alike = [Counts(errors, 100_000) for errors in (1000, 1010, 990, 1000)]
    assert learned_ratio(pods_of(alike + garbage), DIFFERENCE) == 1.1


def test_chance_is_not_taken_for_bursts() -> None:
    dice = np.random.default_rng(1)
    expected = [burst_to_expect(pods(*dice.poisson(200.0, 9))) for _ in range(200)]
    assert np.mean([burst > 1 for burst in expected]) <= 0.1
    assert max(expected) < 2


def test_totals_that_differ_more_than_chance_are_taken_for_bursts() -> None:
    dice = np.random.default_rng(2)
    assert burst_to_expect(pods(*(30.0 * dice.poisson(10.0, 9)))) > 3


def burst_of(size: int, looks: int) -> float:
    """What nine pods teach whose errors come in bursts of this size."""
    dice = np.random.default_rng(3)
    dispersion = Dispersion((2,))
    for _ in range(looks):
        errors = np.tile(size * dice.poisson(0.5, (9, 1)) * 1.0, (1, 2))
        dispersion.add(np.array([errors, np.full((9, 2), 100.0)]))
    return float(dispersion.burst(np.array([1.0, 0.5]))[0])


def test_errors_that_come_alone_are_no_bursts() -> None:
    assert burst_of(1, looks=120) < 1.4


def test_errors_that_come_in_bursts_are() -> None:
    assert burst_of(20, looks=120) == pytest.approx(LARGER * 20, rel=0.3)


def test_bursts_that_last_longer_than_a_look_are_seen_as_well() -> None:
    dice = np.random.default_rng(4)
    dispersion = Dispersion((1,))
    for look in range(240):
        if look % 6 == 0:
            struck = dice.integers(0, 9)
        errors = np.zeros((9, 1))
        errors[struck] = 1.0
        dispersion.add(np.array([errors, np.full((9, 1), 100.0)]))
    assert float(dispersion.burst(np.ones(1))[0]) > 3


def test_one_stable_pod_teaches_nothing_of_bursts() -> None:
    dispersion = Dispersion((1,))
    for _ in range(50):
        dispersion.add(np.array([[[30.0]], [[100.0]]]))
    assert dispersion.burst(np.ones(1)) == 1.0


def test_what_all_pods_suffer_together_is_no_burst() -> None:
    dispersion = Dispersion((1,))
    for look in range(60):
        errors = np.full((9, 1), 50.0 if look % 10 == 0 else 0.0)
        dispersion.add(np.array([errors, np.full((9, 1), 100.0)]))
    assert dispersion.burst(np.ones(1)) == 1.0
