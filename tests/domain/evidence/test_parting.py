"""The moment in which the last stable pod leaves: history alone judges, and may not be unjust."""

from dataclasses import replace

import pytest

from controller.domain.evidence import Evidence
from controller.domain.findings import Outcome
from tests.domain.evidence.service import (
    POLICY,
    ROUTES,
    Failing,
    Service,
    canary_fails,
    healthy,
    history_of,
    outage,
)

BESIDE, ALONE = 180, 60  # looks: 15 min with stable, 5 min without


def outcomes(failing: Failing, seed: int, history: float) -> set[Outcome]:
    """What is said while five canary pods run alone, after they ran beside five stable ones."""
    evidence = Evidence.begin(POLICY, history_of(history, seconds=24 * 3600.0))
    service = Service(failing=failing, seed=seed, canaries=5)
    said = set()
    for look, window in enumerate(service.windows(BESIDE + ALONE)):
        gone = look >= BESIDE
        evidence.add_requests(replace(window, stable={}, stable_pods=0) if gone else window)
        if gone:
            said.add(evidence.verdict(stable_gone=True).outcome)
    return said


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_day_that_is_busier_than_history_is_not_held_against_a_canary_without_stable(
    seed: int,
) -> None:
    assert Outcome.WORSE not in outcomes(healthy(0.01), seed, history=0.005)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_outage_that_outlasts_stable_is_not_held_against_the_canary(seed: int) -> None:
    failing = outage(0.33, 600.0, 1080.0, tuple(ROUTES)[1:2])
    assert Outcome.WORSE not in outcomes(failing, seed, history=0.001)


def test_what_gets_worse_without_stable_is_still_found() -> None:
    def late(now: float, canary: bool, route: str) -> float:
        return canary_fails(0.2 if now >= BESIDE * 5.0 else 0.001, 0.001)(now, canary, route)

    assert Outcome.WORSE in outcomes(late, 1, history=0.001)
