"""What the controller may do, and why: the one source of its roles, in the chart and in deploy/."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controller.adapters.kube.names import GROUP


class Scope(StrEnum):
    """Where a right is needed."""

    WATCHED = "watched"
    """In every namespace that is watched."""
    CLUSTER = "cluster"
    """Of objects without a namespace, and of all there is."""
    OWN = "own"
    """In the namespace that the controller runs in."""


class Option(StrEnum):
    """A right that not every installation gives, by the chart's value that gives it."""

    CONFIG_MAPS = "config.configMaps"
    SECRETS = "config.secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Verbs on resources. `without`: what does not work without it; `necessary`: nothing does."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    without: str
    scope: Scope = Scope.WATCHED
    necessary: bool = False
    option: Option | None = None
    name: str = ""


RIGHTS: Final[tuple[Right, ...]] = (
    Right(
        group=GROUP,
        resources=("canaries",),
        verbs=("list", "watch", "patch"),
        why="What teams ask for. Patched: a command is written down, and taken away once done.",
        without="no release is seen",
        necessary=True,
    ),
    Right(
        group=GROUP,
        resources=("canaries/status",),
        verbs=("patch",),
        why="All state is kept there.",
        without="no release is judged",
        necessary=True,
    ),
    Right(
        group="apps",
        resources=("deployments",),
        verbs=("get", "list", "watch", "patch"),
        why="Held, stepped, undone and let go of.",
        without="no release is held or rolled back",
        necessary=True,
    ),
    Right(
        group="apps",
        resources=("deployments/finalizers",),
        verbs=("update",),
        why="Only asked for by clusters that protect owner references (OpenShift does).",
        without="canary pods cannot be made where owner references are protected",
    ),
    Right(
        group="apps",
        resources=("replicasets",),
        verbs=("get", "list", "watch", "create", "patch"),
        why="The canary pods are scaled there; the first ReplicaSet of a new template is made.",
        without="no canary pod can be made",
        necessary=True,
    ),
    Right(
        group="",
        resources=("pods",),
        verbs=("list", "watch"),
        why="Readiness, restarts and deaths.",
        without="no crash is seen",
        necessary=True,
    ),
    Right(
        group="",
        resources=("pods/log",),
        verbs=("get",),
        why="The last words of a container that died, for people.",
        without="a crash is told without its last words",
    ),
    Right(
        group="",
        resources=("events",),
        verbs=("create", "get", "patch"),
        why="What happened, where people look for it. A repeat is counted on the Event it repeats.",
        without="kubectl describe tells nothing of releases",
    ),
    Right(
        group="",
        resources=("nodes",),
        verbs=("list", "watch"),
        why="Tells a liveness probe that failed because the node was in trouble from the rest.",
        without="a kill on a node in trouble counts as the application's",
        scope=Scope.CLUSTER,
    ),
    Right(
        group="authentication.k8s.io",
        resources=("tokenreviews",),
        verbs=("create",),
        why="Who people are, when they come by the API, the dashboard or Slack.",
        without="nobody can sign in",
        scope=Scope.CLUSTER,
    ),
    Right(
        group="authorization.k8s.io",
        resources=("subjectaccessreviews",),
        verbs=("create",),
        why="What people may do: plain RBAC decides.",
        without="nobody may do anything by the API, the dashboard or Slack",
        scope=Scope.CLUSTER,
    ),
    Right(
        group="admissionregistration.k8s.io",
        resources=("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"),
        verbs=("get",),
        why="Whether the gate is installed, and lets the controller itself through.",
        without="a rollout is taken for one without a gate, and is caught instead of held",
        scope=Scope.CLUSTER,
    ),
    Right(
        group="admissionregistration.k8s.io",
        resources=("validatingadmissionpolicies",),
        verbs=("get",),
        why="Whether the guard of commands, where it is installed, lets the controller through.",
        without="a guard that turns the controller's own writes away is not told of",
        scope=Scope.CLUSTER,
    ),
    Right(
        group="coordination.k8s.io",
        resources=("leases",),
        verbs=("create", "get", "patch"),
        why="Which of the replicas acts.",
        without="no replica leads, and nothing is decided",
        scope=Scope.OWN,
        necessary=True,
    ),
    Right(
        group="",
        resources=("configmaps",),
        verbs=("get",),
        why="Only metadata is asked for: names what changed and an undo does not bring back.",
        without="a rollback does not say which ConfigMaps changed",
        option=Option.CONFIG_MAPS,
    ),
    Right(
        group="",
        resources=("secrets",),
        verbs=("get",),
        why="Only a table of versions is asked for; but no right allows no more than that.",
        without="a rollback does not say which Secrets changed",
        option=Option.SECRETS,
    ),
)
