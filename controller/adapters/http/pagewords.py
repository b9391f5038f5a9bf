"""How the status page says phases, outcomes and pods: a mark and words; colour comes on top."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from controller.adapters.http.shapes import CanaryShape, PodShape
from controller.domain.findings import Outcome
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


NEEDS: Final[Mapping[str, str]] = {
    Phase.HOLDING: "yes: promote the canary, roll it back, or resume the comparison",
    Phase.ROLLED_BACK: "not now: the release is undone; push one without the fault",
    Phase.QUARANTINED: "yes: this release was rejected before; push another one, or retry it",
    Phase.PAUSED_BY_USER: "yes: whoever paused the Deployment has to resume it",
}
"""What a person has to do; phases that go on by themselves are not in it."""


def need(one: CanaryShape) -> str:
    """Whether a person has to act, and on what."""
    if one.problem:
        return "yes: correct what is said above; until then nothing is done"
    return NEEDS.get(one.phase, "no")


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


def share(text: str) -> str:
    """A step's share of canary pods."""
    if text.endswith("%"):
        return f"{text} of the pods are canaries"
    return "1 canary pod" if text == "1" else f"{text} canary pods"


WORDS: Final[Mapping[str, Callable[..., str]]] = {
    "tone": lambda phase: PHASES[phase][0],
    "mark": lambda phase: PHASES[phase][1],
    "words": lambda phase: PHASES[phase][2],
    "outcome_tone": lambda outcome: OUTCOMES[outcome][0],
    "outcome_words": lambda outcome: OUTCOMES[outcome][1],
    "need": need,
    "pod_tone": pod_tone,
    "pod_mark": pod_mark,
    "took": took,
    "share": share,
}
"""What the template may call."""
