"""What the fates of many releases come to: shares, delays and how sure they are."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from tests.bench.decision.limits import information_limit
from tests.bench.decision.measuring import BETS, Fates
from tests.bench.decision.scenarios import Scenario
from tests.bench.decision.traces import Floats

SURE: Final = 1.959964  # standard deviations of a 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rule in one scenario. Seconds are after the onset; None where too few got there.

    `rollback_rate` counts rollbacks after the onset, `early_rate` those before it, which are false.
    """

    scenario: str
    rule: str
    rollback_rate: float
    median_s: float | None
    p90_s: float | None
    limit_s: float | None
    promote_rate: float | None
    promote_median_s: float | None
    early_rate: float
    lanes: int

    @property
    def ratio(self) -> float | None:
        """The median delay over the information limit."""
        if self.median_s is None or self.limit_s is None:
            return None
        return self.median_s / self.limit_s

    @property
    def told(self) -> str:
        """In one line: while others are still measured."""
        delay = "" if self.median_s is None else f", median {self.median_s:g} s"
        promoted = "" if self.promote_rate is None else f", promoted {self.promote_rate:.1%}"
        return f"{self.scenario}: rolled back {self.rollback_rate:.2%}{delay}{promoted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A scenario with what all rules made of it; `bets` is ours."""

    scenario: Scenario
    fates: Fates
    rows: tuple[Row, ...]

    @property
    def bets(self) -> Row:
        return self.rows[0]

    def until_decided(self, counts: Floats) -> tuple[float | None, float]:
        """The median of some count until our right rollback, and the share rolled back."""
        right = self.fates.rollbacks[BETS] > self.scenario.onset_seconds
        right &= np.isfinite(self.fates.rollbacks[BETS])
        if not right.any():
            return None, 0.0
        return float(np.median(counts[right])), float(right.mean())


def summarise(scenario: Scenario, fates: Fates) -> Result:
    """All rules of one scenario, ours first."""
    limit = information_limit(scenario)
    rows = [_row(scenario, rule, fates, limit) for rule in fates.rollbacks]
    return Result(scenario=scenario, fates=fates, rows=tuple(rows))


def wilson(rate: float, lanes: int) -> tuple[float, float]:
    """The 95 % interval of a share that was seen in so many lanes."""
    squared = SURE**2 / lanes
    centre = rate + squared / 2
    half = SURE * math.sqrt(rate * (1 - rate) / lanes + squared / (4 * lanes))
    low, high = (centre - half) / (1 + squared), (centre + half) / (1 + squared)
    return max(low, 0.0), min(high, 1.0)


def quantile(seconds: Floats, share: float) -> float | None:
    """The delay that this share of all lanes does not exceed; None where it is infinite."""
    ordered = np.sort(seconds)
    value = float(ordered[max(math.ceil(share * len(ordered)) - 1, 0)])
    return value if math.isfinite(value) else None


def _row(scenario: Scenario, rule: str, fates: Fates, limit: float | None) -> Row:
    seconds = fates.rollbacks[rule]
    early = seconds <= scenario.onset_seconds
    delays = np.where(early, np.inf, seconds - scenario.onset_seconds)
    ours = rule == BETS
    return Row(
        scenario=scenario.name,
        rule=rule,
        rollback_rate=float(np.isfinite(delays).mean()),
        median_s=quantile(delays, 0.5),
        p90_s=quantile(delays, 0.9),
        limit_s=limit,
        promote_rate=float(np.isfinite(fates.promotions).mean()) if ours else None,
        promote_median_s=quantile(fates.promotions, 0.5) if ours else None,
        early_rate=float(early.mean()),
        lanes=len(seconds),
    )
