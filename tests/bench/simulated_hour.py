"""What an hour of a simulated release costs: 10 pods, 4 routes, a look every 5 s."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Final

from controller.cli.policies import parse_policy
from controller.domain.policy import Share, Step
from controller.simulation.run import play_scenario
from controller.simulation.scenario import Scenario
from controller.simulation.scenarios import catalogue

RUNS: Final = 5
BUDGET_SECONDS: Final = 1.0
HOUR_SECONDS: Final = 3600.0


def hour() -> Scenario:
    """A healthy release that stays on its first step for an hour."""
    healthy = catalogue.scenario("healthy", parse_policy)
    long = timedelta(hours=10)
    step = Step(canary=Share(pods=1), min_duration=long, max_duration=long)
    policy = replace(healthy.policy, steps=(step,))
    return replace(healthy, policy=policy, limit_seconds=HOUR_SECONDS)


def main() -> None:
    scenario = hour()
    costs = []
    for seed in range(RUNS):
        begin = time.process_time()
        run = play_scenario(scenario, seed)
        costs.append((time.process_time() - begin) / run.outcome.lasted_seconds * HOUR_SECONDS)
    shown = ", ".join(f"{cost:.2f}" for cost in costs)
    print(
        f"CPU seconds of a simulated hour, {len(costs)} runs: {shown} (budget {BUDGET_SECONDS:g})"
    )


if __name__ == "__main__":
    main()
