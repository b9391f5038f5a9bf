"""The information limit: how soon anybody could know, with the best single bet known beforehand."""

import math
from typing import Final

from scipy.optimize import minimize_scalar

from tests.bench.decision.scenarios import Scenario

ALPHA: Final = 0.01
RATIO: Final = 1.1  # what the learned margin comes to on this traffic
DIFFERENCE: Final = 0.0005


def information_limit(scenario: Scenario) -> float | None:
    """log(1 / alpha) over the growth of the best bet, in seconds; None where there is none.

    Nobody can promise more who does not know the base rate: a bet on canary against stable at the
    same time, on the whole service or on the rare route alone, whichever grows faster.
    """
    if scenario.bursts is not None or scenario.outage is not None or not scenario.is_bad:
        return None
    bad = scenario.canary if scenario.canary is not None else scenario.base
    rare = scenario.rare if scenario.rare is not None else bad
    share = scenario.rare_share
    whole = bad * (1 - share) + rare * share
    best = max(
        growth(scenario, 1.0, whole),
        growth(scenario, share, rare),
    )
    return math.log(1 / ALPHA) / best if best > 0 else None


def growth(scenario: Scenario, share: float, canary: float) -> float:
    """Nats per second of the best bet on a share of the traffic whose canary rate is `canary`."""
    per_pod = scenario.requests_per_second * share / scenario.pods
    served = per_pod * scenario.canaries
    beside = per_pod * (scenario.pods - scenario.canaries)
    base = scenario.base
    if canary <= RATIO * base + DIFFERENCE:
        return 0.0

    def lost(factor: float) -> float:
        gain = (1 - factor) * beside / (RATIO * served)
        won = served * canary * math.log1p(gain) - served * DIFFERENCE * gain
        return -(won + beside * base * math.log(factor))

    found = minimize_scalar(lost, bounds=(1e-6, 1 - 1e-9), method="bounded")
    return float(-found.fun)
