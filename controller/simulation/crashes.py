"""The controller dies before and after every single effect of a run: the end must be the same."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from typing import Final

from controller.domain.lifecycle import Phase
from controller.domain.status import Notice
from controller.simulation.dice import Dice
from controller.simulation.faults.crashing import CrashAt, OneCrash
from controller.simulation.promises.checkers import broken_promises
from controller.simulation.promises.story import Story
from controller.simulation.run import Run, play_scenario
from controller.simulation.scenario import Ending, Scenario
from controller.simulation.swarm import WORKERS, bugs_logged
from controller.simulation.trace import Shown, Told, Trace

SEEDS_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a run has to come to, wherever the process died in between.

    `deed` is the last decisive change, a template written or a pause lifted; `told` what people
    were told of which canary. At which step a canary was caught is left out: that hangs on seconds.
    """

    phase: Phase
    template: str
    paused: bool
    deed: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed:
    """One run with one crash, and what was wrong with it."""

    scenario: str
    crash: CrashAt
    wrong: tuple[str, ...]


def end_of(run: Run, scenario: Scenario) -> End:
    """The end of a run, and what was done to get there."""
    story = Story(trace=run.trace, scenario=scenario)
    phase = Phase.IDLE
    for _, entry in story.commits():
        phase = entry.status.phase
    shown = run.trace.of(Shown)[-1]
    last = ""
    for deed in story.deeds():
        if deed.writes_a_template:
            last = f"wrote {deed.after.template}"
        elif deed.lifts_the_pause:
            last = f"released {deed.after.template}"
    notices = {_named(told.notice) for told in run.trace.of(Told)}
    return End(
        phase=phase,
        template=shown.template,
        paused=shown.paused,
        deed=last,
        told=tuple(sorted(notices)),
    )


def _named(notice: Notice) -> str:
    facts = dict(notice.facts)
    return f"{notice.kind.value} of {facts.get('Canary', '')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """A run without a crash: how many effects it has, and its end."""

    seed: int
    effects: int
    end: End


def calm(scenario: Scenario) -> Calm:
    """The first seed with which the scenario ends as it says that it should.

    By chance it may end otherwise; a crash, which shifts everything, would then undo that chance.
    """
    runs = (_counted(scenario, seed) for seed in range(1, SEEDS_MAX + 1))
    found = next((one for ending, one in runs if ending is scenario.expect), None)
    assert found is not None, f"{scenario.name} never ends as it should"
    return found


def _counted(scenario: Scenario, seed: int) -> tuple[Ending | None, Calm]:
    skies: list[OneCrash] = []

    def sky(dice: Dice, trace: Trace) -> OneCrash:
        skies.append(OneCrash(dice, trace))
        return skies[-1]

    with bugs_logged():
        run = play_scenario(scenario, seed, sky=sky)
    counted = Calm(seed=seed, effects=len(skies[0].effects), end=end_of(run, scenario))
    return run.outcome.ending, counted


def crashed(scenario: Scenario, without: Calm, crash: CrashAt) -> Crashed:
    """One run with one crash, compared with the one without."""
    with bugs_logged() as bugs:
        run = play_scenario(scenario, without.seed, sky=partial(OneCrash, crash=crash))
    end = end_of(run, scenario)
    wrong = [*broken_promises(run.trace, scenario), *bugs]
    for field in fields(End):
        expected, came = getattr(without.end, field.name), getattr(end, field.name)
        if expected != came:
            wrong.append(f"{field.name}: {came} instead of {expected}")
    return Crashed(scenario=scenario.name, crash=crash, wrong=tuple(wrong))


def every_crash(scenario: Scenario, *, every: int = 1) -> Iterator[Crashed]:
    """Before and after each effect, or each nth one."""
    without = calm(scenario)
    for number in range(1, without.effects + 1, every):
        for after in (False, True):
            yield crashed(scenario, without, CrashAt(number, after))


def all_crashes(
    scenarios: Sequence[Scenario], workers: int = WORKERS, *, every: int = 1
) -> Iterator[Crashed]:
    """Every scenario, each in a process of its own.

    They are played at full length: with less time a release is as likely held as promoted, and
    where a crash costs seconds, either is right.
    """
    with ProcessPoolExecutor(max_workers=workers) as pool:
        for runs in pool.map(partial(_crashes, every=every), scenarios):
            yield from runs


def _crashes(scenario: Scenario, every: int) -> list[Crashed]:
    return list(every_crash(scenario, every=every))
