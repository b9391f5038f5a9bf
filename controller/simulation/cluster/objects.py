"""The objects as the API server has them, and what a watch shows of each."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from controller.domain.mounts import Mount
from controller.domain.policy import Policy
from controller.domain.records import (
    Container,
    Intent,
    Pod,
    Problem,
    Ref,
    ReplicaSet,
    Termination,
    Workload,
)
from controller.domain.status import Status
from controller.simulation.clock import second
from controller.simulation.cluster.fates import Fate
from controller.simulation.cluster.rollout import fenceposts
from controller.simulation.pods import SimulatedPod
from controller.simulation.trace import Shown
from controller.simulation.weather import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRecord:
    """A Canary object as read. `target` is there although the rest of the spec may be wrong."""

    version: str
    generation: int
    target: str
    policy: Policy | Problem
    status: Status
    intent: Intent | Problem | None


Record = CanaryRecord | Workload | ReplicaSet | Pod


@dataclass(frozen=True, slots=True)
class Sighting:
    """One version of an object, as a list or a watch shows it; `record` None: it is gone.

    `owner` is what it is looked up by: see `view`.
    """

    kind: Kind
    key: Ref
    uid: str
    version: int
    owner: str
    created_at: datetime
    record: Record | None


def target_owner(namespace: str, target: str) -> str:
    """What Canaries are looked up by: a text, because a target need not exist."""
    return f"{namespace}/{target}"


def label_owner(namespace: str, canary: str | None) -> str:
    """What Deployments are looked up by: the Canary that their opt-in label names, or none."""
    return f"{namespace}/{canary or ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What people, tools and we write of a Deployment."""

    template: str
    replicas: int
    surge: int | str
    unavailable: int | str
    strategy: str = "RollingUpdate"
    paused: bool = False
    mark: str | None = None
    opted_in: str | None = None
    skip: str | None = None
    writer: str = "kubectl"
    gitops: str | None = None
    mounts: tuple[Mount, ...] = ()

    def has_spec_of(self, other: "Manifest") -> bool:
        """Whether only metadata differs."""
        beside = {
            "mark": other.mark,
            "opted_in": other.opted_in,
            "skip": other.skip,
            "writer": other.writer,
            "gitops": other.gitops,
        }
        return replace(self, **beside) == other  # type: ignore[arg-type]

    @property
    def fenceposts(self) -> tuple[int, int]:
        """Surge and unavailability in pods."""
        return fenceposts(self.surge, self.unavailable, self.replicas, self.strategy)


@dataclass(slots=True, eq=False, kw_only=True)
class Deployment:
    """A Deployment, and in `status` the counts that the deployment controller wrote."""

    key: Ref
    uid: str
    created_at: float
    manifest: Manifest
    generation: int = 1
    version: int = 0
    observed: int = 0
    total: int = 0
    updated: int = 0
    available: int = 0
    sets: list["Revision"] = field(default_factory=list)
    sighting: Sighting | None = None
    shown: Shown | None = None
    due: bool = False

    def seen(self) -> Sighting:
        """What a watch shows of it now."""
        made, now = self.manifest, self.key
        surge, unavailable = made.fenceposts
        record = Workload(
            name=now.name,
            uid=self.uid,
            version=str(self.version),
            generation=self.generation,
            observed_generation=self.observed,
            replicas=made.replicas,
            total=self.total,
            updated=self.updated,
            available=self.available,
            paused=made.paused,
            fingerprint=made.template,
            images=images(now.name, made.template),
            strategy=made.strategy,
            max_surge=surge,
            max_unavailable=unavailable,
            gate_mark=made.mark,
            opted_in=made.opted_in,
            writer=made.writer,
            gitops=made.gitops,
            skip=made.skip,
        )
        owner = label_owner(now.namespace, made.opted_in)
        created_at = second(self.created_at)
        return Sighting(Kind.WORKLOAD, now, self.uid, self.version, owner, created_at, record)


@dataclass(slots=True, eq=False, kw_only=True)
class Revision:
    """A ReplicaSet. `actual` and `ready` are its status; `desired` and `most` its annotations."""

    key: Ref
    uid: str
    deployment: Deployment
    template: str
    created_at: float
    replicas: int
    desired: int | None = None
    most: int | None = None
    revision: int = 0
    actual: int = 0
    ready: int = 0
    version: int = 0
    berths: list["Berth"] = field(default_factory=list)
    sighting: Sighting | None = None
    due: bool = False
    gone: bool = False

    @property
    def staying(self) -> list["Berth"]:
        """Its pods, without those that were asked to leave."""
        return [berth for berth in self.berths if not berth.pod.leaving]

    @property
    def ready_now(self) -> int:
        """Its Ready pods, whatever its status says."""
        return sum(berth.pod.ready for berth in self.berths)

    def seen(self) -> Sighting:
        """What a watch shows of it now."""
        record = ReplicaSet(
            name=self.key.name,
            uid=self.uid,
            fingerprint=self.template,
            replicas=self.replicas,
            ready=self.ready,
            revision=self.revision,
            images=images(self.deployment.key.name, self.template),
            mounts=self.deployment.manifest.mounts,
        )
        owner, created_at = self.deployment.uid, second(self.created_at)
        return Sighting(
            Kind.REPLICA_SET, self.key, self.uid, self.version, owner, created_at, record
        )


@dataclass(slots=True, eq=False, kw_only=True)
class Berth:
    """A pod with what its node knows of it.

    `up`: its process has started up; `healthy`: nothing has failed its probe since. `in_a_row`
    counts restarts for the back-off; `life` is raised whenever its process begins or ends, so that
    a timer of a life that is over does nothing. `unhealthy`: the kubelet ended its last life.
    """

    pod: SimulatedPod
    home: Revision
    key: Ref
    node: str
    fate: Fate
    ready_at: float = 0.0
    up: bool = False
    healthy: bool = True
    waiting: str | None = None
    last_death: Termination | None = None
    unhealthy: bool = False
    log: str = ""
    in_a_row: int = 0
    life: int = 0
    version: int = 0
    sighting: Sighting | None = None

    def seen(self) -> Sighting:
        """What a watch shows of it now."""
        pod = self.pod
        container = Container(
            name=container_name(pod.workload),
            restarts=pod.restarts,
            deaths=pod.deaths,
            ready=pod.ready,
            last_death=self.last_death,
            waiting="ContainerCreating" if pod.started_at is None else self.waiting,
            unhealthy=self.unhealthy,
        )
        owner, created_at = self.home.uid, second(pod.created_at)
        record = self.fate.shown(pod, container, owner)
        return Sighting(Kind.POD, self.key, pod.uid, self.version, owner, created_at, record)


@dataclass(slots=True, eq=False, kw_only=True)
class Canary:
    """Ours, as the API server has it."""

    key: Ref
    uid: str
    created_at: float
    target: str
    policy: Policy | Problem
    status: Status = field(default_factory=Status)
    intent: Intent | Problem | None = None
    generation: int = 1
    version: int = 0
    sighting: Sighting | None = None

    def seen(self) -> Sighting:
        """What a watch shows of it now."""
        record = CanaryRecord(
            version=str(self.version),
            generation=self.generation,
            target=self.target,
            policy=self.policy,
            status=self.status,
            intent=self.intent,
        )
        owner = target_owner(self.key.namespace, self.target)
        created_at = second(self.created_at)
        return Sighting(Kind.CANARY, self.key, self.uid, self.version, owner, created_at, record)


Stored = Canary | Deployment | Revision | Berth


def images(workload: str, template: str) -> tuple[str, ...]:
    """The images of a template: it has one container."""
    return (f"{workload}:{template}",)


def container_name(workload: Ref) -> str:
    """The only container of a pod has the name of its Deployment."""
    return workload.name
