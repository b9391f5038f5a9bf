"""Numbers over many days: shares with their intervals, medians, quantiles."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

CONFIDENCE: Final = 0.95
_Z: Final = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`count` of `of`, and where the true share lies with 95 % confidence (Wilson's interval)."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """Asserts that there is something to have a share of."""
        assert self.of, "a share of nothing"
        return self.count / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Never outside 0 and 1, and of use at 0 and at `of` as well."""
        if not self.of:
            return 0.0, 1.0
        share = self.count / self.of
        spread = _Z**2 / self.of
        middle = share + spread / 2
        half = _Z * math.sqrt(share * (1 - share) / self.of + spread / (4 * self.of))
        low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
        # Exactly 0 and 1 at the ends, where rounding would leave a trace of a number.
        return (0.0 if not self.count else low), (1.0 if self.count == self.of else high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a number differs from day to day; `of` is on how many days there was one."""

    of: int
    least: float
    median: float
    p90: float
    most: float
    total: float


def spread(values: Iterable[float | None]) -> Spread | None:
    """Of the days that have such a number; None when no day has."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    return Spread(
        of=len(known),
        least=known[0],
        median=quantile(known, 0.5),
        p90=quantile(known, 0.9),
        most=known[-1],
        total=math.fsum(known),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two values that stand there."""
    position = share * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)
