"""What is seen of the cluster: Deployment, ReplicaSets and pods in the few fields that matter."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from controller.domain.mounts import Mount


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Where a Canary is. The key of everything: queue, journal, log."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class GateKind(StrEnum):
    """What keeps a changed template from starting pods by itself."""

    POLICY = "Policy"
    CATCH = "Catch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Termination:
    """How a container's process ended last."""

    exit_code: int
    reason: str
    signal: int = 0
    finished_at: datetime | None = None


class ContainerRole(StrEnum):
    """What a container is there for.

    A sidecar is an init container that is always restarted, or one that a mesh is known to inject.
    """

    APP = "App"
    INIT = "Init"
    SIDECAR = "Sidecar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a pod.

    `deaths` is how often its process ended: the kubelet's restart count, plus one while it is
    down after having run. A death shows there before the kubelet has counted the restart. An init
    container that has done its work has not died. `unhealthy` says that the kubelet ended it last
    because its liveness or startup probe failed, as far as the status of a pod tells.
    """

    name: str
    role: ContainerRole = ContainerRole.APP
    restarts: int = 0
    deaths: int = 0
    ready: bool = False
    last_death: Termination | None = None
    waiting: str | None = None
    unhealthy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod of the workload, whatever its revision. `replica_set` is its owner's uid.

    `leaving`: it was told to stop, or has ended for good; `leaving_since` is when it was told, None
    when that is not known. `disruption` says what the cluster, not the application, does to it: the
    reason of its status or of its DisruptionTarget condition ("Evicted", "PreemptionByScheduler",
    ...), "" when nothing; see `attribution`. `pressure` are the conditions of its node that are bad
    now (such as "MemoryPressure").
    """

    name: str
    uid: str
    replica_set: str
    created_at: datetime
    ready: bool = False
    leaving: bool = False
    leaving_since: datetime | None = None
    disruption: str = ""
    pressure: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()

    @property
    def deaths(self) -> int:
        """Deaths of the application's containers, whatever their causes."""
        return sum(one.deaths for one in self.containers if one.role is ContainerRole.APP)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSet:
    """One revision of the workload. `fingerprint` is of its template without the hash label.

    `mounts` are the ConfigMaps and Secrets that the template names.
    """

    name: str
    uid: str
    fingerprint: str
    replicas: int
    ready: int = 0
    revision: int = 0
    images: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The Deployment a Canary points at.

    `max_surge` and `max_unavailable` are in pods, resolved as the deployment controller does.
    `revisions_kept` is how many ReplicaSets without pods it keeps (revisionHistoryLimit).
    `gate_mark` is set while the pause is ours, `opted_in` names the Canary that the opt-in label
    carries. `writer` is the field manager that wrote the template last, `gitops` the GitOps tool
    that owns the object.
    """

    name: str
    uid: str
    version: str
    generation: int
    observed_generation: int
    replicas: int
    total: int = 0
    updated: int = 0
    available: int = 0
    paused: bool = False
    fingerprint: str
    images: tuple[str, ...] = ()
    strategy: str = "RollingUpdate"
    revisions_kept: int = 10
    max_surge: int = 1
    max_unavailable: int = 0
    gate_mark: str | None = None
    opted_in: str | None = None
    writer: str = "unknown"
    gitops: str | None = None
    skip: str | None = None

    @property
    def held_by_us(self) -> bool:
        return self.paused and self.gate_mark is not None

    @property
    def paused_by_a_person(self) -> bool:
        return self.paused and self.gate_mark is None

    @property
    def rolled_out(self) -> bool:
        """Every pod is of the current template and available, and the numbers are not old."""
        return (
            self.observed_generation >= self.generation
            and self.updated == self.replicas
            and self.total == self.replicas
            and self.available >= self.replicas
        )


class IntentAction(StrEnum):
    """What a person may ask for."""

    PROMOTE = "promote"
    PROMOTE_FULL = "promote-full"
    ROLLBACK = "rollback"
    HOLD = "hold"
    RESUME = "resume"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A person's command, written on the Canary object.

    `revision` empty means: whatever runs; `step` (counted from 1) None: whatever step. `via` is
    how it came here. `keyed`: its writer gave it the id, so that it is never carried out twice;
    otherwise the id is made of the text, and the same words may be said again later.
    """

    action: IntentAction
    id: str
    revision: str = ""
    step: int | None = None
    by: str = "unknown"
    via: str = ""
    reason: str = ""
    keyed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why an input cannot be acted on: the field, what is wrong with it, and what to do."""

    reason: str
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}. {self.remedy}"
