"""How sure a comparison is, for people to read: nothing here decides anything."""

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy.special import betaincinv, betaln, gammaincinv

from controller.domain.evidence.looks import EVENTS, EXPOSURE
from controller.domain.evidence.windows import Floats
from controller.domain.findings import Range

ERROR: Final = 0.05
PRIOR_EVENTS: Final = 10.0
STEPS: Final = 5  # of Newton's method; each comes from outside, so that the interval is too wide
TINY: Final = 1e-12
SHARE_MIN: Final = 1e-9
FEWEST: Final = 1e-6  # events: a sliver of one is none
REMEMBERED_MAX: Final = 64
SECONDS: Final = "s"


class Sureness(NamedTuple):
    """The interval of canary : stable and what can still hide, of each comparison."""

    ratios: list[Range | None]
    hidden: list[float | None]


def sureness(canary: Floats, stable: Floats, burst: Floats, *, per_second: bool) -> Sureness:
    """How sure comparisons are; `canary` and `stable` are events and exposure, (2, comparisons).

    `per_second`: events are counts in time (crashes), not a part of the exposure (errors).
    """
    if per_second and not (canary[EVENTS].any() or stable[EVENTS].any()):
        # Most releases see no crash at all, and then there is little to reckon.
        seconds = canary[EXPOSURE].tolist()
        return Sureness(
            [None] * len(seconds), [-math.log(ERROR) / s if s > 0 else None for s in seconds]
        )
    # Between two looks nothing changes, but a verdict is asked: the last answers are remembered.
    return _sureness(canary.tobytes(), stable.tobytes(), burst.tobytes(), SECONDS * per_second)


@lru_cache(maxsize=REMEMBERED_MAX)
def _sureness(canary: bytes, stable: bytes, burst: bytes, unit: str) -> Sureness:
    ours, theirs = (np.frombuffer(side).reshape(2, -1) for side in (canary, stable))
    hidden = hidden_rate(ours, per_second=unit == SECONDS).tolist()
    ratios: list[Range | None] = [None] * len(hidden)
    if (ours[EVENTS] + theirs[EVENTS]).any():
        low, high = ratio_interval(ours, theirs, np.frombuffer(burst))
        ratios = [
            None if math.isnan(least) else Range(low=least, high=None if math.isinf(most) else most)
            for least, most in zip(low.tolist(), high.tolist(), strict=True)
        ]
    return Sureness(ratios, [None if math.isnan(rate) else rate for rate in hidden])


def ratio_interval(canary: Floats, stable: Floats, burst: Floats) -> tuple[Floats, Floats]:
    """An interval of the ratio of rates that holds at all times together, except with 5 %.

    Of x + y events the canary has x ~ Binomial(q) with odds q / (1 - q) = ratio * exposures; a beta
    mixture about equal rates over q is a test martingale, whose level set is the interval
    (beta-binomial confidence sequence: Howard et al. 2021, Lindon and Malek 2022). Events that come
    in bursts count once per burst. NaN where nothing is to be compared.
    """
    ours, theirs = canary[EVENTS] / burst, stable[EVENTS] / burst
    served = canary[EXPOSURE] + stable[EXPOSURE]
    known = (ours + theirs > FEWEST) & (canary[EXPOSURE] > 0) & (stable[EXPOSURE] > 0)
    share = np.clip(canary[EXPOSURE] / np.maximum(served, TINY), SHARE_MIN, 1 - SHARE_MIN)
    a, b = PRIOR_EVENTS * share, PRIOR_EVENTS * (1 - share)
    level = betaln(a + ours, b + theirs) - betaln(a, b) + math.log(ERROR)
    sides = np.array([[ours, theirs], [theirs, ours]])
    low, rest = _ends(sides[:, 0], sides[:, 1], level)
    odds = (1 - share) / share
    high_odds = (1 - rest) / np.maximum(rest, TINY)
    high = np.where(rest > TINY, high_odds * odds, np.inf)
    return np.where(known, low / (1 - low) * odds, np.nan), np.where(known, high, np.nan)


def _ends(events: Floats, others: Floats, level: Floats) -> Floats:
    """The smallest q with events * log(q) + others * log(1 - q) >= level; 0 where all q have.

    g(u) = level - events * u - others * log(1 - exp(u)) with u = log(q) is convex and begins
    positive at u = level / events: Newton's steps come from there and never go too far.
    """
    some = events > FEWEST
    count = np.where(some, events, 1.0)
    u = np.minimum(level / count, -TINY)
    for _ in range(STEPS):
        q = np.exp(u)
        above = level - count * u - others * np.log1p(-q)
        u = np.minimum(u + above / np.maximum(count - others * q / (1 - q), TINY), -TINY)
    return np.where(some, np.exp(u), 0.0)


def hidden_rate(canary: Floats, *, per_second: bool) -> Floats:
    """The rate of events above which the canary would have shown more, except with 5 %.

    Exact upper bounds: Clopper-Pearson for a part of the exposure, Garwood per unit of time. NaN
    where the canary was not exercised.
    """
    events, exposure = canary
    if per_second:
        bound = gammaincinv(events + 1, 1 - ERROR) / np.maximum(exposure, TINY)
    else:
        # Without events, which is the rule, there is a closed form, and it is far cheaper.
        bound = -np.expm1(math.log(ERROR) / np.maximum(exposure, TINY))
        some = events > 0
        if some.any():
            rest = np.maximum(exposure[some] - events[some], TINY)
            bound[some] = betaincinv(events[some] + 1, rest, 1 - ERROR)
    return np.where(exposure > 0, bound, np.nan)


def forget() -> None:
    """Forget what was reckoned, for a bench that wants the whole price."""
    _sureness.cache_clear()
