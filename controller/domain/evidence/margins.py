"""What is tolerated, and what history allows: learned ratio, exact bounds, coverage."""

import math
from typing import Final

import numpy as np
from scipy.special import betaincinv, gammaincinv

from controller.domain.evidence.windows import Floats

RATIO_MIN: Final = 1.1
RATIO_MAX: Final = 2.0
RATIO_UNKNOWN: Final = 1.25  # there is no history to learn from
SPREADS_TOLERATED: Final = 2.5
ERRORS_TO_LEARN_MIN: Final = 50
UNSEEN_MAX: Final = 0.1  # the tau that may be taken for noise
RATES_COVERED: Final = 2.5  # of the tolerated difference: it covers for half as much again
SHARE_OF_ERROR_FOR_BOUND: Final = 0.1  # of alpha, paid for the history bound being wrong
BURST_MAX: Final = 50.0
TINY: Final = 1e-9


def learned_ratio(pods: Floats, difference: float, burst: Floats | float = 1.0) -> Floats:
    """The tolerated ratio, from how much the stable pods differ from one another (an A/A estimate).

    1 + 2.5 * tau within [1.1, 2], tau being the relative standard deviation of the pods' error
    rates: Var(x_i) = burst * mu_i + (tau * mu_i)^2, solved for tau by moments.

    Noise is not to be taken for pods that differ, nor the other way round. So as much of the first
    term is subtracted as chance gives it in 95 % of cases, but only where that hides little: where
    a tau of 0.1 would still be seen, or so few requests failed that `difference`, the tolerated
    absolute one, covers for pods that differ. `pods` are errors and requests, (2, ..., pods);
    without requests a pod is none.
    """
    spread, expected, freedom = _spread(pods)
    total, served = expected.sum(axis=-1), pods[1].sum(axis=-1)
    covered = total <= RATES_COVERED * difference * served
    squares = np.maximum((expected**2).sum(axis=-1), TINY)
    chance = _chance(freedom)
    unseen = np.sqrt((chance - 1) * burst * total / squares)
    chance = np.where(covered | (unseen <= UNSEEN_MAX), chance, 1.0)
    tau = np.sqrt(np.maximum(spread - chance * burst * total, 0.0) / squares)
    ratio = np.clip(1 + SPREADS_TOLERATED * tau, RATIO_MIN, RATIO_MAX)
    few = np.where(covered, RATIO_MIN, RATIO_UNKNOWN)
    ratio = np.where(total >= ERRORS_TO_LEARN_MIN, ratio, few)
    return np.where(freedom >= 1, ratio, RATIO_UNKNOWN)


def burst_to_expect(pods: Floats) -> Floats:
    """The least burst size (>= 1) that explains how much the stable pods' totals differ.

    Totals cannot tell bursts from pods that differ for good, so until the release itself has shown
    which it is, both are reckoned with. A lower confidence bound (chi-square, 95 %): pods that
    differ by chance alone make nothing slower. `pods` as for `learned_ratio`.
    """
    spread, expected, freedom = _spread(pods)
    total = expected.sum(axis=-1)
    burst = np.clip(spread / np.maximum(total, TINY) / _chance(freedom), 1.0, BURST_MAX)
    known = (freedom >= 1) & (total >= ERRORS_TO_LEARN_MIN)
    return np.where(known, burst, 1.0)


def _chance(freedom: Floats) -> Floats:
    """What a mean square of 1 does not exceed by chance in 95 % of cases (chi-square)."""
    halves = np.maximum(freedom, 1.0) / 2
    return np.asarray(gammaincinv(halves, 0.95) / halves, dtype=np.float64)


def _spread(pods: Floats) -> tuple[Floats, Floats, Floats]:
    """The sum of squares of the pods' errors about their expectation, unbiased; that; freedom."""
    events, exposure = pods
    mean = events.sum(axis=-1) / np.maximum(exposure.sum(axis=-1), TINY)
    expected = exposure * mean[..., None]
    number = (exposure > 0).sum(axis=-1).astype(np.float64)
    unbiased = np.maximum(number, 1.0) / np.maximum(number - 1, 1.0)
    return ((events - expected) ** 2).sum(axis=-1) * unbiased, expected, number - 1


def proportion_bound(events: Floats, exposure: Floats, error: Floats | float) -> Floats:
    """Clopper-Pearson upper bound of a proportion, wrong with probability `error` at most.

    1 where there is no history. Non-integer counts (divided by a burst size) are allowed.
    """
    successes = np.maximum(exposure - events, TINY)
    bound = np.asarray(betaincinv(events + 1, successes, 1 - error), dtype=np.float64)
    return np.where(exposure > events, bound, 1.0)


def rate_bound(events: Floats | float, exposure: Floats | float, error: float) -> Floats:
    """Garwood's exact upper bound of a Poisson rate, in events per unit of exposure."""
    most = np.asarray(gammaincinv(np.asarray(events) + 1, 1 - error), dtype=np.float64)
    return most / np.maximum(exposure, TINY)


def requests_to_cover(failing: float, missed: float) -> int:
    """Requests after which a route failing with probability `failing` has shown an error.

    Except with probability `missed`: n = ceil(log(missed) / log(1 - failing)).
    """
    return math.ceil(math.log(missed) / math.log1p(-failing))
