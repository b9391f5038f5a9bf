"""How the pages say phases, outcomes and pods: a mark and words; colour comes on top."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from controller.adapters.http.shapes import PodShape
from controller.adapters.http.shapes_commands import CommandState
from controller.domain.findings import Metric, Outcome
from controller.domain.lifecycle import Phase
from controller.domain.wording import duration

GOOD: Final = "good"
BAD: Final = "bad"
WAIT: Final = "wait"
CALM: Final = "calm"

PHASES: Final[Mapping[str, tuple[str, str, str]]] = {
    Phase.IDLE: (CALM, "○", "watching"),
    Phase.SEEDING: (CALM, "◔", "starting the canary"),
    Phase.ANALYSING: (CALM, "◑", "comparing canary with stable"),
    Phase.HOLDING: (WAIT, "‖", "waiting for a person"),
    Phase.PROMOTING: (GOOD, "▲", "promoting"),
    Phase.BAKING: (GOOD, "◕", "promoted, still watched"),
    Phase.PROMOTED: (GOOD, "✓", "promoted"),
    Phase.ROLLING_BACK: (BAD, "▼", "rolling back"),
    Phase.ROLLED_BACK: (BAD, "✕", "rolled back"),
    Phase.SUPERSEDED: (CALM, "→", "superseded"),
    Phase.WITHDRAWN: (CALM, "←", "withdrawn"),
    Phase.QUARANTINED: (WAIT, "⊘", "rejected again, kept out"),
    Phase.PAUSED_BY_USER: (WAIT, "‖", "paused by a person"),
}
"""Tone, mark and words. Phases of these values end releases as well."""

OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    Outcome.WORSE: (BAD, "✕ worse"),
    Outcome.NOT_WORSE: (GOOD, "✓ not worse"),
    Outcome.UNDECIDED: (CALM, "… undecided"),
    Outcome.BLIND: (WAIT, "? cannot be judged"),
}

STATES: Final[Mapping[str, tuple[str, str]]] = {
    CommandState.WAITING: (WAIT, "… waiting"),
    CommandState.TAKEN: (GOOD, "✓ taken"),
    CommandState.REFUSED: (BAD, "✕ refused"),
}

NEEDS: Final[Mapping[str, str]] = {
    Phase.HOLDING: "Promote the canary, roll it back, or resume the comparison.",
    Phase.QUARANTINED: "This template was rejected before: push another one, or retry it.",
    Phase.PAUSED_BY_USER: "Whoever paused the Deployment has to resume it.",
}
"""What a person has to do; phases that go on by themselves are not in it."""
CORRECT: Final = "Correct what is said above; until then nothing is done."

METRICS: Final[Mapping[str, str]] = {
    Metric.ERROR_RATE: "Errors",
    Metric.SLOW_REQUESTS: "Slow requests",
    Metric.RESTARTS: "Crashes",
    Metric.GUARD: "Guard",
}


def pod_tone(pod: PodShape) -> str:
    if pod.leaving:
        return WAIT
    if pod.ready:
        return GOOD
    return BAD if pod.deaths else WAIT


def pod_mark(pod: PodShape) -> str:
    if pod.leaving:
        return "○"
    if pod.ready:
        return "●"
    return "✕" if pod.deaths else "◔"


def took(began: datetime, ended: datetime) -> str:
    return duration(ended - began)


def counted(number: int, what: str) -> str:
    """A number of things with their name: "1 pod", "2 pods"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def tight(text: str) -> str:
    """A number and its unit stay on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


WORDS: Final[Mapping[str, Callable[..., str]]] = {
    "tone": lambda phase: PHASES[phase][0],
    "mark": lambda phase: PHASES[phase][1],
    "words": lambda phase: PHASES[phase][2],
    "outcome_tone": lambda outcome: OUTCOMES[outcome][0],
    "outcome_words": lambda outcome: OUTCOMES[outcome][1],
    "state_tone": lambda state: STATES[state][0],
    "state_words": lambda state: STATES[state][1],
    "pod_tone": pod_tone,
    "pod_mark": pod_mark,
    "took": took,
    "counted": counted,
    "tight": tight,
}
"""What the templates may call."""
