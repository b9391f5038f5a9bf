"""The few fields of the API's objects that matter, decoded without the rest.

Lists may be null where the API's documentation says they are required, hence the many `| None`.
"""

from datetime import datetime

import msgspec


class Owner(msgspec.Struct, gc=False):
    """An owner reference."""

    kind: str
    uid: str
    controller: bool | None = None


class PodMeta(msgspec.Struct, rename="camel"):
    """What every object has, without what a pod is never asked for."""

    name: str
    uid: str
    resource_version: str
    namespace: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    owner_references: list[Owner] | None = None

    def controller_of(self, kind: str) -> str | None:
        """The uid of the controlling owner, if it is of this kind."""
        for owner in self.owner_references or ():
            if owner.controller and owner.kind == kind:
                return owner.uid
        return None


class Meta(PodMeta, rename="camel"):
    """With what people and controllers write on it."""

    generation: int = 0
    annotations: dict[str, str] | None = None


class Present(msgspec.Struct):
    """What is in it does not matter."""


class SpecFields(msgspec.Struct):
    """Ownership of the fields of a spec."""

    template: Present | None = msgspec.field(name="f:template", default=None)


class Fields(msgspec.Struct):
    """The fields that a manager owns."""

    spec: SpecFields | None = msgspec.field(name="f:spec", default=None)


class Managed(msgspec.Struct, rename="camel"):
    """Who wrote which fields last."""

    manager: str = ""
    time: datetime | None = None
    fields: Fields | None = msgspec.field(name="fieldsV1", default=None)


class DeploymentMeta(Meta, rename="camel"):
    """A Deployment's labels and managers tell who looks after it."""

    labels: dict[str, str] | None = None
    managed_fields: list[Managed] | None = None


class RollingUpdate(msgspec.Struct, rename="camel"):
    """How many pods a rollout may add and miss at a time."""

    max_surge: int | str = "25%"
    max_unavailable: int | str = "25%"


class Strategy(msgspec.Struct, rename="camel"):
    """How a Deployment replaces its pods."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(msgspec.Struct, rename="camel"):
    """`template` is raw: it is read once, for its fingerprint, and not kept."""

    template: msgspec.Raw
    replicas: int = 1
    paused: bool = False
    revision_history_limit: int = 10
    strategy: Strategy = msgspec.field(default_factory=Strategy)


class DeploymentStatus(msgspec.Struct, rename="camel"):
    """The deployment controller's counts."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0


class Deployment(msgspec.Struct):
    """apps/v1."""

    metadata: DeploymentMeta
    spec: DeploymentSpec
    status: DeploymentStatus = msgspec.field(default_factory=DeploymentStatus)


class ReplicaSetSpec(msgspec.Struct):
    """`template` is raw as in the Deployment."""

    template: msgspec.Raw
    replicas: int = 1


class ReplicaSetStatus(msgspec.Struct, rename="camel"):
    """The ReplicaSet controller's counts."""

    ready_replicas: int = 0


class ReplicaSet(msgspec.Struct):
    """apps/v1."""

    metadata: Meta
    spec: ReplicaSetSpec
    status: ReplicaSetStatus = msgspec.field(default_factory=ReplicaSetStatus)


class Terminated(msgspec.Struct, rename="camel", gc=False):
    """How a process ended."""

    exit_code: int
    reason: str = ""
    signal: int = 0
    finished_at: datetime | None = None


class Waiting(msgspec.Struct, gc=False):
    """Why a process does not run."""

    reason: str = ""


class ContainerState(msgspec.Struct):
    """Running is neither; nor is there either while the kubelet has not said yet."""

    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, rename="camel"):
    """What the kubelet says of a container."""

    name: str
    ready: bool = False
    restart_count: int = 0
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class PodCondition(msgspec.Struct, gc=False):
    """Whether a pod is Ready is one of these, and whether the cluster is about to end it."""

    type: str
    status: str
    reason: str = ""


class PodStatus(msgspec.Struct, rename="camel"):
    """What the kubelet says of a pod. Native sidecars are among the init containers."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: list[PodCondition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class ContainerSpec(msgspec.Struct, rename="camel"):
    """What a container is for, and whether the kubelet may end it for failing a probe."""

    name: str
    restart_policy: str = ""
    liveness_probe: Present | None = None
    startup_probe: Present | None = None


class PodSpec(msgspec.Struct, rename="camel"):
    """Where a pod runs, and what."""

    node_name: str = ""
    containers: list[ContainerSpec] | None = None
    init_containers: list[ContainerSpec] | None = None


class Pod(msgspec.Struct):
    """v1."""

    metadata: PodMeta
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class NodeCondition(msgspec.Struct, gc=False):
    """Ready is good when it is "True", every other when it is not."""

    type: str
    status: str


class NodeStatus(msgspec.Struct):
    """What the kubelet says of its node, or the node controller when it says nothing."""

    conditions: list[NodeCondition] | None = None


class Node(msgspec.Struct):
    """v1."""

    metadata: PodMeta
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)


class Canary(msgspec.Struct):
    """Ours: spec and status are read by the models of their own."""

    metadata: Meta
    spec: dict[str, object] = msgspec.field(default_factory=dict)
    status: dict[str, object] | None = None


class PageMeta(msgspec.Struct, rename="camel"):
    """Where a list is, and where it goes on."""

    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct):
    """One page of a list. Items are raw: an odd one must not cost the others."""

    metadata: PageMeta
    items: list[msgspec.Raw] | None = None


class WatchEvent(msgspec.Struct):
    """One line of a watch."""

    type: str
    object: msgspec.Raw


class VersionMeta(msgspec.Struct, rename="camel"):
    """The version a bookmark or a deletion carries."""

    resource_version: str


class Versioned(msgspec.Struct):
    """Any object, by its version."""

    metadata: VersionMeta
