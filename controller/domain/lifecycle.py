"""The life of a release: one table of legal moves. The diagram in the docs is drawn from it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """Where a release is."""

    IDLE = "Idle"
    SEEDING = "Seeding"
    ANALYSING = "Analysing"
    HOLDING = "Holding"
    PROMOTING = "Promoting"
    BAKING = "Baking"
    PROMOTED = "Promoted"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    SUPERSEDED = "Superseded"
    WITHDRAWN = "Withdrawn"
    QUARANTINED = "Quarantined"
    PAUSED_BY_USER = "PausedByUser"


class Event(StrEnum):
    """What makes a release move."""

    STABLE_FOUND = "StableFound"
    TEMPLATE_CHANGED = "TemplateChanged"
    LET_THROUGH = "LetThrough"
    NO_ROOM = "NoRoom"
    REJECTED_AGAIN = "RejectedAgain"
    CANARY_READY = "CanaryReady"
    STEP_PASSED = "StepPassed"
    LAST_STEP_PASSED = "LastStepPassed"
    INCONCLUSIVE = "Inconclusive"
    APPROVAL_NEEDED = "ApprovalNeeded"
    HELD_BY_PERSON = "HeldByPerson"
    RESUMED_BY_PERSON = "ResumedByPerson"
    PROMOTED_BY_PERSON = "PromotedByPerson"
    CANARY_WORSE = "CanaryWorse"
    ROLLED_BACK_BY_PERSON = "RolledBackByPerson"
    ROLLED_OUT = "RolledOut"
    BAKED = "Baked"
    UNDONE = "Undone"
    SUPERSEDED = "Superseded"
    WITHDRAWN = "Withdrawn"
    PAUSED_BY_PERSON = "PausedByPerson"
    PAUSE_LIFTED = "PauseLifted"
    PROMOTION_RESUMED = "PromotionResumed"
    RETRIED = "Retried"


AT_REST: Final = frozenset(
    {
        Phase.IDLE,
        Phase.PROMOTED,
        Phase.ROLLED_BACK,
        Phase.SUPERSEDED,
        Phase.WITHDRAWN,
        Phase.QUARANTINED,
    }
)
UNDER_ANALYSIS: Final = frozenset({Phase.SEEDING, Phase.ANALYSING, Phase.HOLDING})
JUDGED: Final = UNDER_ANALYSIS | {Phase.PROMOTING, Phase.BAKING}


def _moves(phases: Iterable[Phase], event: Event, to: Phase) -> dict[tuple[Phase, Event], Phase]:
    return {(phase, event): to for phase in phases}


TRANSITIONS: Final[dict[tuple[Phase, Event], Phase]] = {
    (Phase.IDLE, Event.STABLE_FOUND): Phase.IDLE,
    **_moves(AT_REST, Event.TEMPLATE_CHANGED, Phase.SEEDING),
    **_moves(AT_REST, Event.LET_THROUGH, Phase.PROMOTING),
    **_moves(AT_REST, Event.NO_ROOM, Phase.PROMOTING),
    **_moves(AT_REST, Event.REJECTED_AGAIN, Phase.QUARANTINED),
    **_moves(AT_REST, Event.PAUSED_BY_PERSON, Phase.PAUSED_BY_USER),
    **_moves({Phase.QUARANTINED, Phase.ROLLED_BACK}, Event.RETRIED, Phase.IDLE),
    **_moves({Phase.QUARANTINED, Phase.ROLLED_BACK}, Event.WITHDRAWN, Phase.WITHDRAWN),
    (Phase.SEEDING, Event.CANARY_READY): Phase.ANALYSING,
    (Phase.SEEDING, Event.INCONCLUSIVE): Phase.HOLDING,
    **_moves({Phase.SEEDING, Phase.ANALYSING}, Event.HELD_BY_PERSON, Phase.HOLDING),
    **_moves({Phase.ANALYSING, Phase.HOLDING}, Event.STEP_PASSED, Phase.ANALYSING),
    (Phase.ANALYSING, Event.LAST_STEP_PASSED): Phase.PROMOTING,
    (Phase.ANALYSING, Event.INCONCLUSIVE): Phase.HOLDING,
    (Phase.ANALYSING, Event.APPROVAL_NEEDED): Phase.HOLDING,
    (Phase.HOLDING, Event.RESUMED_BY_PERSON): Phase.ANALYSING,
    (Phase.HOLDING, Event.LAST_STEP_PASSED): Phase.PROMOTING,
    **_moves(UNDER_ANALYSIS, Event.PROMOTED_BY_PERSON, Phase.PROMOTING),
    **_moves(JUDGED, Event.CANARY_WORSE, Phase.ROLLING_BACK),
    **_moves(JUDGED, Event.ROLLED_BACK_BY_PERSON, Phase.ROLLING_BACK),
    **_moves(JUDGED, Event.SUPERSEDED, Phase.SUPERSEDED),
    **_moves(JUDGED, Event.WITHDRAWN, Phase.WITHDRAWN),
    (Phase.PROMOTING, Event.ROLLED_OUT): Phase.BAKING,
    **_moves(JUDGED, Event.PAUSED_BY_PERSON, Phase.PAUSED_BY_USER),
    (Phase.BAKING, Event.BAKED): Phase.PROMOTED,
    (Phase.ROLLING_BACK, Event.UNDONE): Phase.ROLLED_BACK,
    (Phase.ROLLING_BACK, Event.SUPERSEDED): Phase.SUPERSEDED,
    (Phase.PAUSED_BY_USER, Event.PAUSE_LIFTED): Phase.IDLE,
    (Phase.PAUSED_BY_USER, Event.PROMOTION_RESUMED): Phase.PROMOTING,
}


def advance(phase: Phase, event: Event) -> Phase:
    """The phase that follows; an illegal move is a bug, not a branch."""
    assert (phase, event) in TRANSITIONS, f"{event!r} cannot happen while {phase!r}"
    return TRANSITIONS[phase, event]
