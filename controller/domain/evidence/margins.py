"""What is tolerated, and what history allows: learned ratio, exact bounds, coverage."""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.special import betaincinv, gammaincinv

from controller.domain.evidence.windows import Floats, sound
from controller.domain.readings import Counts

RATIO_MIN: Final = 1.1
RATIO_MAX: Final = 2.0
RATIO_UNKNOWN: Final = 1.25  # history has too few errors to learn from
SPREADS_TOLERATED: Final = 2.5
ERRORS_TO_LEARN_MIN: Final = 50
SHARE_OF_ERROR_FOR_BOUND: Final = 0.1  # of alpha, paid for the history bound being wrong
BURST_MAX: Final = 50.0
TINY: Final = 1e-9


def learned_ratio(pods: Iterable[Counts], burst: float = 1.0) -> float:
    """The tolerated ratio, from how much the stable pods differ from one another (an A/A estimate).

    1 + 2.5 * tau within [1.1, 2], tau being the relative standard deviation of the pods' error
    rates: Var(x_i) = burst * mu_i + (tau * mu_i)^2, solved for tau by moments.
    """
    spread, expected = _spread(pods)
    if len(expected) < 2 or expected.sum() < ERRORS_TO_LEARN_MIN:
        return RATIO_UNKNOWN
    tau_squared = max(spread - burst * expected.sum(), 0.0) / (expected**2).sum()
    return float(np.clip(1 + SPREADS_TOLERATED * math.sqrt(tau_squared), RATIO_MIN, RATIO_MAX))


def burst_to_expect(pods: Iterable[Counts]) -> float:
    """The least burst size (>= 1) that explains how much the stable pods' totals differ.

    Totals cannot tell bursts from pods that differ for good, so until the release itself has shown
    which it is, both are reckoned with. A lower confidence bound (chi-square, 95 %): pods that
    differ by chance alone make nothing slower.
    """
    spread, expected = _spread(pods)
    if len(expected) < 2 or expected.sum() < ERRORS_TO_LEARN_MIN:
        return 1.0
    chance = float(gammaincinv((len(expected) - 1) / 2, 0.95)) * 2 / (len(expected) - 1)
    return float(np.clip(spread / expected.sum() / chance, 1.0, BURST_MAX))


def _spread(pods: Iterable[Counts]) -> tuple[float, Floats]:
    """The sum of squares of the pods' errors about their expectation, unbiased; and that."""
    totals = [counts for counts in pods if sound(counts) and counts.requests > 0]
    events = np.array([counts.errors for counts in totals], dtype=np.float64)
    exposure = np.array([counts.requests for counts in totals], dtype=np.float64)
    expected = exposure * events.sum() / max(exposure.sum(), TINY)
    freedom = max(len(totals) - 1, 1) / max(len(totals), 1)
    return float(((events - expected) ** 2).sum() / freedom), expected


def proportion_bound(events: Floats, exposure: Floats, error: Floats) -> Floats:
    """Clopper-Pearson upper bound of a proportion, wrong with probability `error` at most.

    1 where there is no history. Non-integer counts (divided by a burst size) are allowed.
    """
    successes = np.maximum(exposure - events, TINY)
    bound = np.asarray(betaincinv(events + 1, successes, 1 - error), dtype=np.float64)
    return np.where(exposure > events, bound, 1.0)


@lru_cache(maxsize=64)  # Asked at each look, and the same for all of a release.
def rate_bound(events: float, exposure: float, error: float) -> float:
    """Garwood's exact upper bound of a Poisson rate, in events per unit of exposure."""
    return float(gammaincinv(events + 1, 1 - error)) / max(exposure, TINY)


def requests_to_cover(failing: float, missed: float) -> int:
    """Requests after which a route failing with probability `failing` has shown an error.

    Except with probability `missed`: n = ceil(log(missed) / log(1 - failing)).
    """
    return math.ceil(math.log(missed) / math.log1p(-failing))
