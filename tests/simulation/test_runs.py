"""A run is its scenario and its seed, and nothing else."""

import asyncio
import hashlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from controller.cli.policies import parse_policy
from controller.simulation.loop import Stalled, play
from controller.simulation.run import play_scenario
from controller.simulation.scenario import Ending
from controller.simulation.scenarios import catalogue

ROOT: Final = Path(__file__).resolve().parent.parent.parent
NAMES: Final = sorted(catalogue.names())

# What a run under faults and people leaves, told by another interpreter.
ELSEWHERE: Final = """
import hashlib, logging
from controller.cli.policies import parse_policy
from controller.simulation.scenarios import catalogue
from controller.simulation.swarm import played, scenario_of
logging.disable()
known = list(catalogue.scenarios(parse_policy))
for seed in range({first}, {last}):
    run, _ = played(seed, scenario_of(seed, known))
    print(seed, hashlib.sha256(run.trace.dump()).hexdigest())
"""


def elsewhere(hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE.format(first=100, last=108)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout


def test_the_same_seed_is_the_same_run_byte_for_byte_in_another_process_too() -> None:
    told = elsewhere("1")
    assert told.count("\n") == 8
    assert told == elsewhere("2")


def test_another_seed_is_another_run() -> None:
    scenario = catalogue.scenario("incident", parse_policy)
    dumps = {hashlib.sha256(play_scenario(scenario, seed).trace.dump()) for seed in range(3)}
    assert len({dump.hexdigest() for dump in dumps}) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_ends_as_it_says(name: str) -> None:
    """On most days: where errors come in bursts, a good release may lack evidence on some."""
    scenario = catalogue.scenario(name, parse_policy)
    endings = [play_scenario(scenario, seed).outcome.ending for seed in (1, 2, 3)]
    assert endings.count(scenario.expect) >= 2


def test_the_incident_harms_a_few_with_the_controller_and_most_without() -> None:
    play_incident = partial(play_scenario, catalogue.scenario("incident", parse_policy), 1)
    with_controller, without = play_incident().outcome, play_incident(with_controller=False).outcome
    assert with_controller.ending is Ending.ROLLED_BACK
    assert without.ending is None
    assert with_controller.failed_extra * 100 < without.failed_extra


def test_a_deadlock_is_found_at_once() -> None:
    async def waits_for_nobody() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stalled):
        play(waits_for_nobody())
