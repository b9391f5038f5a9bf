"""The Canary's conditions by the Kubernetes API conventions, so that `kubectl wait` works."""

from datetime import datetime
from typing import Final

from controller.domain.lifecycle import Phase
from controller.domain.records import Problem
from controller.domain.snapshot import Snapshot
from controller.domain.status import Condition, Status

PROGRESSING: Final = frozenset(
    {
        Phase.SEEDING,
        Phase.ANALYSING,
        Phase.HOLDING,
        Phase.PROMOTING,
        Phase.BAKING,
        Phase.ROLLING_BACK,
    }
)
MESSAGE_MAX: Final = 1024
DEGRADED: Final = frozenset({Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.QUARANTINED})


def conditions(
    snapshot: Snapshot, status: Status, problem: Problem | None
) -> tuple[Condition, ...]:
    """Ready, Progressing and Degraded; the time of a condition moves only when its status does."""
    phase = status.phase
    ready = (
        ("False", problem.reason, str(problem))
        if problem
        else ("True", "Watching", "The workload is watched")
    )
    wanted = {
        "Ready": ready,
        "Progressing": (_truth(phase in PROGRESSING), phase.value, status.message),
        "Degraded": (_truth(phase in DEGRADED), phase.value, status.message),
    }
    known = {c.type: c for c in status.conditions}
    return tuple(
        Condition(
            type=kind,
            status=truth,
            reason=reason,
            message=message[:MESSAGE_MAX],
            last_transition_time=_since(known.get(kind), truth, snapshot.now),
            observed_generation=snapshot.scene.generation,
        )
        for kind, (truth, reason, message) in wanted.items()
    )


def _truth(value: bool) -> str:  # noqa: FBT001 - a condition's status is a word
    return "True" if value else "False"


def _since(known: Condition | None, truth: str, now: datetime) -> datetime:
    return known.last_transition_time if known is not None and known.status == truth else now
