"""Pods as our records: what runs in them, how it ended, and what their cluster does to them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from controller.adapters.kube import objects
from controller.domain.attribution import DISRUPTIONS, STORAGE_LIMIT
from controller.domain.records import Container, ContainerRole, Pod, Termination

# Containers that meshes and secret stores inject beside the application, by their fixed names.
# Newer versions make native sidecars of them, which need no list. A name of a person's own choice
# is not here: `restarts.containers` is the place to say that it is beside the point.
INJECTED: Final = frozenset(
    {
        "istio-proxy",  # Istio
        "linkerd-proxy",  # Linkerd
        "consul-dataplane",  # Consul
        "envoy-sidecar",  # Consul, before its dataplane
        "kuma-sidecar",  # Kuma
        "vault-agent",  # HashiCorp Vault
        "daprd",  # Dapr
        "cloud-sql-proxy",  # Google Cloud SQL
    }
)

# What a kubelet writes when it ends a process whose probe failed: SIGTERM, and SIGKILL later. The
# status never names the probe; a process that catches SIGTERM and exits by itself is not told
# from one that ended by itself.
_ENDED_BY_SIGNAL: Final = frozenset({128 + 9, 128 + 15})

# What the kubelet says of a pod that has exceeded a limit of its own, and how it begins to speak of
# a victim of pressure.
_OWN_LIMIT: Final = ("exceeded its local ephemeral storage limit", "exceeds the ")
_LOW_NODE: Final = "The node "

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def pod(source: objects.Pod, owner: str) -> Pod:
    """A pod of the ReplicaSet with the uid `owner`; what presses its node is not known here."""
    metadata, status = source.metadata, source.status
    conditions = status.conditions or ()
    disruption = _disruption(status)
    # With restartPolicy Always, as a Deployment's pods have it, only the cluster ends one for good.
    ended = status.phase == "Failed" and disruption != ""
    return Pod(
        name=metadata.name,
        uid=metadata.uid,
        replica_set=owner,
        created_at=metadata.creation_timestamp or _LONG_AGO,
        ready=any(c.type == "Ready" and c.status == "True" for c in conditions),
        leaving=ended or metadata.deletion_timestamp is not None,
        leaving_since=None if ended else _told_to_stop(metadata),
        disruption=disruption,
        containers=tuple(_containers(source)),
    )


def _told_to_stop(metadata: objects.PodMeta) -> datetime | None:
    """When the deletion was asked for: the timestamp is when the grace period will be over."""
    if metadata.deletion_timestamp is None:
        return None
    return metadata.deletion_timestamp - timedelta(
        seconds=metadata.deletion_grace_period_seconds or 0
    )


def _disruption(status: objects.PodStatus) -> str:
    """What the cluster does to the pod: its status says it best, else its DisruptionTarget."""
    own = any(words in status.message for words in _OWN_LIMIT)
    if status.reason == "Evicted" and own and not status.message.startswith(_LOW_NODE):
        return STORAGE_LIMIT
    if status.reason in DISRUPTIONS:
        return status.reason
    for condition in status.conditions or ():
        if condition.type == "DisruptionTarget" and condition.status == "True":
            return condition.reason or "DisruptionTarget"
    return ""


def _containers(source: objects.Pod) -> Iterable[Container]:
    """Those of the application come first. Ephemeral ones, a person's, are nobody's concern."""
    spec, status = source.spec, source.status
    specs = {one.name: one for one in spec.containers or ()}
    for one in status.container_statuses or ():
        yield container(one, specs.get(one.name), _beside(one.name, specs))
    first = {one.name: one for one in spec.init_containers or ()}
    for one in status.init_container_statuses or ():
        always = one.name in first and first[one.name].restart_policy == "Always"
        role = ContainerRole.SIDECAR if always else ContainerRole.INIT
        yield container(one, first.get(one.name), role)


def _beside(name: str, specs: Mapping[str, objects.ContainerSpec]) -> ContainerRole:
    """An injected container is a sidecar, unless it is all there is: somebody's own proxy."""
    injected = name in INJECTED and any(other not in INJECTED for other in specs)
    return ContainerRole.SIDECAR if injected else ContainerRole.APP


def container(
    status: objects.ContainerStatus,
    spec: objects.ContainerSpec | None = None,
    role: ContainerRole = ContainerRole.APP,
) -> Container:
    """A container with its deaths: a death shows before the kubelet has counted the restart."""
    now, before = status.state, status.last_state
    ended = now.terminated if now else None
    ended_before = before.terminated if before else None
    waiting = now.waiting if now else None
    down_after_running = ended is not None or (waiting is not None and ended_before is not None)
    if role is ContainerRole.INIT and ended is not None and ended.exit_code == 0:
        down_after_running = False
    last = ended or ended_before
    return Container(
        name=status.name,
        role=role,
        restarts=status.restart_count,
        deaths=status.restart_count + (1 if down_after_running else 0),
        ready=status.ready,
        last_death=_termination(last),
        waiting=waiting.reason if waiting else None,
        unhealthy=_was_unhealthy(last, spec),
    )


def _was_unhealthy(ended: objects.Terminated | None, spec: objects.ContainerSpec | None) -> bool:
    """Whether it was the kubelet that ended the process, as far as the status tells.

    A process that something else has killed with SIGTERM or SIGKILL looks the same, where there is
    a probe that could have failed; out of memory has a reason of its own.
    """
    if ended is None or spec is None or ended.reason != "Error":
        return False
    probed = spec.liveness_probe is not None or spec.startup_probe is not None
    return probed and ended.exit_code in _ENDED_BY_SIGNAL


def _termination(ended: objects.Terminated | None) -> Termination | None:
    if ended is None:
        return None
    return Termination(
        exit_code=ended.exit_code,
        reason=ended.reason,
        signal=ended.signal,
        finished_at=ended.finished_at,
    )
