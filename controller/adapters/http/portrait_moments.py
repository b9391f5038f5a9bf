"""What was decided and done, entry by entry, as the API and the pages tell it."""

from controller.adapters.http.shapes import MomentShape
from controller.domain.changes import (
    Catch,
    Change,
    ClearIntent,
    Freeze,
    LetGo,
    OptIn,
    Promote,
    Scale,
    Seed,
    Undo,
)
from controller.engine.journal import Entry


def moment(entry: Entry) -> MomentShape:
    """A decision in a few lines."""
    before, after = entry.snapshot.scene.status, entry.plan.status
    return MomentShape(
        at=entry.snapshot.now,
        phase=after.phase,
        came_from=before.phase if before.phase is not after.phase else None,
        message=after.message,
        change=change_sentence(entry.plan.change) if entry.plan.change else "",
        events=tuple(f"{said.reason}: {said.message}" for said in entry.plan.occurrences),
    )


def change_sentence(change: Change) -> str:  # noqa: PLR0911 - one for each
    """What was done to the workload."""
    match change:
        case OptIn():
            return "put the Deployment under watch"
        case LetGo():
            return "let go of the Deployment"
        case Catch():
            return "paused the Deployment: a rollout had begun"
        case Seed(replicas):
            return f"started {_count(replicas, 'canary pod')}"
        case Scale(sizes):
            return f"scaled {', '.join(f'{name} to {size}' for name, size in sizes)}"
        case Promote():
            return "resumed the Deployment: its own strategy finishes the rollout"
        case Undo(name):
            return f"wrote the template of {name} back"
        case Freeze(stable, replicas, _):
            return f"gave {stable} all {replicas} pods and the canary none"
        case ClearIntent():
            return "took the command off the Canary: it is done"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
