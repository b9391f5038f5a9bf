"""A fixed small swarm: every scenario under faults, and a crash at some effects of each."""

from controller.cli.policies import parse_policy
from controller.simulation.crashes import all_crashes, calm, crashed, every_crash
from controller.simulation.faults.crashing import CrashAt
from controller.simulation.scenarios.catalogue import scenarios
from controller.simulation.swarm import played, scenario_of, swarm
from tests.simulation.promises.releases import BAD

SEEDS = range(1, 101)
EVERY = 5
# These end within minutes. All of them, at every effect: python -m controller.cli.swarm --crashes
QUICK = {"api-server-away", "controller-killed", "crash-on-start", "incident", "one-route-500"}


SCENARIOS = scenarios(parse_policy)


def test_no_promise_is_broken_under_faults() -> None:
    reports = list(swarm(SEEDS, SCENARIOS))
    assert [report for report in reports if report.broken] == []
    assert len({report.scenario for report in reports}) > len(SCENARIOS) // 2


def test_a_crash_changes_nothing() -> None:
    crashes = list(all_crashes([s for s in SCENARIOS if s.name in QUICK], every=EVERY))
    assert [crash for crash in crashes if crash.wrong] == []
    assert {crash.scenario for crash in crashes} == QUICK


def test_a_crash_at_every_effect_of_a_rollback_changes_nothing() -> None:
    crashes = list(every_crash(BAD))
    assert [crash for crash in crashes if crash.wrong] == []
    assert len(crashes) == 2 * calm(BAD).effects


def test_a_crash_that_never_comes_changes_nothing() -> None:
    assert crashed(BAD, calm(BAD), CrashAt(10**6, after=True)).wrong == ()


def test_a_seed_can_be_replayed() -> None:
    scenario = scenario_of(3, SCENARIOS)
    first, _ = played(3, scenario)
    second, _ = played(3, scenario)
    assert first.trace.dump() == second.trace.dump()
