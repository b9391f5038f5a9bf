"""What may be done to a workload: each change is idempotent and guarded by the version seen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OptIn:
    """Set the opt-in label, on which the gate matches, to the Canary's name."""

    canary: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """Remove the opt-in label: the workload rolls out by itself from now on."""


@dataclass(frozen=True, slots=True)
class Catch:
    """Pause the Deployment and set the gate mark: a rollout got past the gate."""


@dataclass(frozen=True, slots=True)
class Seed:
    """Create the canary ReplicaSet of the held template with this many pods."""

    replicas: int


@dataclass(frozen=True, slots=True)
class Scale:
    """Set the replicas of ReplicaSets, by name, in this order."""

    replica_sets: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Promote:
    """Unpause and remove the gate mark: the user's own strategy finishes the rollout."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Write the template of this ReplicaSet back and unpause, in one patch."""

    replica_set: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stay paused, with the mark: stable to `replicas` first, only then the others to none."""

    stable: str
    replicas: int
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClearIntent:
    """Remove a person's command from the Canary: it was acted on."""

    id: str


Change = OptIn | LetGo | Catch | Seed | Scale | Promote | Undo | Freeze | ClearIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """Something worth a Kubernetes Event, on the Deployment and on the Canary."""

    reason: str
    message: str
    warning: bool = False
