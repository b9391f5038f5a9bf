"""The Canary's conditions by the Kubernetes API conventions, so that `kubectl wait` works."""

from datetime import datetime
from typing import Final

from controller.domain.findings import Outcome
from controller.domain.lifecycle import JUDGED, Phase
from controller.domain.records import Problem
from controller.domain.snapshot import Scene, Snapshot
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
NO_WAY_BACK: Final = "NoWayBack"
NO_WAY_BACK_SAID: Final = (
    "The workload is watched, but its spec.revisionHistoryLimit is 0: once a release runs on all "
    "pods the revision before it is gone, and cannot be rolled back to. Set it to 1 or more"
)
DEGRADED: Final = frozenset({Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.QUARANTINED})


def conditions(
    snapshot: Snapshot, status: Status, problem: Problem | None
) -> tuple[Condition, ...]:
    """Ready, Progressing, Degraded and MetricsAvailable.

    The time of a condition moves only when its status does.
    """
    phase = status.phase
    known = {c.type: c for c in status.conditions}
    wanted = {
        "Ready": _readiness(snapshot.scene, problem),
        "Progressing": (_truth(phase in PROGRESSING), phase.value, status.message),
        "Degraded": (_truth(phase in DEGRADED), phase.value, status.message),
        "MetricsAvailable": _sight(status, known.get("MetricsAvailable")),
    }
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


def _readiness(scene: Scene, problem: Problem | None) -> tuple[str, str, str]:
    """Whether the Canary can be acted on; a warning does not stand in its way."""
    if problem is not None:
        return "False", problem.reason, str(problem)
    # While a release is on trial stable has pods, and is kept; with its last pod it goes.
    if scene.workload is not None and scene.workload.revisions_kept == 0:
        return "True", NO_WAY_BACK, NO_WAY_BACK_SAID
    return "True", "Watching", "The workload is watched"


def _sight(status: Status, known: Condition | None) -> tuple[str, str, str]:
    """Whether what a release is judged by could be read, as of the last release's last look."""
    if status.phase not in JUDGED or not status.findings:
        if known is None:
            return "Unknown", "NotRead", "Metrics are read while a release is judged"
        return known.status, known.reason, known.message
    blind = [f for f in status.findings if f.outcome is Outcome.BLIND]
    if not blind:
        return "True", "Read", "All that the release is judged by can be read"
    said = "; ".join(dict.fromkeys(f"{f.metric.value}: {f.reason}" for f in blind))
    return "False", "Blind", said


def _truth(value: bool) -> str:  # noqa: FBT001 - a condition's status is a word
    return "True" if value else "False"


def _since(known: Condition | None, truth: str, now: datetime) -> datetime:
    return known.last_transition_time if known is not None and known.status == truth else now
