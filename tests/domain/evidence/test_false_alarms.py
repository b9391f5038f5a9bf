"""How often a canary that is no worse than tolerated is convicted: seeded, and within the bound.

A bound of 5 % may be missed by three standard errors of the count before a test here fails.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from controller.domain.evidence import Evidence, History
from controller.domain.evidence.bets import (
    ALTERNATIVE_WEIGHTS,
    CANARY_FACTOR_WEIGHTS,
    CRASH_MULTIPLE_WEIGHTS,
    SEGMENT_WEIGHTS,
    STABLE_FACTORS,
    BaselineBet,
    CrashBaselineBet,
    NonInferiorityBet,
    PairBet,
    odds,
)
from controller.domain.evidence.looks import Flow, Look
from controller.domain.evidence.mixture import Wealth
from controller.domain.evidence.windows import Floats
from controller.domain.findings import Outcome
from controller.domain.policy import ErrorRate
from tests.domain.evidence.lanes import Lanes
from tests.domain.evidence.service import (
    POLICY,
    RARE,
    Service,
    canary_fails,
    crash_window,
    healthy,
    history_of,
    outage,
)

ERROR = 0.05
REPLICATES = 1000  # each stream of a bet is a trace of its own
LOOKS = 200


def most_allowed(traces: int, error: float) -> float:
    return traces * error + 3 * math.sqrt(traces * error * (1 - error))


def wealth(log_weights: Floats) -> Wealth:
    return Wealth(np.tile(log_weights, (REPLICATES, 1)), 0.6)


def convicted(evidence_after: Callable[[int], Floats]) -> int:
    """In how many traces evidence is ever 1/ERROR."""
    ever = np.zeros(REPLICATES, dtype=bool)
    for look in range(LOOKS):
        ever |= evidence_after(look) >= -math.log(ERROR)
    return int(ever.sum())


def looks_at(
    dice: np.random.Generator, rate: float, rate_of_canary: float, tolerated: float
) -> Look:
    """Requests at one to nine, routed at random; the same rates in all traces."""
    total = dice.poisson(60.0, REPLICATES)
    canary = dice.binomial(total, 0.1)
    stable = total - canary
    return Look(
        canary=Flow(dice.binomial(canary, rate_of_canary) * 1.0, canary * 1.0),
        stable=Flow(dice.binomial(stable, rate) * 1.0, stable * 1.0),
        ratio=np.array([9.0]),
        burst=np.ones(REPLICATES),
        tolerated=np.array([tolerated]),
    )


def test_a_canary_at_the_margin_is_rarely_convicted_by_stable() -> None:
    dice = np.random.default_rng(1)
    bet = PairBet(STABLE_FACTORS, 0.001, 20.0, wealth(SEGMENT_WEIGHTS))

    def evidence_after(_look: int) -> Floats:
        bet.add(looks_at(dice, 0.01, 1.25 * 0.01 + 0.001, 1.25))
        return bet.wealth.log_evidence()

    assert convicted(evidence_after) <= most_allowed(REPLICATES, ERROR)


def test_an_outage_that_hits_both_rarely_convicts_even_without_a_margin() -> None:
    dice = np.random.default_rng(2)
    bet = PairBet(STABLE_FACTORS, 0.0, 20.0, wealth(SEGMENT_WEIGHTS))

    def evidence_after(look: int) -> Floats:
        rate = 0.4 if 60 <= look < 90 else 0.002
        if look % 24 == 0:
            bet.begin_later(1)
        bet.add(looks_at(dice, rate, rate, 1.0))
        return bet.wealth.log_evidence()

    assert convicted(evidence_after) <= most_allowed(REPLICATES, ERROR)


def test_traffic_that_comes_in_turns_rarely_convicts() -> None:
    dice = np.random.default_rng(3)
    bet = PairBet(STABLE_FACTORS, 0.0, 20.0, wealth(SEGMENT_WEIGHTS))

    def evidence_after(look: int) -> Floats:
        seen = looks_at(dice, 0.02, 0.02, 1.0)
        nothing = Flow(np.zeros(REPLICATES), np.zeros(REPLICATES))
        silent = {"stable": nothing} if look % 5 == 0 else {"canary": nothing}
        bet.add(seen._replace(**silent))
        return bet.wealth.log_evidence()

    assert convicted(evidence_after) <= most_allowed(REPLICATES, ERROR)


def test_a_canary_at_the_bound_is_rarely_convicted_by_history() -> None:
    dice = np.random.default_rng(4)
    bet = BaselineBet(wealth(ALTERNATIVE_WEIGHTS))
    worth, burst = odds(np.full((REPLICATES, 1), 0.02)), np.ones(REPLICATES)

    def evidence_after(_look: int) -> Floats:
        seen = looks_at(dice, 0.01, 0.02, 1.0)
        bet.add(seen.canary, worth, burst, np.full(REPLICATES, 5.0))
        return bet.log_evidence(np.zeros((REPLICATES, 1)))

    assert convicted(evidence_after) <= most_allowed(REPLICATES, ERROR)


def test_crashes_at_the_bound_rarely_convict() -> None:
    dice = np.random.default_rng(5)
    hits = 0
    for _ in range(300):
        weights = Wealth(CRASH_MULTIPLE_WEIGHTS[:1], 0.9)
        bet = CrashBaselineBet(np.array([0.01]), weights)
        for crashes in dice.poisson(0.05, 100):
            bet.add(np.array(float(crashes)), pod_seconds=np.array(5.0))
            if bet.wealth.log_evidence()[0] >= -math.log(ERROR):
                hits += 1
                break
    assert hits <= most_allowed(300, ERROR)


def test_a_canary_at_the_promotion_margin_is_rarely_promoted() -> None:
    dice = np.random.default_rng(6)
    bet = NonInferiorityBet(0.005, 20.0, wealth(CANARY_FACTOR_WEIGHTS))

    def evidence_after(_look: int) -> Floats:
        bet.add(looks_at(dice, 0.01, 1.5 * 0.01 + 0.005, 1.5))
        return bet.wealth.log_evidence()

    assert convicted(evidence_after) <= most_allowed(REPLICATES, ERROR)


AT_FIVE_PERCENT = replace(
    POLICY, false_rollback_max=ERROR, error_rate=ErrorRate(ratio=1.2, difference=0.001)
)


@pytest.mark.parametrize("base", [0.001, 0.01, 0.1])
def test_the_whole_of_it_keeps_the_bound_at_the_margin(base: float) -> None:
    at_the_margin = canary_fails(1.2 * base + 0.001, base)
    lanes = Lanes(failing=at_the_margin, base=base, lanes=300, seed=round(1000 * base))
    assert lanes.ever_worse(AT_FIVE_PERCENT, 120) <= most_allowed(300, ERROR)


def test_the_whole_of_it_keeps_the_bound_when_both_crash_alike_from_now_on() -> None:
    lanes = Lanes(failing=healthy(0.001), base=0.001, lanes=400, crashes_per_pod_second=1 / 120)
    assert lanes.ever_worse(AT_FIVE_PERCENT, 90) <= most_allowed(400, ERROR)


@pytest.mark.parametrize("rate", [0.001, 0.01])
def test_a_healthy_canary_is_not_rolled_back(rate: float) -> None:
    assert Lanes(failing=healthy(rate), base=rate, lanes=300).ever_worse(POLICY, 120) == 0


def test_an_outage_of_everything_is_not_the_canarys_fault() -> None:
    down = outage(0.3, since=60, until=180)
    assert Lanes(failing=down, base=0.001, lanes=300, seed=2).ever_worse(POLICY, 90) <= 1


def test_an_outage_behind_one_route_is_not_the_canarys_fault() -> None:
    down = outage(1.0, since=60, until=300, routes=[RARE])
    assert Lanes(failing=down, base=0.001, lanes=300, seed=3).ever_worse(POLICY, 90) <= 1


def test_a_canary_at_the_promotion_margin_is_rarely_called_good_enough() -> None:
    base = 0.01
    lanes = Lanes(failing=canary_fails(1.5 * base + 0.005, base), base=base, lanes=300, seed=4)
    policy = replace(POLICY, error_rate=ErrorRate(ratio=1.2))
    good = np.zeros(300, dtype=bool)
    bad = np.zeros(300, dtype=bool)
    for ruling in lanes.rulings(policy, 120):
        bad |= ruling.worse
        good |= ruling.not_worse & ~bad
    assert good.sum() <= most_allowed(300, ERROR)


def test_bursts_that_history_hints_at_are_not_the_canarys_fault() -> None:
    hits = sum(not _survives_bursts(seed) for seed in range(40))
    assert hits <= 1


def test_when_both_crash_alike_history_rarely_convicts() -> None:
    dice = np.random.default_rng(9)
    hits = 0
    for _ in range(200):
        evidence = Evidence.begin(POLICY, History(restarts=10, pod_seconds=10 * 86400))
        for _ in range(36):
            canary, stable = int(dice.poisson(5 / 60)), int(dice.poisson(45 / 60))
            evidence.add_crashes(crash_window(canary=canary, stable=stable))
            if canary and evidence.verdict().outcome is Outcome.WORSE:
                hits += 1
                break
    assert hits <= 3


def _survives_bursts(seed: int) -> bool:
    """Now and then one pod, any pod, fails three requests in ten for ten seconds."""
    service = Service(failing=healthy(0.001), seed=seed)
    bursts = np.random.default_rng(1000 + seed)
    history = history_of()
    pods = {
        name: replace(counts, errors=counts.errors + 30.0 * bursts.poisson(5.4))
        for name, counts in history.errors.pods.items()
    }
    evidence = Evidence.begin(POLICY, replace(history, errors=replace(history.errors, pods=pods)))
    for look, window in enumerate(service.windows(90)):
        struck = bursts.integers(0, 10) if look % 7 == 0 else None
        sides = {
            side: {
                name: {
                    route: replace(c, errors=max(c.errors, round(0.3 * c.requests)))
                    if name == f"pod-{struck}"
                    else c
                    for route, c in routes.items()
                }
                for name, routes in pods_of_side.items()
            }
            for side, pods_of_side in (("canary", window.canary), ("stable", window.stable))
        }
        evidence.add_requests(replace(window, **sides))
        if evidence.verdict().outcome is Outcome.WORSE:
            return False
    return True
