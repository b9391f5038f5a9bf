"""The kinds that are watched: ours, the three of a workload, and nodes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from controller.adapters.kube import nodes, objects, pods, translate
from controller.adapters.kube.names import GROUP, PLURAL, VERSION
from controller.adapters.kube.store import Entry, Key, Resource
from controller.adapters.kube.translate import CanaryRecord, PresetProblem
from controller.domain.records import Pod, ReplicaSet, Workload

APPS: Final = "/apis/apps/v1"
CORE: Final = "/api/v1"
OURS: Final = f"/apis/{GROUP}/{VERSION}"

Source = bytes | msgspec.Raw
T = TypeVar("T")

_CANARY: Final = msgspec.json.Decoder(objects.Canary)
_DEPLOYMENT: Final = msgspec.json.Decoder(objects.Deployment)
_REPLICA_SET: Final = msgspec.json.Decoder(objects.ReplicaSet)
_POD: Final = msgspec.json.Decoder(objects.Pod)
_NODE: Final = msgspec.json.Decoder(objects.Node)

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def target_owner(namespace: str, target: str) -> str:
    """What Canaries are looked up by: a text, because a target need not exist."""
    return f"{namespace}/{target}"


def label_owner(namespace: str, canary: str | None) -> str:
    """What Deployments are looked up by: the Canary that their opt-in label names, or none."""
    return f"{namespace}/{canary or ''}"


def canaries(preset_problem: PresetProblem) -> Resource[CanaryRecord]:
    """Our own objects."""

    def read(source: Source) -> Entry[CanaryRecord]:
        canary = _CANARY.decode(source)
        record = translate.canary_record(canary, preset_problem)
        owner = target_owner(canary.metadata.namespace, record.target)
        return _entry(canary.metadata, owner, record)

    return Resource(prefix=OURS, plural=PLURAL, read=read, face=_canary_face)


def _canary_face(record: CanaryRecord) -> object:
    # Its status is our own memory: to look again at each commit would be to run in a circle.
    return record.generation, record.policy, record.intent


def _read_deployment(source: Source) -> Entry[Workload]:
    metadata = (deployment := _DEPLOYMENT.decode(source)).metadata
    record = translate.workload(deployment)
    return _entry(metadata, label_owner(metadata.namespace, record.opted_in), record)


def _deployment_face(record: Workload) -> object:
    return replace(record, version="")


DEPLOYMENTS: Final[Resource[Workload]] = Resource(
    prefix=APPS, plural="deployments", read=_read_deployment, face=_deployment_face
)


def _read_replica_set(source: Source) -> Entry[ReplicaSet]:
    replica_set = _REPLICA_SET.decode(source)
    owner = replica_set.metadata.controller_of("Deployment")
    return _entry(replica_set.metadata, owner, translate.replica_set(replica_set))


def _itself(record: object) -> object:
    return record


REPLICA_SETS: Final[Resource[ReplicaSet]] = Resource(
    prefix=APPS, plural="replicasets", read=_read_replica_set, face=_itself
)


def _read_pod(source: Source) -> Entry[Pod]:
    pod = _POD.decode(source)
    owner = pod.metadata.controller_of("ReplicaSet")
    entry = _entry(pod.metadata, owner, pods.pod(pod, owner or ""))
    return replace(entry, node=pod.spec.node_name)


PODS: Final[Resource[Pod]] = Resource(prefix=CORE, plural="pods", read=_read_pod, face=_itself)


Pressure = tuple[str, ...]


def _read_node(source: Source) -> Entry[Pressure]:
    node = _NODE.decode(source)
    pressure = nodes.pressure(node)
    # Only nodes in trouble are kept: there are few.
    return _entry(node.metadata, "trouble" if pressure else None, pressure)


NODES: Final[Resource[Pressure]] = Resource(
    prefix=CORE,
    plural="nodes",
    read=_read_node,
    face=_itself,
    required=False,
    # A node is said a lot about, among it the names of its images.
    page_items_max=100,
)


def _entry(metadata: objects.Meta | objects.PodMeta, owner: str | None, record: T) -> Entry[T]:
    return Entry(
        key=Key(metadata.namespace, metadata.name),
        uid=metadata.uid,
        version=int(metadata.resource_version),
        owner=owner,
        created_at=metadata.creation_timestamp or _LONG_AGO,
        record=record,
    )
