"""From a decision to a verdict with its findings: what a person reads."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from controller.domain.evidence.intervals import sureness
from controller.domain.evidence.ledger import Ledger
from controller.domain.evidence.looks import EXPOSURE
from controller.domain.evidence.requests import Requests
from controller.domain.evidence.ruling import RequestRuling, Ruling, needed
from controller.domain.findings import Finding, Metric, Outcome, Side, Uncovered, Verdict
from controller.domain.policy import CoverageRule
from controller.domain.readings import Missing

CONCURRENT: Final = "concurrent"
HISTORY: Final = "history"
LIMIT: Final = "limit"
ONE: Final = np.ones(1)

Convicted = dict[int, str]  # the place of a stream among all -> the tier that convicts it


class Bank(NamedTuple):
    """One metric of requests as it is told of; `blind`: why nothing is known since the last look.

    `limit` is the hard limit of the whole service, where it was breached; `slower_than` the seconds
    above which a request is slow.
    """

    metric: Metric
    requests: Requests
    ruling: RequestRuling
    names: tuple[str, ...]
    blind: Missing | None
    limit: float | None = None
    slower_than: float | None = None


def verdict_of(ledger: Ledger, ruling: Ruling, banks: Sequence[Bank]) -> Verdict:
    """WORSE, else BLIND, else NOT_WORSE, else UNDECIDED with what is missing."""
    policy = ledger.policy
    if ruling.worse:
        outcome = Outcome.WORSE
    elif any(bank.blind is not None for bank in banks):
        outcome = Outcome.BLIND
    else:
        outcome = Outcome.NOT_WORSE if ruling.not_worse else Outcome.UNDECIDED
    enough = needed(policy.false_rollback_max)
    convicted = _convicted(ruling, banks, enough) if outcome is Outcome.WORSE else {}
    findings = [_of_restarts(ledger, ruling, convicted.get(0), enough)]
    place = 1
    for bank in banks:
        findings += _of_requests(bank, policy.coverage, place, convicted, enough)
        place += len(bank.names)
    return Verdict(
        outcome=outcome,
        findings=tuple(findings),
        uncovered=_uncovered(banks[0], ruling, policy.coverage) if banks else (),
        suspicious=bool(ruling.suspicious),
    )


def _convicted(ruling: Ruling, banks: Sequence[Bank], enough: float) -> Convicted:
    """The streams that carried the decision, with the tier; none where only a limit was breached.

    They are the strongest that reach what is needed together, and all that reach it alone. Streams
    are counted on from the restarts through all banks.
    """
    restarts = np.array([[ruling.restarts.concurrent], [ruling.restarts.history]])
    requests = [np.array([bank.ruling.concurrent, bank.ruling.history]) for bank in banks]
    # One row per tier, all streams one after the other.
    values = np.concatenate([restarts, *requests], axis=1)
    if values.sum() < enough * (1 - 1e-9):  # sums of another order: the last digits differ
        return {}
    order = np.argsort(-values, axis=None, kind="stable")
    ordered = values.ravel()[order]
    together = int(np.searchsorted(np.cumsum(ordered), enough)) + 1
    carrying = max(together, int((ordered >= enough).sum()))
    convicted: Convicted = {}
    for place in order[:carrying].tolist():
        tier, stream = divmod(place, values.shape[1])
        convicted.setdefault(stream, (CONCURRENT, HISTORY)[tier])
    return convicted


def _of_restarts(ledger: Ledger, ruling: Ruling, tier: str | None, enough: float) -> Finding:
    totals, judged = ledger.restarts.totals, ruling.restarts
    canary = float(totals.canary_crashes), float(totals.canary_seconds)
    stable = float(totals.stable_crashes), float(totals.stable_seconds)
    sure = sureness(np.array([canary]).T, np.array([stable]).T, ONE, per_second=True)
    breached = bool(ruling.breached[0])
    reason = LIMIT if breached else tier or ""
    outcome = Outcome.UNDECIDED if judged.suspicious else Outcome.NOT_WORSE
    return Finding(
        metric=Metric.RESTARTS,
        outcome=Outcome.WORSE if reason else outcome,
        canary=Side(events=canary[0], exposure=canary[1]),
        stable=Side(events=stable[0], exposure=stable[1]),
        evidence=float(judged.concurrent + judged.history),
        needed=enough,
        reason=reason,
        ratio=sure.ratios[0],
        hidden=sure.hidden[0],
        bound=ledger.policy.limits.restarts if breached else None,
    )


def _of_requests(
    bank: Bank, coverage: CoverageRule, place: int, convicted: Convicted, enough: float
) -> Iterator[Finding]:
    """The findings of all streams with requests; `place` is that of the bank's first stream.

    A bank that has been blind from its beginning has no requests, and says so all the same.
    """
    requests, judged = bank.requests, bank.ruling
    sure = sureness(requests.canary, requests.stable, requests.burst(), per_second=False)
    evidence = (judged.concurrent + judged.history).tolist()
    fine = _fine(bank, coverage)
    canary, stable = requests.canary.tolist(), requests.stable.tolist()
    for row, (errors, served, there_errors, there_served) in enumerate(
        zip(*canary, *stable, strict=True)
    ):
        unseen = row == 0 and bank.blind is not None
        if served + there_served == 0 and not unseen:
            continue
        limit = bank.limit if row == 0 else None
        reason = LIMIT if limit is not None else convicted.get(place + row, "")
        if reason:
            outcome = Outcome.WORSE
        elif bank.blind is not None:
            outcome, reason = Outcome.BLIND, str(bank.blind)
        else:
            outcome = Outcome.NOT_WORSE if fine[row] else Outcome.UNDECIDED
        yield Finding(
            metric=bank.metric,
            outcome=outcome,
            segment=bank.names[row],
            canary=Side(events=errors, exposure=served),
            stable=Side(events=there_errors, exposure=there_served),
            evidence=evidence[row],
            needed=enough,
            reason=reason,
            ratio=sure.ratios[row],
            hidden=sure.hidden[row],
            bound=limit if bank.slower_than is None else bank.slower_than,
        )


def _fine(bank: Bank, coverage: CoverageRule) -> list[bool]:
    """Which streams can be called not worse: exercised, and the service as a whole proved."""
    exposure = bank.requests.canary[EXPOSURE]
    fine = (exposure > 0) & (exposure >= coverage.min_requests)
    fine[0] = bool(bank.ruling.proved)
    return list((fine & ~bank.ruling.bad).tolist())


def _uncovered(bank: Bank, ruling: Ruling, rule: CoverageRule) -> tuple[Uncovered, ...]:
    """What the canary was not exercised on, largest first."""
    if not ruling.uncovered.any():
        return ()
    rows = np.flatnonzero(ruling.uncovered).tolist()
    share = bank.requests.normal_share().tolist()
    exercised = bank.requests.canary[EXPOSURE].tolist()
    rows.sort(key=lambda row: (-share[row], bank.names[row]))
    return tuple(
        Uncovered(segment=bank.names[row], requests=int(exercised[row]), needed=rule.min_requests)
        for row in rows
    )
