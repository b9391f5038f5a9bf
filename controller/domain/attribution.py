"""Whose doing a container's death is: the application's own, or its cluster's.

| what is seen | cause | counts by default |
| --- | --- | --- |
| the process ended by itself, whatever its exit code | Crash | yes |
| reason OOMKilled, whoever ran out of memory, container or node | OutOfMemory | yes |
| exit 137 or 143 in a container with a liveness or startup probe | LivenessProbe | yes |
| the same while its node is under pressure, or not ready | NodePressure | no |
| in a pod that was told to stop, and no DisruptionTarget says why | Deleted | no |
| the same, evicted by the API or a taint; status Evicted | Evicted | no |
| the same, by the scheduler or for a critical pod | Preempted | no |
| the same, its node shuts down or is gone; process lost by its node | NodeShutdown | no |
| status Evicted for a limit of its own, such as ephemeral storage | Crash | yes |
| init container, unless the policy names it | InitContainer | no |
| sidecar, or a container beside those that the policy names | Sidecar | no |

In doubt it is a crash. Only the last death of a container has a story, so those before it that
nobody saw are crashes too. In a pod that was told to stop, a death from before that second is one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice, repeat
from typing import Final, NamedTuple

from controller.domain.policy import DeathCause, Restarts
from controller.domain.records import Container, ContainerRole, Pod

SKEW: Final = timedelta(seconds=2)
STORAGE_LIMIT: Final = "StorageLimit"
"""Evicted for exceeding a storage limit of its own: no other reason tells that from pressure."""

DISRUPTIONS: Final[Mapping[str, DeathCause]] = {
    # Reasons of a pod's status, written by the kubelet or for one that is gone.
    "Evicted": DeathCause.EVICTED,
    "NodeAffinity": DeathCause.EVICTED,
    "UnexpectedAdmissionError": DeathCause.EVICTED,
    "TopologyAffinityError": DeathCause.EVICTED,
    "OutOfcpu": DeathCause.EVICTED,
    "OutOfmemory": DeathCause.EVICTED,
    "OutOfpods": DeathCause.EVICTED,
    "Preempting": DeathCause.PREEMPTED,
    "NodeShutdown": DeathCause.NODE_SHUTDOWN,
    "Shutdown": DeathCause.NODE_SHUTDOWN,
    "Terminated": DeathCause.NODE_SHUTDOWN,
    "NodeLost": DeathCause.NODE_SHUTDOWN,
    STORAGE_LIMIT: DeathCause.CRASH,
    # Reasons of its DisruptionTarget condition. One that is not known here is an eviction.
    "EvictionByEvictionAPI": DeathCause.EVICTED,
    "DeletionByTaintManager": DeathCause.EVICTED,
    "DeletionByDeviceTaintManager": DeathCause.EVICTED,
    "TerminationByKubelet": DeathCause.EVICTED,
    "PreemptionByScheduler": DeathCause.PREEMPTED,
    "DeletionByPodGC": DeathCause.NODE_SHUTDOWN,
}

# What a runtime or a kubelet says of a process that it lost sight of: its node was restarted, or
# the container was removed. No process can bring that about by ending.
LOST: Final = frozenset({"Unknown", "ContainerStatusUnknown"})


class Deaths(NamedTuple):
    """Deaths since the last look: those that count, the others by cause, and what is known now.

    `known` is the ledger of the pod: deaths by container ("uid/name"), and by the pod's uid those
    that the metric source has told of and the watch has not shown yet.
    """

    counted: int
    spared: Mapping[DeathCause, int]
    known: Mapping[str, int]


# Most pods, at most looks.
_QUIET: Final = Deaths(counted=0, spared={}, known={})


def matters(container: Container, restarts: Restarts) -> bool:
    """Whether the policy looks at this container: at those it names, else at the application's."""
    if restarts.containers:
        return container.name in restarts.containers
    return container.role is ContainerRole.APP


def cause_of(pod: Pod, container: Container, restarts: Restarts) -> DeathCause:
    """Why the container's process ended last, as far as the cluster tells."""
    if pod.leaving and _was_stopped(pod, container):
        return cause_of_leaving(pod)
    if not matters(container, restarts):
        return _beside(container)
    last = container.last_death
    if last is not None and last.reason in LOST:
        return DeathCause.NODE_SHUTDOWN
    if last is not None and last.reason == "OOMKilled":
        return DeathCause.OUT_OF_MEMORY
    if container.unhealthy:
        return DeathCause.NODE_PRESSURE if pod.pressure else DeathCause.LIVENESS
    return DeathCause.CRASH


def cause_of_leaving(pod: Pod) -> DeathCause:
    """Why a pod was told to stop."""
    if not pod.disruption:
        return DeathCause.DELETED
    return DISRUPTIONS.get(pod.disruption, DeathCause.EVICTED)


def counts(pod: Pod, container: Container, restarts: Restarts) -> bool:
    """Whether the container's last death is held against its revision."""
    return cause_of(pod, container, restarts) in restarts.counted


def ended_before(pod: Pod, instant: datetime) -> bool:
    """Whether the pod had ended by then, or was told to; where no time is known, it had.

    The cluster's times are whole seconds of its own clock: in doubt it had not.
    """
    if not pod.leaving:
        return False
    instant -= SKEW
    if pod.leaving_since is not None:
        return pod.leaving_since < instant
    lasts = (one.last_death for one in pod.containers)
    ends = [last.finished_at for last in lasts if last is not None and last.finished_at is not None]
    return all(end < instant for end in ends)


def new_deaths(
    pod: Pod, before: Mapping[str, int], restarts: Restarts, elsewhere: int = 0
) -> Deaths:
    """What died in the pod since `before`, the ledger of an earlier look.

    A pod that was told to stop has its containers' deaths from then on, once: whether its last
    status is seen before it is gone is chance. `elsewhere` is how many restarts of the pod the
    metric source has counted; what it knows and the watch does not is a crash.
    """
    told = pod.leaving or elsewhere or pod.uid in before
    if not told and not any(one.deaths for one in pod.containers):
        return _QUIET
    causes: Counter[DeathCause] = Counter()
    known: dict[str, int] = {}
    for container in pod.containers:
        key = f"{pod.uid}/{container.name}"
        seen, total = before.get(key, 0), _deaths(pod, container, restarts)
        if total > seen:
            causes.update(islice(_stories(pod, container, restarts), total - seen))
        if total > 0 or seen > 0:
            known[key] = max(total, seen)
    ahead = before.get(pod.uid, 0)
    ahead -= _caught_up(causes, ahead, restarts)
    more = max(0, elsewhere - pod.deaths - ahead) if _is_counted_alike(pod, restarts) else 0
    causes[DeathCause.CRASH] += more
    if ahead + more > 0:
        known[pod.uid] = ahead + more
    return Deaths(
        counted=sum(n for cause, n in causes.items() if cause in restarts.counted),
        spared={c: n for c, n in causes.items() if n > 0 and c not in restarts.counted},
        known=known,
    )


def counted_deaths(pod: Pod, restarts: Restarts, elsewhere: int = 0) -> int:
    """Deaths of the pod's whole life that count."""
    return new_deaths(pod, {}, restarts, elsewhere).counted


def _is_down(container: Container) -> bool:
    return container.deaths > container.restarts


def _runs(container: Container) -> bool:
    return not _is_down(container) and container.waiting is None


def _was_stopped(pod: Pod, container: Container) -> bool:
    """Whether the container of a leaving pod is down because it was told to be.

    Times are whole seconds: what ended within the second in which it was told, was told.
    """
    if not _is_down(container):
        return False
    last = container.last_death
    ended = last.finished_at if last is not None else None
    return ended is None or pod.leaving_since is None or ended >= pod.leaving_since


def _deaths(pod: Pod, container: Container, restarts: Restarts) -> int:
    """The container's deaths, with the one that it was told to die."""
    told = pod.leaving and matters(container, restarts) and _runs(container)
    return container.deaths + told


def _stories(pod: Pod, container: Container, restarts: Restarts) -> Iterator[DeathCause]:
    """The causes of the container's deaths, the last one first."""
    if pod.leaving and matters(container, restarts) and _runs(container):
        yield cause_of_leaving(pod)
    yield cause_of(pod, container, restarts)
    yield from repeat(DeathCause.CRASH if matters(container, restarts) else _beside(container))


def _beside(container: Container) -> DeathCause:
    """What the death of a container is that the policy does not look at."""
    return DeathCause.INIT if container.role is ContainerRole.INIT else DeathCause.SIDECAR


def _caught_up(causes: Counter[DeathCause], ahead: int, restarts: Restarts) -> int:
    """Take deaths out of `causes` that the metric source had told before; returns how many."""
    taken = 0
    for cause in sorted(causes, key=lambda one: one not in restarts.counted):
        one = min(causes[cause], ahead - taken)
        causes[cause] -= one
        taken += one
    return taken


def _is_counted_alike(pod: Pod, restarts: Restarts) -> bool:
    """Whether the metric source counts just what we do in this pod.

    It knows no names, no causes and no init containers; a pod that leaves has restarted for good.
    """
    return (
        not pod.leaving
        and not restarts.containers
        and all(one.role is not ContainerRole.SIDECAR for one in pod.containers)
    )
