"""What people use today, on the same traces: the second at which each rule would roll back."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import betaln, ndtri

from tests.bench.decision.scenarios import LOOK_SECONDS
from tests.bench.decision.traces import Floats

NEVER: Final = math.inf
MINUTE: Final = 60.0
MANN_WHITNEY_FROM_MINUTE: Final = 5  # fewer values cannot be significant at 98 %
MANN_WHITNEY_CONFIDENCE: Final = 0.98
MANN_WHITNEY_TOLERANCE: Final = 0.25  # of the effect, as Kayenta has it
CHI_SQUARE_ERRORS_MIN: Final = 5
LINDON_MALEK_PRIOR: Final = 100.0  # pseudo-observations


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the whole service counted, shape (lanes, looks)."""

    canary_errors: Floats
    canary_requests: Floats
    stable_errors: Floats
    stable_requests: Floats
    canary_crashes: Floats


def other_rules(totals: Totals, canary_share: float) -> Mapping[str, Floats]:
    """Seconds until each rule rolls back, per lane; infinite where it never does."""
    minutes = int(totals.canary_errors.shape[1] * LOOK_SECONDS // MINUTE)
    return {
        "Flagger 1m x 5": failed_checks(totals, MINUTE, 0.01, failures=5),
        "Flagger 10s x 2": failed_checks(totals, 10.0, 0.01, failures=2),
        "Argo 1m, limit 3": failed_checks(totals, MINUTE, 0.05, failures=4),
        "Argo 10s, limit 1": failed_checks(totals, 10.0, 0.05, failures=2),
        "MWU once": mann_whitney(totals, [minutes]),
        "MWU each min": mann_whitney(totals, range(MANN_WHITNEY_FROM_MINUTE, minutes + 1)),
        "χ² .001 each 5 s": chi_square(totals, 0.001),
        "Lindon-Malek .01": lindon_malek(totals, canary_share, 0.01),
        "any restart": _first(totals.canary_crashes > 0, LOOK_SECONDS),
    }


def failed_checks(totals: Totals, every_seconds: float, rate_max: float, failures: int) -> Floats:
    """A threshold checked at intervals: the failed checks are counted and never forgotten.

    Flagger counts failed checks up to its threshold, Argo Rollouts fails once there are more than
    its `failureLimit`. A check without requests passes.
    """
    looks = int(every_seconds / LOOK_SECONDS)
    errors, requests = _sum(totals.canary_errors, looks), _sum(totals.canary_requests, looks)
    failed = errors > rate_max * requests
    return _first(failed.cumsum(axis=1) >= failures, every_seconds)


def mann_whitney(totals: Totals, minutes: Iterable[int]) -> Floats:
    """Mann-Whitney U on the error rates per minute, as Kayenta judges, at each given minute.

    The lower end of the 98 % interval of the shift (Hodges, Lehmann) exceeds a quarter of it.
    """
    looks = int(MINUTE / LOOK_SECONDS)
    canary = _sum(totals.canary_errors, looks) / np.maximum(_sum(totals.canary_requests, looks), 1)
    stable = _sum(totals.stable_errors, looks) / np.maximum(_sum(totals.stable_requests, looks), 1)
    quantile = float(ndtri(1 - (1 - MANN_WHITNEY_CONFIDENCE) / 2))
    decided = np.full(len(canary), NEVER)
    for count in minutes:
        rank = int(count**2 / 2 - quantile * math.sqrt(count**2 * (2 * count + 1) / 12))
        if rank < 1:
            continue
        pairs = canary[:, :count, None] - stable[:, None, :count]
        shifts = np.sort(pairs.reshape(len(canary), -1), axis=1)
        effect = np.abs(np.median(shifts, axis=1))
        worse = shifts[:, rank] > MANN_WHITNEY_TOLERANCE * effect
        decided[worse & np.isinf(decided)] = count * MINUTE
    return decided


def chi_square(totals: Totals, level: float) -> Floats:
    """Two proportions compared at each look on all counts so far, with at least five errors."""
    canary, served = totals.canary_errors.cumsum(axis=1), totals.canary_requests.cumsum(axis=1)
    stable, beside = totals.stable_errors.cumsum(axis=1), totals.stable_requests.cumsum(axis=1)
    served, beside = np.maximum(served, 1), np.maximum(beside, 1)
    pooled = (canary + stable) / (served + beside)
    error = np.sqrt(pooled * (1 - pooled) * (1 / served + 1 / beside))
    score = (canary / served - stable / beside) / np.maximum(error, 1e-12)
    enough = canary + stable >= CHI_SQUARE_ERRORS_MIN
    return _first((score > float(ndtri(1 - level / 2))) & enough, LOOK_SECONDS)


def lindon_malek(totals: Totals, canary_share: float, level: float) -> Floats:
    """The sequential multinomial test on the errors of both sides, as Netflix has it."""
    canary, stable = totals.canary_errors.cumsum(axis=1), totals.stable_errors.cumsum(axis=1)
    shares = canary_share, 1 - canary_share
    priors = LINDON_MALEK_PRIOR * shares[0], LINDON_MALEK_PRIOR * shares[1]
    log_odds = (
        betaln(priors[0] + canary, priors[1] + stable)
        - betaln(*priors)
        - canary * math.log(shares[0])
        - stable * math.log(shares[1])
    )
    worse = canary > shares[0] * (canary + stable)
    return _first((log_odds >= -math.log(level)) & worse, LOOK_SECONDS)


def _sum(values: Floats, looks: int) -> Floats:
    lanes, count = values.shape[0], values.shape[1] // looks
    return np.asarray(values[:, : count * looks].reshape(lanes, count, looks).sum(axis=2))


def _first(hits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], every_seconds: float) -> Floats:
    """When each lane is first hit; a check is made at the end of its interval."""
    seconds = (hits.argmax(axis=1) + 1) * every_seconds
    return np.where(hits.any(axis=1), seconds, NEVER)
