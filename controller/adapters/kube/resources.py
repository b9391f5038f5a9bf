"""The four kinds that are watched."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from controller.adapters.kube import objects, translate
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
    return _entry(pod.metadata, owner, translate.pod(pod, owner or ""))


PODS: Final[Resource[Pod]] = Resource(prefix=CORE, plural="pods", read=_read_pod, face=_itself)


def _entry(metadata: objects.Meta | objects.PodMeta, owner: str | None, record: T) -> Entry[T]:
    return Entry(
        key=Key(metadata.namespace, metadata.name),
        uid=metadata.uid,
        version=int(metadata.resource_version),
        owner=owner,
        created_at=metadata.creation_timestamp or _LONG_AGO,
        record=record,
    )
