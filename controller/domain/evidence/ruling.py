"""From bets to a decision: for a release, or for each of a batch."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.domain.evidence.ledger import Ledger
from controller.domain.evidence.looks import EXPOSURE
from controller.domain.evidence.requests import Requests
from controller.domain.evidence.restarts import Restarts
from controller.domain.evidence.windows import Floats
from controller.domain.policy import CoverageRule

PROMOTION_ERROR: Final = 0.05
SUSPICION: Final = math.log(3)  # of any stream: looks bad, decides nothing
LOG_MAX: Final = 700.0  # exp of more is not a finite number

Bools = NDArray[np.bool_]


class RequestRuling(NamedTuple):
    """One bank of requests: e-values times their shares, (..., streams); 0 where they do not count.

    `bad`: the stream looks bad. `proved`: the whole service is not worse, (...).
    """

    concurrent: Floats
    history: Floats
    bad: Bools
    proved: Bools


class RestartRuling(NamedTuple):
    """The bets on restarts: e-values times their share, (...); 0 where they do not count."""

    concurrent: Floats
    history: Floats
    suspicious: Bools


class Ruling(NamedTuple):
    """What the bets come to. All (...), but `uncovered`, which is (..., streams).

    `breached` are the hard limits: of restarts and of the error rate. `worse` wins over
    `not_worse`, which knows nothing of what is missing now.
    """

    restarts: RestartRuling
    errors: RequestRuling | None
    slow: RequestRuling | None
    uncovered: Bools
    breached: tuple[Bools, Bools]
    suspicious: Bools
    worse: Bools
    not_worse: Bools


def needed(alpha: float) -> float:
    """The sum of all weighted e-values that convicts."""
    return 1 / alpha


def rule(ledger: Ledger, *, stable_gone: bool) -> Ruling:
    """Weigh all bets together.

    The weighted sum of e-values is an e-value. `stable_gone`: no stable pods run beside the canary,
    so that history alone has to do.
    """
    restarts = _of_restarts(ledger.restarts, stable_gone=stable_gone)
    evidence = restarts.concurrent + restarts.history
    suspicious, fine = restarts.suspicious, np.ones_like(restarts.suspicious)
    banks: list[RequestRuling | None] = []
    for bank in (ledger.errors, ledger.slow):
        if bank is None:
            banks.append(None)
            continue
        ruling = _of_requests(bank, stable_gone=stable_gone)
        evidence = evidence + np.add.reduce(ruling.concurrent + ruling.history, axis=-1)
        suspicious = suspicious | np.logical_or.reduce(ruling.bad, axis=-1)
        fine = fine & ruling.proved
        banks.append(ruling)
    breached = _breached(ledger)
    uncovered = _uncovered(ledger.errors, ledger.policy.coverage)
    enough = needed(ledger.policy.false_rollback_max)
    return Ruling(
        restarts=restarts,
        errors=banks[0],
        slow=banks[1],
        uncovered=uncovered,
        breached=breached,
        suspicious=suspicious,
        worse=(evidence >= enough) | breached[0] | breached[1],
        not_worse=fine & ~suspicious & ~np.logical_or.reduce(uncovered, axis=-1),
    )


def weighted(log_evidence: Floats) -> Floats:
    """E-values, kept finite."""
    return np.exp(np.minimum(log_evidence, LOG_MAX))


def _of_restarts(restarts: Restarts, *, stable_gone: bool) -> RestartRuling:
    evidence = restarts.evidence(stable_gone=stable_gone)
    now, before = (math.log(share) for share in restarts.shares)
    return RestartRuling(
        weighted(evidence.concurrent + now),
        np.where(evidence.agreed, weighted(evidence.history + before), 0.0),
        evidence.suspicious,
    )


def _of_requests(bank: Requests, *, stable_gone: bool) -> RequestRuling:
    evidence = bank.evidence(stable_gone=stable_gone)
    shares = bank.memory.shares
    by_history = evidence.agreed & (evidence.history >= SUSPICION)
    proved = evidence.proved >= -math.log(PROMOTION_ERROR)
    return RequestRuling(
        weighted(evidence.concurrent + shares.concurrent),
        np.where(evidence.agreed, weighted(evidence.history + shares.history), 0.0),
        (evidence.concurrent >= SUSPICION) | by_history,
        proved & (bank.canary[EXPOSURE, ..., 0] > 0),
    )


def _uncovered(errors: Requests | None, rule: CoverageRule) -> Bools:
    """Which streams the canary was not exercised on; the smallest may be ignored together.

    Where nothing is known of segments, the whole service stands for them.
    """
    if errors is None:
        return np.zeros(1, dtype=bool)
    share = errors.normal_share()
    normal = share > 0
    normal[..., 0] = ~np.logical_or.reduce(normal[..., 1:], axis=-1)
    missing: Bools = normal & (errors.canary[EXPOSURE] < rule.min_requests)
    if not missing[..., 1:].any():
        return missing
    smallest = np.argsort(np.where(missing, share, np.inf), axis=-1, kind="stable")
    together = np.cumsum(np.take_along_axis(share * missing, smallest, axis=-1), axis=-1)
    ignored = np.zeros(missing.shape, dtype=bool)
    np.put_along_axis(ignored, smallest, together <= rule.ignorable_share, axis=-1)
    ignored[..., 0] = False
    return np.asarray(missing & ~ignored)


def _breached(ledger: Ledger) -> tuple[Bools, Bools]:
    """Whether the hard limits of restarts and of the error rate are exceeded."""
    limits, totals = ledger.policy.limits, ledger.restarts.totals
    never = np.zeros(totals.canary_crashes.shape, dtype=bool)
    restarts = failed = never
    if limits.restarts is not None:
        restarts = np.asarray(totals.canary_crashes > limits.restarts)
    if limits.error_rate is not None and ledger.errors is not None:
        events, served = ledger.errors.canary[..., 0]
        counted = (served > 0) & (served >= limits.min_requests)
        failed = np.asarray(counted & (events > limits.error_rate * served))
    return restarts, failed
