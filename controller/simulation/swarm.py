"""Thousands of runs under seeded faults, every promise checked in each of them."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final

from controller.simulation.dice import Dice
from controller.simulation.faults.forecast import forecast
from controller.simulation.faults.people import people
from controller.simulation.faults.storm import Storm
from controller.simulation.promises.checkers import broken_promises
from controller.simulation.promises.ends import limit_seconds
from controller.simulation.run import Run, play_scenario
from controller.simulation.scenario import Scenario

WORKERS: Final = 2
CHUNK: Final = 8
ERROR_MAX_CHARACTERS: Final = 2000
SHORT_PROBABILITY: Final = 0.9
SHORT_MIN: Final = timedelta(seconds=60)
SHORT_MAX: Final = timedelta(minutes=3)
SHORT_BAKE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of one seed. `broken` are promises that did not hold, bugs among them."""

    seed: int
    scenario: str
    ending: str
    broken: tuple[str, ...]


def scenario_of(seed: int, scenarios: Sequence[Scenario]) -> Scenario:
    """The scenario of a seed, with time enough for every end that is promised."""
    chance = Dice(seed).stream("scenario")
    chosen = chance.choice(scenarios)
    if chance.random() < SHORT_PROBABILITY:
        chosen = shortened(chosen)
    storm = forecast(Dice(seed))
    limit = storm.calm_after_seconds + limit_seconds(chosen.policy)
    return replace(chosen, limit_seconds=max(chosen.limit_seconds, 2 * limit))


def shortened(scenario: Scenario) -> Scenario:
    """The same, but people are called earlier: most of a long wait is like the rest of it."""
    policy = scenario.policy
    steps = tuple(
        replace(
            step,
            min_duration=min(step.min_duration, SHORT_MIN),
            max_duration=min(step.max_duration, SHORT_MAX),
        )
        for step in policy.steps
    )
    return replace(
        scenario,
        policy=replace(policy, steps=steps, bake=min(policy.bake, SHORT_BAKE)),
        people_seconds=0.0,
    )


def played(seed: int, scenario: Scenario) -> tuple[Run, tuple[str, ...]]:
    """One run of a seed, and the promises that it broke."""
    dice = Dice(seed)
    storm = forecast(dice)
    with bugs_logged() as bugs:
        run = play_scenario(
            scenario,
            seed,
            sky=partial(Storm, storm),
            visitor=partial(people, dice=dice),
        )
    broken = broken_promises(run.trace, scenario, calm_at=storm.calm_after_seconds)
    return run, (*broken, *(f"no bug: {bug}" for bug in bugs))


def checked(seed: int, scenarios: Sequence[Scenario]) -> Report:
    """One seed, from the choice of its scenario to the promises; a bug that ends it is reported."""
    scenario = scenario_of(seed, scenarios)
    try:
        run, broken = played(seed, scenario)
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed has to be named
        broken = (f"the run ended by {type(error).__name__}: {error}"[:ERROR_MAX_CHARACTERS],)
        return Report(seed=seed, scenario=scenario.name, ending="bug", broken=broken)
    ending = run.outcome.ending
    return Report(
        seed=seed,
        scenario=scenario.name,
        ending=ending.value if ending else "none",
        broken=broken,
    )


def swarm(
    seeds: Iterable[int], scenarios: Sequence[Scenario], workers: int = WORKERS
) -> Iterator[Report]:
    """Reports in the order of the seeds."""
    check = partial(checked, scenarios=scenarios)
    if workers <= 1:
        yield from map(check, seeds)
        return
    with ProcessPoolExecutor(max_workers=workers) as pool:
        yield from pool.map(check, seeds, chunksize=CHUNK)


class _Bugs(logging.Handler):
    """What the engine logs with a traceback is a bug, wherever it is caught."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            said = f"{record.getMessage()}: {type(error).__name__}: {error}"
            self.found.append(said[:ERROR_MAX_CHARACTERS])


@contextmanager
def bugs_logged() -> Iterator[list[str]]:
    """The bugs that are logged while the block runs; nothing is printed."""
    logger = logging.getLogger("controller")
    handler = _Bugs()
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield handler.found
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
