"""The bets: test supermartingales against "the canary is no worse than tolerated".

All work along the last axes, (..., streams, bets): whatever leads is a batch of releases.
"""

import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from controller.domain.evidence.looks import Flow, Look
from controller.domain.evidence.mixture import Singles, Wealth, log_of_sum, with_row
from controller.domain.evidence.windows import Floats

FIRST_REQUESTS: Final = 0.6  # mass on "bad from the first request"
FIRST_BY_HISTORY: Final = 0.8
FIRST_CRASHES: Final = 0.9

# What one stable error leaves of the wealth. The lower, the more severe the bug that is bet on.
STABLE_FACTORS: Final = np.array([0.01, 0.05, 0.15, 0.30, 0.50, 0.70, 0.85, 0.93, 0.97])
SEGMENT_WEIGHTS: Final = np.log([0.22, 0.12, 0.10, 0.10, 0.10, 0.10, 0.10, 0.10, 0.06])
SERVICE_WEIGHTS: Final = np.log([0.02, 0.03, 0.03, 0.05, 0.23, 0.20, 0.06, 0.35, 0.03])
CRASH_FACTORS: Final = np.array([0.01, 0.20, 0.50, 0.80])
CRASH_WEIGHTS: Final = np.log([0.7, 0.1, 0.1, 0.1])

# Where between the bound (0) and certain failure (1) the alternatives lie, on a log scale.
ALTERNATIVES: Final = np.array([0.15, 0.30, 0.45, 0.60, 0.80, 1.0])
ALTERNATIVE_WEIGHTS: Final = np.log([0.12, 0.14, 0.16, 0.18, 0.20, 0.20])
ALTERNATIVE_MAX: Final = 0.98
BRACKETS: Final = 6
BASELINE_WEIGHTS: Final = np.tile(ALTERNATIVE_WEIGHTS, BRACKETS)
NEAR_BOUND: Final = 1 - ALTERNATIVES
NEAR_FAILURE: Final = ALTERNATIVES * np.log(ALTERNATIVE_MAX)
BOUND_MAX: Final = 0.5  # a bound above this leaves nothing to bet on

CRASH_MULTIPLES: Final = np.array([3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0])
CRASH_GAINS: Final = np.log(CRASH_MULTIPLES)
CRASH_COSTS: Final = CRASH_MULTIPLES - 1
CRASH_MULTIPLE_WEIGHTS: Final = np.full((2, 7), -math.log(7))  # two bounds

CANARY_FACTORS: Final = np.array([0.02, 0.15, 0.30, 0.45, 0.60, 0.75, 0.88])
CANARY_FACTOR_WEIGHTS: Final = np.full(7, -math.log(7))

CREDIT_STEPS: Final = 64  # per unit of exposure
CREDIT_MAX: Final = 1e6

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

    def begin_later(self, mass: float) -> None:
        """Fresh bets begin, and no credit of older ones may pay for them."""
        self.wealth.begin_later(mass)
        self.credit[...] = 0.0

    def add(self, look: Look, cap: Floats | None = None) -> None:
        """Bet on one look. `cap`: nats that each stream may gain at most."""
        canary, stable = _columns(look.canary), _columns(look.stable)
        tolerated = look.tolerated[..., None]
        spending = tolerated * canary.exposure
        stake = 1 - self.factors
        boldest = stake * (look.ratio[..., None] / tolerated)
        saved = self.credit.astype(np.float64)
        room = np.maximum(spending * boldest + self.bank * stake - saved, 0.0)
        earned = np.minimum(stable.exposure * stake, room)
        stable_factor = 1 - earned / np.maximum(stable.exposure, TINY)
        credit = saved + earned
        affordable = credit / np.maximum(spending, TINY)
        gain = np.where(canary.exposure > 0, np.minimum(boldest, affordable), 0.0)
        self.credit = _saved(credit - spending * gain)
        log_factors = (
            canary.events * np.log1p(gain)
            + stable.events * np.log(stable_factor)
            - self.difference * canary.exposure * gain
        )
        self.wealth.multiply(log_factors / look.burst[..., None], cap)

    def append(self, mass: float) -> None:
        """Add a segment that appeared late; `mass` is that of the later starts so far."""
        self.wealth.append(SEGMENT_WEIGHTS, mass)
        self.credit = with_row(self.credit, 0.0)


class Odds(NamedTuple):
    """What a request that failed and one that did not are worth, in nats.

    Both (..., streams, brackets * alternatives).
    """

    failed: Floats
    served: Floats


def odds(bounds: Floats) -> Odds:
    """Binomial likelihood ratios of the alternatives against `bounds` p0, (..., streams, j)."""
    p0 = bounds[..., None]
    alternative = np.exp(NEAR_BOUND * np.log(p0) + NEAR_FAILURE)
    bettable = p0 < BOUND_MAX
    failed = np.where(bettable, np.log(alternative / p0), 0.0)
    served = np.where(bettable, np.log1p(-alternative) - np.log1p(-p0), 0.0)
    shape = (*bounds.shape[:-1], -1)
    return Odds(failed.reshape(shape), served.reshape(shape))


@dataclass(slots=True)
class BaselineBet:
    """Canary against stable's history. H0: p_canary <= tolerated * p_history + d.

    A failure is worth up to log(1 / p0) nats instead of log(1 + ratio), but only while the past
    still holds: the caller has to see to that. Binomial likelihood ratios against p0 = tolerated *
    U + d for each bracket [U_(j-1), U_j] that p_history may lie in; the bracket with the least
    evidence counts, with what history itself says against it (see `history`). The wealth is (...,
    streams, brackets * alternatives).
    """

    wealth: Wealth

    def add(self, canary: Flow, worth: Odds, burst: Floats, cap: Floats) -> None:
        """Bet on one look."""
        size = 1 / burst
        failed = (canary.events * size)[..., None]
        served = ((canary.exposure - canary.events) * size)[..., None]
        self.wealth.multiply(failed * worth.failed + served * worth.served, cap)

    def log_evidence(self, handicap: Floats) -> Floats:
        """The log e-value of each stream; `handicap` is history's own, (..., streams, brackets)."""
        log = self.wealth.log
        per_bracket = log.reshape(*log.shape[:-1], -1, len(ALTERNATIVES))
        least = np.minimum.reduce(log_of_sum(per_bracket) + handicap, axis=-1)
        return np.asarray(least, dtype=np.float64)

    def append(self, mass: float) -> None:
        """Add a segment that appeared late; `mass` is that of the later starts so far."""
        self.wealth.append(BASELINE_WEIGHTS, mass)


@dataclass(slots=True)
class CrashBaselineBet:
    """Restarts against history. H0: crashes per pod-second <= bound; Poisson likelihood ratios."""

    bounds: Floats
    wealth: Wealth

    def add(self, crashes: Floats, pod_seconds: Floats) -> None:
        """Bet on one look of all canary pods; one number per release."""
        expected = (self.bounds * pod_seconds[..., None])[..., None]
        self.wealth.multiply(crashes[..., None, None] * CRASH_GAINS - expected * CRASH_COSTS)


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

    def begin_later(self, mass: float) -> None:
        """Fresh bets begin, and no credit of older ones may pay for them."""
        self.wealth.begin_later(mass)
        self.credit[...] = 0.0

    def add(self, look: Look) -> None:
        """Bet on one look."""
        canary, stable = _columns(look.canary), _columns(look.stable)
        tolerated = look.tolerated[..., None]
        stake = tolerated * (1 - CANARY_FACTORS)
        boldest = stake / np.maximum(look.ratio[..., None], TINY)
        saved = self.credit.astype(np.float64)
        room = np.maximum(stable.exposure * boldest + self.bank * stake - saved, 0.0)
        earned = np.minimum(canary.exposure * stake, room)
        canary_stake = earned / np.maximum(tolerated * canary.exposure, TINY)
        credit = saved + earned
        affordable = credit / np.maximum(stable.exposure, TINY)
        gain = np.where(stable.exposure > 0, np.minimum(boldest, affordable), 0.0)
        self.credit = _saved(credit - stable.exposure * gain)
        log_factors = (
            canary.events * np.log1p(-canary_stake)
            + stable.events * np.log1p(gain)
            + self.difference * canary.exposure * canary_stake
        )
        self.wealth.multiply(log_factors / look.burst[..., None])


def _saved(credit: Floats) -> Singles:
    """Credit as it is kept, in small steps: the stored state has to be small. Less is always valid,
    and the steps are so small that no pod-second of restarts is lost (they bank none anyway).
    """
    steps = np.floor(np.minimum(np.maximum(credit, 0.0), CREDIT_MAX) * CREDIT_STEPS)
    return np.asarray(steps / CREDIT_STEPS, dtype=np.float32)


def _columns(flow: Flow) -> Flow:
    return Flow(flow.events[..., None], flow.exposure[..., None])
