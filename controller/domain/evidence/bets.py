"""The bets: test supermartingales against "the canary is no worse than tolerated"."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from controller.domain.evidence.mixture import Singles, Wealth
from controller.domain.evidence.windows import Floats, Flow, Look

FIRST_REQUESTS: Final = 0.6  # mass on "bad from the first request"
FIRST_CRASHES: Final = 0.9

# What one stable error leaves of the wealth. The lower, the more severe the bug that is bet on.
STABLE_FACTORS: Final = np.array([0.01, 0.05, 0.15, 0.30, 0.50, 0.70, 0.85, 0.93, 0.97])
SEGMENT_WEIGHTS: Final = np.log([0.22, 0.12, 0.10, 0.10, 0.10, 0.10, 0.10, 0.10, 0.06])
SERVICE_WEIGHTS: Final = np.log([0.08, 0.06, 0.08, 0.10, 0.12, 0.14, 0.16, 0.16, 0.10])
CRASH_FACTORS: Final = np.array([0.01, 0.20, 0.50, 0.80])
CRASH_WEIGHTS: Final = np.log([0.7, 0.1, 0.1, 0.1])

# Where between the bound (0) and certain failure (1) the alternatives lie, on a log scale.
ALTERNATIVES: Final = np.array([0.15, 0.30, 0.45, 0.60, 0.80, 1.0])
ALTERNATIVE_WEIGHTS: Final = np.log([0.12, 0.14, 0.16, 0.18, 0.20, 0.20])
ALTERNATIVE_MAX: Final = 0.98
NEAR_BOUND: Final = 1 - ALTERNATIVES
NEAR_FAILURE: Final = ALTERNATIVES * np.log(ALTERNATIVE_MAX)
BOUND_MAX: Final = 0.5  # a bound above this leaves nothing to bet on

CRASH_MULTIPLES: Final = np.array([3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0])
CRASH_GAINS: Final = np.log(CRASH_MULTIPLES)
CRASH_COSTS: Final = CRASH_MULTIPLES - 1
CRASH_MULTIPLE_WEIGHTS: Final = np.full((2, 7), -math.log(7))  # two bounds

CANARY_FACTORS: Final = np.array([0.02, 0.15, 0.30, 0.45, 0.60, 0.75, 0.88])
CANARY_FACTOR_WEIGHTS: Final = np.full(7, -math.log(7))

TINY: Final = 1e-12


@dataclass(slots=True)
class PairBet:
    """Canary against stable at the same time. H0: p_canary(t) <= tolerated * p_stable(t) + d.

    A stable error multiplies the wealth by b < 1, a canary error by a > 1. Stable's exposure earns
    1 - b each, the canary's spends tolerated * (a - 1) each, and d is paid for. Credit that never
    goes negative makes it valid for any locally constant p_stable, however traffic is routed;
    a - 1 <= (1 - b) * ratio / tolerated keeps it a supermartingale under any common-cause outage
    when routing is random. p_stable is never estimated. Source: betting on two samples (Turner,
    Ly, Grünwald 2024), made safe for shares that are only known approximately.

    `difference` (d) is in events per exposure, `bank` the exposure that may be carried over.
    """

    factors: Floats
    difference: float
    bank: float
    wealth: Wealth
    credit: Singles = field(init=False)

    def __post_init__(self) -> None:
        self.credit = np.zeros(self.wealth.log.shape, np.float32)

    def begin_later(self, starts: int) -> None:
        """Fresh bets begin, and no credit of older ones may pay for them."""
        self.wealth.begin_later(starts)
        self.credit[...] = 0.0

    def add(self, look: Look, cap: Floats | None = None) -> None:
        """Bet on one look. `cap`: nats that each stream may gain at most."""
        canary, stable = _columns(look.canary), _columns(look.stable)
        spending = look.tolerated * canary.exposure
        stake = 1 - self.factors
        boldest = stake * look.ratio / look.tolerated
        saved = self.credit.astype(np.float64)
        room = np.maximum(spending * boldest + self.bank * stake - saved, 0.0)
        earned = np.minimum(stable.exposure * stake, room)
        stable_factor = 1 - earned / np.maximum(stable.exposure, TINY)
        credit = saved + earned
        affordable = credit / np.maximum(spending, TINY)
        gain = np.where(canary.exposure > 0, np.minimum(boldest, affordable), 0.0)
        self.credit = (credit - spending * gain).astype(np.float32)
        log_factors = (
            canary.events * np.log1p(gain)
            + stable.events * np.log(stable_factor)
            - self.difference * canary.exposure * gain
        )
        self.wealth.multiply(log_factors / look.burst[:, None], cap)

    def append(self, begun: int) -> None:
        """Add a segment that appeared late."""
        self.wealth.append(SEGMENT_WEIGHTS, begun)
        self.credit = np.vstack([self.credit, np.zeros(len(self.factors), np.float32)])


@dataclass(slots=True)
class BaselineBet:
    """Canary against stable's history. H0: p_canary <= p0; binomial likelihood ratios.

    A failure is worth up to log(1 / p0) nats instead of log(1 + ratio), but only while the past
    still holds: the caller has to see to that. p0 may change from look to look, as long as it is
    chosen before the look.
    """

    wealth: Wealth

    def add(self, canary: Flow, bounds: Floats, burst: Floats, cap: Floats) -> None:
        """Bet on one look; `bounds` are the p0 of the streams."""
        p0 = bounds[:, None]
        alternative = np.exp(NEAR_BOUND * np.log(p0) + NEAR_FAILURE)
        events, exposure = _columns(canary)
        log_factors = events * np.log(alternative / p0) + (exposure - events) * (
            np.log1p(-alternative) - np.log1p(-p0)
        )
        self.wealth.multiply(np.where(p0 < BOUND_MAX, log_factors / burst[:, None], 0.0), cap)

    def append(self, begun: int) -> None:
        """Add a segment that appeared late."""
        self.wealth.append(ALTERNATIVE_WEIGHTS, begun)


@dataclass(slots=True)
class CrashBaselineBet:
    """Restarts against history. H0: crashes per pod-second <= bound; Poisson likelihood ratios."""

    bounds: Floats
    wealth: Wealth

    def add(self, crashes: float, pod_seconds: float) -> None:
        """Bet on one look of all canary pods."""
        expected = self.bounds[:, None] * pod_seconds
        self.wealth.multiply(crashes * CRASH_GAINS - expected * CRASH_COSTS)


@dataclass(slots=True)
class NonInferiorityBet:
    """The mirror image of PairBet. H0: p_canary >= tolerated * p_stable + d.

    Rejecting it says "not worse": canary requests earn, stable requests spend.
    """

    difference: float
    bank: float
    wealth: Wealth
    credit: Singles = field(init=False)

    def __post_init__(self) -> None:
        self.credit = np.zeros(self.wealth.log.shape, np.float32)

    def begin_later(self, starts: int) -> None:
        """Fresh bets begin, and no credit of older ones may pay for them."""
        self.wealth.begin_later(starts)
        self.credit[...] = 0.0

    def add(self, look: Look) -> None:
        """Bet on one look."""
        canary, stable = _columns(look.canary), _columns(look.stable)
        stake = look.tolerated * (1 - CANARY_FACTORS)
        boldest = stake / max(look.ratio, TINY)
        saved = self.credit.astype(np.float64)
        room = np.maximum(stable.exposure * boldest + self.bank * stake - saved, 0.0)
        earned = np.minimum(canary.exposure * stake, room)
        canary_stake = earned / np.maximum(look.tolerated * canary.exposure, TINY)
        credit = saved + earned
        affordable = credit / np.maximum(stable.exposure, TINY)
        gain = np.where(stable.exposure > 0, np.minimum(boldest, affordable), 0.0)
        self.credit = (credit - stable.exposure * gain).astype(np.float32)
        log_factors = (
            canary.events * np.log1p(-canary_stake)
            + stable.events * np.log1p(gain)
            + self.difference * canary.exposure * canary_stake
        )
        self.wealth.multiply(log_factors / look.burst[:, None])


def _columns(flow: Flow) -> Flow:
    return Flow(flow.events[:, None], flow.exposure[:, None])
