"""From e-values to a verdict with its findings."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.domain.evidence.requests import EXPOSURE, RequestEvidence, Requests
from controller.domain.evidence.restarts import RestartEvidence, Restarts
from controller.domain.evidence.streams import SERVICE
from controller.domain.evidence.windows import Floats
from controller.domain.findings import Finding, Metric, Outcome, Side, Uncovered, Verdict
from controller.domain.policy import Policy
from controller.domain.readings import Missing

CONCURRENT: Final = "concurrent"
HISTORY: Final = "history"
PROMOTION_ERROR: Final = 0.05
SUSPICION: Final = math.log(3)  # of any stream: looks bad, decides nothing
LOG_MAX: Final = 700.0  # exp of more is not a finite number


class Case(NamedTuple):
    """One stream before the court: weighted e-values of both tiers, and its numbers."""

    metric: Metric
    segment: str
    concurrent: float
    history: float
    canary: Side
    stable: Side
    fine: bool

    @property
    def strongest(self) -> float:
        return max(self.concurrent, self.history)


def rule(
    policy: Policy,
    requests: Requests,
    restarts: Restarts,
    *,
    blind: Missing | None,
    stable_gone: bool,
) -> Verdict:
    """WORSE, else BLIND, else NOT_WORSE, else UNDECIDED with what is missing."""
    judged = policy.requests is not None
    of_requests = requests.evidence(stable_gone=stable_gone)
    of_restarts = restarts.evidence(stable_gone=stable_gone)
    bad = _looks_bad(of_requests)
    suspicious = of_restarts.suspicious or (judged and bool(bad.any()))
    proved = _not_worse(requests)
    uncovered = _uncovered(policy, requests) if judged else ()
    cases = [_restart_case(restarts, of_restarts)]
    if judged:
        fine = _fine(policy, requests, bad, proved=proved)
        cases += _request_cases(requests, of_requests, fine)
    needed = 2 / policy.false_rollback_max
    convicted = _convicted(cases, needed)
    blinded = blind if judged else None
    if convicted:
        outcome = Outcome.WORSE
    elif blinded is not None:
        outcome = Outcome.BLIND
    elif suspicious or uncovered or (judged and not proved):
        outcome = Outcome.UNDECIDED
    else:
        outcome = Outcome.NOT_WORSE
    findings = tuple(
        _finding(case, needed, convicted.get(index), blinded) for index, case in enumerate(cases)
    )
    return Verdict(outcome=outcome, findings=findings, uncovered=uncovered, suspicious=suspicious)


def _convicted(cases: list[Case], needed: float) -> dict[int, str]:
    """The cases that carried the decision, with the tier; empty when there is none."""
    convicted: dict[int, str] = {}
    for tier, values in (
        (HISTORY, [case.history for case in cases]),
        (CONCURRENT, [case.concurrent for case in cases]),
    ):
        if sum(values) >= needed:
            convicted |= dict.fromkeys(_carrying(values, needed), tier)
    return convicted


def _carrying(values: list[float], needed: float) -> Iterable[int]:
    """The strongest values that together reach what is needed."""
    reached = 0.0
    for index in sorted(range(len(values)), key=lambda i: -values[i]):
        yield index
        reached += values[index]
        if reached >= needed:
            return


def _looks_bad(evidence: RequestEvidence) -> NDArray[np.bool_]:
    """Which streams look bad, in a tier that counts."""
    by_history = evidence.agreed & (evidence.history >= SUSPICION)
    return (evidence.concurrent >= SUSPICION) | by_history


def _not_worse(requests: Requests) -> bool:
    proved = float(requests.not_worse.wealth.log_evidence()[0]) >= -math.log(PROMOTION_ERROR)
    return proved and float(requests.canary[0, EXPOSURE]) > 0


def _uncovered(policy: Policy, requests: Requests) -> tuple[Uncovered, ...]:
    """What the canary was not exercised on, largest first; a small rest may be ignored."""
    needed = policy.coverage.min_requests
    share = requests.normal_share().tolist()
    exercised = requests.canary[:, EXPOSURE].tolist()
    names = (SERVICE, *requests.streams.names)
    rows = [row for row in range(1, len(names)) if share[row] > 0]
    missing = [row for row in rows or [0] if exercised[row] < needed]
    missing.sort(key=lambda row: (-share[row], names[row]))
    ignorable = policy.coverage.ignorable_share
    while missing and rows and share[missing[-1]] <= ignorable:
        ignorable -= share[missing.pop()]
    return tuple(
        Uncovered(segment=names[row], requests=int(exercised[row]), needed=needed)
        for row in missing
    )


def _restart_case(restarts: Restarts, evidence: RestartEvidence) -> Case:
    totals = restarts.totals
    tiers = np.array([evidence.concurrent, evidence.history]) + math.log(restarts.weight)
    concurrent, history = _weighted(tiers).tolist()
    return Case(
        metric=Metric.RESTARTS,
        segment=SERVICE,
        concurrent=concurrent,
        history=history if evidence.agreed else 0.0,
        canary=Side(events=totals.canary_crashes, exposure=totals.canary_seconds),
        stable=Side(events=totals.stable_crashes, exposure=totals.stable_seconds),
        fine=not evidence.suspicious,
    )


def _fine(
    policy: Policy, requests: Requests, bad: NDArray[np.bool_], *, proved: bool
) -> list[bool]:
    """Which streams can be called not worse: exercised, and the service as a whole proved."""
    exposure = requests.canary[:, EXPOSURE]
    fine = (exposure > 0) & (exposure >= policy.coverage.min_requests)
    fine[0] = proved
    return list((fine & ~bad).tolist())


def _request_cases(
    requests: Requests, evidence: RequestEvidence, fine: list[bool]
) -> Iterable[Case]:
    log_weights = requests.streams.log_weights()
    concurrent = _weighted(evidence.concurrent + log_weights).tolist()
    history = np.where(evidence.agreed, _weighted(evidence.history + log_weights), 0.0).tolist()
    names = (SERVICE, *requests.streams.names)
    canary, stable = requests.canary.tolist(), requests.stable.tolist()
    rows = zip(names, concurrent, history, canary, stable, fine, strict=True)
    for name, now, before, (errors, served), (stable_errors, stable_served), good in rows:
        if served + stable_served > 0:
            here = Side(events=errors, exposure=served)
            there = Side(events=stable_errors, exposure=stable_served)
            yield Case(Metric.ERROR_RATE, name, now, before, here, there, good)


def _finding(case: Case, needed: float, convicted: str | None, blind: Missing | None) -> Finding:
    if convicted is not None:
        outcome, reason = Outcome.WORSE, convicted
    elif blind is not None and case.metric is Metric.ERROR_RATE:
        outcome, reason = Outcome.BLIND, str(blind)
    else:
        outcome, reason = Outcome.NOT_WORSE if case.fine else Outcome.UNDECIDED, ""
    return Finding(
        metric=case.metric,
        outcome=outcome,
        segment=case.segment,
        canary=case.canary,
        stable=case.stable,
        evidence=case.strongest,
        needed=needed,
        reason=reason,
    )


def _weighted(log_evidence: Floats) -> Floats:
    """E-values, kept finite."""
    return np.exp(np.minimum(log_evidence, LOG_MAX))
