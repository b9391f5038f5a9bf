"""Runs that are told, not played: what a report has to show, for any seed, in no time."""

from dataclasses import dataclass
from typing import Final

from controller.simulation.dice import Dice
from controller.simulation.outcome import Milestone, Moment, Outcome
from controller.simulation.scenario import Ending, Scenario

STEP_SECONDS: Final = 5.0
PEOPLE_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What stands in for a Run."""

    outcome: Outcome


def show(scenario: Scenario, seed: int, *, with_controller: bool) -> Show:
    """A release that is rolled back when something is wrong with it, and promoted otherwise."""
    dice = Dice(seed).stream("show")
    bad = bool(scenario.canary_defects)
    harmed = 8 + dice.expovariate(0.1)
    decided = harmed + 3 + dice.expovariate(0.08)
    ended = decided + 20 if bad else 900 + dice.uniform(0, 60)
    if not with_controller:
        ended = PEOPLE_SECONDS + 300
    moments = tuple(
        moment(place * STEP_SECONDS, bad, harmed, decided if with_controller else PEOPLE_SECONDS)
        for place in range(1, int((ended + 20) / STEP_SECONDS))
    )
    ending = Ending.ROLLED_BACK if bad else Ending.PROMOTED
    return Show(
        outcome=Outcome(
            scenario=scenario.name,
            seed=seed,
            ending=ending if with_controller else None,
            reason="crashes: 2 of the canary, 0 of stable, on </script> & co" if bad else "",
            harmed_at=harmed if bad else None,
            decided_at=decided if bad and with_controller else None,
            ended_at=ended if with_controller else None,
            lasted_seconds=ended + 20,
            requests=sum(one.requests for one in moments),
            failed=sum(one.failed for one in moments),
            failed_extra=sum(one.canary_failed for one in moments),
            crashes=sum(one.canary_failed for one in moments) // 10,
            moments=moments,
            milestones=(
                Milestone(at=0.0, what="person pushed v42"),
                Milestone(at=1.2, what="Seeding: held at 1 canary pod"),
                *(
                    Milestone(at=harmed + place, what=f"exam-api-{place} died: Error (exit code 1)")
                    for place in range(9)
                ),
                Milestone(at=decided, what="RollingBack: 2 crashes of <b>1</b> canary pod"),
                Milestone(at=ended, what="RolledBack: stable has all pods again"),
            ),
        )
    )


def moment(at: float, bad: bool, harmed: float, undone: float) -> Moment:
    there = 5 < at < undone
    canary = min(10, 1 + int(at / 60)) if there and undone == PEOPLE_SECONDS else int(there)
    failing = 4 * canary if bad and there and at > harmed else 0
    return Moment(
        at=at,
        requests=500,
        failed=failing + 1,
        canary_requests=50 * canary,
        canary_failed=failing,
        canary_pods=canary,
        canary_ready=max(0, canary - (1 if failing and int(at) % 15 == 0 else 0)),
        stable_pods=10 - canary + int(there and canary < 5),
        stable_ready=10 - canary,
    )
