"""`python -m controller.cli.swarm`: every promise under faults, and a crash at every effect."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from controller.cli.policies import parse_policy
from controller.simulation.crashes import Crashed, all_crashes
from controller.simulation.dice import Dice
from controller.simulation.faults.forecast import forecast
from controller.simulation.run import milestones
from controller.simulation.scenario import Scenario
from controller.simulation.scenarios.catalogue import scenarios
from controller.simulation.swarm import WORKERS, Report, played, scenario_of, swarm

REPLAY: Final = "replay: make simulate SEED={seed}"
PROGRESS_EVERY: Final = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when a promise was broken or a crash made a difference."""
    parser = argparse.ArgumentParser(prog="swarm", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many runs")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--workers", type=int, default=WORKERS, help="how many processes")
    parser.add_argument("--seed", type=int, help="replay one run and tell its story")
    parser.add_argument("--scenario", help="only this scenario")
    parser.add_argument("--crashes", action="store_true", help="crash at every effect instead")
    parser.add_argument("--every", type=int, default=1, help="crash at each nth effect only")
    chosen = parser.parse_args(arguments)
    known = [s for s in scenarios(parse_policy) if chosen.scenario in {None, s.name}]
    if chosen.crashes:
        return _tell_crashes(all_crashes(known, chosen.workers, every=chosen.every))
    if chosen.seed is not None:
        return _replay(chosen.seed, known)
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    return _tell(swarm(seeds, known, chosen.workers), len(seeds))


def _tell(reports: Iterable[Report], total: int) -> int:
    """Broken promises as they are found, and how all runs ended."""
    endings: Counter[str] = Counter()
    broken = 0
    for number, report in enumerate(reports, start=1):
        endings[report.ending] += 1
        if report.broken:
            broken += 1
            _say(f"seed {report.seed}, {report.scenario}:")
            for sentence in report.broken:
                _say(f"  {sentence}")
            _say(f"  {REPLAY.format(seed=report.seed)}")
        if number % PROGRESS_EVERY == 0:
            print(f"{number} of {total}", file=sys.stderr, flush=True)  # noqa: T201
    ends = ", ".join(f"{ending} {count}" for ending, count in sorted(endings.items()))
    _say(f"{total} runs: {broken} broke a promise. How they ended: {ends}")
    return 1 if broken else 0


def _replay(seed: int, known: Sequence[Scenario]) -> int:
    """One seed again, with everything that happened in it."""
    scenario = scenario_of(seed, known)
    storm = forecast(Dice(seed))
    _say(f"seed {seed}: {scenario.name}, calm after {storm.calm_after_seconds:.0f} s")
    _say(f"faults: {', '.join(f'{fault} {rate:.3g}' for fault, rate in storm.rates.items())}")
    run, broken = played(seed, scenario)
    for milestone in milestones(run.trace, 0.0):
        _say(f"{milestone.at:10.3f}  {milestone.what}")
    for sentence in broken:
        _say(f"BROKEN {sentence}")
    return 1 if broken else 0


def _tell_crashes(runs: Iterable[Crashed]) -> int:
    counts: Counter[str] = Counter()
    wrong = 0
    for run in runs:
        counts[run.scenario] += 1
        if run.wrong:
            wrong += 1
            side = "after" if run.crash.after else "before"
            _say(f"{run.scenario}, crash {side} effect {run.crash.effect_number}:")
            for sentence in run.wrong:
                _say(f"  {sentence}")
    for scenario, count in counts.items():
        _say(f"{scenario}: {count} crashes")
    _say(f"{counts.total()} crashes in all: {wrong} made a difference")
    return 1 if wrong else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    sys.exit(main())
