"""What the controller promises, whatever befalls it; each promise is checked in every run."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from controller.simulation.promises.capacity import capacity_is_kept, steps_are_kept
from controller.simulation.promises.decisions import (
    a_new_template_starts_over,
    decided_once,
    once_worse_it_never_rises,
    the_path_is_in_the_table,
)
from controller.simulation.promises.ends import every_release_ends, no_bug
from controller.simulation.promises.evidence import promoted_on_evidence_only
from controller.simulation.promises.hands import hands_off
from controller.simulation.promises.story import Story
from controller.simulation.promises.words import told
from controller.simulation.scenario import Scenario
from controller.simulation.trace import Trace

Checker = Callable[[Story], Iterator[str]]

PROMISES: Final[Mapping[str, tuple[Checker, ...]]] = {
    "S1 once worse, never more": (once_worse_it_never_rises,),
    "S2 no promotion without evidence": (promoted_on_evidence_only,),
    "S3 steps and capacity": (steps_are_kept, capacity_is_kept),
    "S4 the path is in the table": (the_path_is_in_the_table,),
    "S5 decided once": (decided_once,),
    "S6 a new template starts over": (a_new_template_starts_over,),
    "S7 hands off": (hands_off,),
    "S8 people are told": (told,),
    "L1 every release ends": (every_release_ends,),
    "no bug": (no_bug,),
}
SENTENCES_MAX: Final = 5


def broken_promises(trace: Trace, scenario: Scenario, *, calm_at: float = 0.0) -> tuple[str, ...]:
    """What did not hold in a run, in sentences with time and facts; empty when all did.

    `calm_at` is when the last fault was over, in seconds of the run.
    """
    story = Story(trace=trace, scenario=scenario, calm_at=calm_at)
    broken: list[str] = []
    for promise, checkers in PROMISES.items():
        found = [sentence for checker in checkers for sentence in checker(story)]
        broken += [f"{promise}: {sentence}" for sentence in found[:SENTENCES_MAX]]
        if len(found) > SENTENCES_MAX:
            broken.append(f"{promise}: and {len(found) - SENTENCES_MAX} more")
    return tuple(broken)
