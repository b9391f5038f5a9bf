"""A campaign as JSON. The keys are stable: they are only ever added to.

Times are seconds after the push of the release, counts are requests or runs. `null` is no value:
nothing was detected, nothing ended. `interval` is Wilson's with 95 % confidence.
"""

import json
from typing import Any, Final

from controller.simulation.campaign import Day
from controller.simulation.outcome import Outcome
from controller.simulation.report.statistics import Share, Spread
from controller.simulation.report.summary import Summary, name_of

FORMAT: Final = "canary-controller.io/simulation/v1"


def as_json(summary: Summary) -> str:
    """The whole of a campaign, each seed included."""
    return json.dumps(document(summary), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def document(summary: Summary) -> dict[str, Any]:
    """What is written, as plain values."""
    scenario = summary.scenario
    return {
        "format": FORMAT,
        "scenario": {"name": scenario.name, "title": scenario.title},
        "expected": scenario.expect.value,
        "seeds": {"first": summary.days[0].seed, "count": len(summary.days)},
        "asExpected": _share(summary.as_expected),
        "endings": {name: _share(share) for name, share in summary.endings.shares.items()},
        "secondsFromHarmToDecision": _spread(summary.detected),
        "secondsFromPushToDecision": _spread(summary.decided),
        "secondsFromPushToEnd": _spread(summary.ended),
        "failedRequests": {
            "withController": _spread(summary.failed),
            "withoutController": _spread(summary.failed_unwatched),
        },
        "allFailedRequests": {
            "withController": _spread(summary.all_failed),
            "withoutController": _spread(summary.all_failed_unwatched),
        },
        "crashes": {
            "withController": _spread(summary.crashes),
            "withoutController": _spread(summary.crashes_unwatched),
        },
        "peopleRollBackAfterSeconds": scenario.people_seconds or None,
        "healthyTwin": {
            "endings": {name: _share(one) for name, one in summary.endings_twin.shares.items()},
            "falseRollbacks": _share(summary.false_rollbacks),
            "allowed": scenario.policy.false_rollback_max,
        },
        "unexpectedSeeds": [day.seed for day in summary.unexpected],
        "falselyRolledBackSeeds": [day.seed for day in summary.falsely_rolled_back],
        "brokenPromises": [{"seed": seed, "promise": what} for seed, what in summary.broken],
        "typicalSeed": summary.typical_seed,
        "runs": [_day(day) for day in summary.days],
    }


def _share(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {"count": share.count, "of": share.of, "interval": [round(low, 6), round(high, 6)]}


def _spread(found: Spread | None) -> dict[str, Any] | None:
    if found is None:
        return None
    numbers = {
        "min": found.least,
        "median": found.median,
        "p90": found.p90,
        "max": found.most,
        "sum": found.total,
    }
    return {"of": found.of} | {name: round(value, 3) for name, value in numbers.items()}


def _day(day: Day) -> dict[str, Any]:
    return {
        "seed": day.seed,
        "withController": _run(day.watched),
        "withoutController": _run(day.unwatched),
        "healthyTwin": _run(day.twin),
    }


def _run(outcome: Outcome) -> dict[str, Any]:
    return {
        "ending": name_of(outcome.ending),
        "reason": outcome.reason,
        "harmedAt": _rounded(outcome.harmed_at),
        "decidedAt": _rounded(outcome.decided_at),
        "endedAt": _rounded(outcome.ended_at),
        "requests": outcome.requests,
        "failed": outcome.failed,
        "failedForTheRelease": outcome.failed_extra,
        "crashes": outcome.crashes,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
