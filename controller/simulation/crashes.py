"""The controller dies before and after every single effect of a run: the end must be the same."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from controller.domain.lifecycle import Phase
from controller.simulation.checkers import broken_promises
from controller.simulation.crashing import CrashAt, OneCrash
from controller.simulation.promises.story import Story
from controller.simulation.run import Run, play_scenario
from controller.simulation.scenario import Scenario
from controller.simulation.swarm import WORKERS, bugs_logged
from controller.simulation.trace import Shown, Told

SEED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a run has to come to, wherever the process died in between.

    `deeds` are the templates written and the pauses lifted; `keys` the notices people got, without
    the second at which their release was seen first.
    """

    phase: Phase
    template: str
    paused: bool
    deeds: tuple[str, ...]
    keys: frozenset[str]


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
    deeds = []
    for deed in story.deeds():
        if deed.writes_a_template:
            deeds.append(f"wrote {deed.after.template}")
        elif deed.lifts_the_pause:
            deeds.append(f"released {deed.after.template}")
    return End(
        phase=phase,
        template=shown.template,
        paused=shown.paused,
        deeds=tuple(deeds),
        keys=frozenset(_timeless(told.notice.key) for told in run.trace.of(Told)),
    )


def _timeless(key: str) -> str:
    """A notice's key without the start of its release, which a crash may put off."""
    parts = key.split(":")
    return ":".join(part for part in parts if not (part[:8].isdigit() and "T" in part))


def counted(scenario: Scenario, seed: int = SEED) -> tuple[int, End]:
    """How many effects a calm run has, and its end."""
    skies: list[OneCrash] = []

    def sky(*of_run: object) -> OneCrash:
        skies.append(OneCrash(*of_run))  # type: ignore[arg-type]
        return skies[-1]

    with bugs_logged():
        run = play_scenario(scenario, seed, sky=sky)
    return len(skies[0].effects), end_of(run, scenario)


def crashed(scenario: Scenario, calm: End, crash: CrashAt, seed: int = SEED) -> Crashed:
    """One run with one crash, compared with the calm one."""
    with bugs_logged() as bugs:
        run = play_scenario(scenario, seed, sky=partial(OneCrash, crash=crash))
    end = end_of(run, scenario)
    wrong = [*broken_promises(run.trace, scenario), *bugs]
    for name in End.__slots__:
        expected, came = getattr(calm, name), getattr(end, name)
        if expected != came:
            wrong.append(f"{name}: {came} instead of {expected}")
    return Crashed(scenario=scenario.name, crash=crash, wrong=tuple(wrong))


def every_crash(scenario: Scenario, *, every: int = 1) -> Iterator[Crashed]:
    """Before and after each effect, or each of a few."""
    effects, calm = counted(scenario)
    for number in range(1, effects + 1, every):
        for after in (False, True):
            yield crashed(scenario, calm, CrashAt(number, after))


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
