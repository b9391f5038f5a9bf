"""What runs in a pod, how it ended, and what the cluster does to it, as the API writes it."""

import json
from datetime import UTC, datetime

import pytest

from controller.adapters.kube import resources
from controller.domain.attribution import cause_of, new_deaths
from controller.domain.policy import DeathCause, Restarts
from controller.domain.records import Container, ContainerRole, Pod
from tests.adapters.kube import examples
from tests.adapters.kube.examples import Object

APP, INIT, SIDECAR = ContainerRole.APP, ContainerRole.INIT, ContainerRole.SIDECAR
LOW = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. "
DISRUPTED = {"type": "DisruptionTarget", "status": "True"}


def read(found: Object) -> Pod:
    return resources.PODS.read(json.dumps(found).encode()).record


def ended(code: int, reason: str = "Error", **more: object) -> Object:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "finishedAt": "2026-01-01T00:01:00Z",
            **more,
        }
    }


def with_init(state: Object, restarts: int = 0, **spec: object) -> dict[str, Container]:
    """The containers of a pod with one more, an init container."""
    found = examples.pod(
        "a",
        initContainerStatuses=[
            examples.container(restarts) | {"name": "more", "state": state, "ready": False}
        ],
    )
    found["spec"]["initContainers"] = [{"name": "more", **spec}]
    return {one.name: one for one in read(found).containers}


def test_the_application_comes_first_and_ephemeral_containers_are_passed_over() -> None:
    found = examples.pod("a", ephemeralContainerStatuses=[examples.container() | {"name": "debug"}])
    found["status"]["initContainerStatuses"] = [examples.container() | {"name": "migrate"}]
    found["spec"]["initContainers"] = [{"name": "migrate"}]
    roles = {one.name: one.role for one in read(found).containers}
    assert list(roles.items()) == [("server", APP), ("migrate", INIT)]


def test_an_init_container_that_has_done_its_work_has_not_died() -> None:
    more = with_init(ended(0, "Completed"))["more"]
    assert (more.role, more.deaths) == (INIT, 0)
    more = with_init(ended(1), restarts=2)["more"]
    assert (more.role, more.deaths) == (INIT, 3)


def test_an_init_container_that_always_restarts_is_a_sidecar() -> None:
    more = with_init(ended(0, "Completed"), restarts=1, restartPolicy="Always")["more"]
    assert (more.role, more.deaths) == (SIDECAR, 2)


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (("server", "istio-proxy"), (APP, SIDECAR)),
        (("server", "proxy"), (APP, APP)),
        # Somebody's own proxy is an application.
        (("istio-proxy",), (APP,)),
    ],
)
def test_what_a_mesh_injects_is_a_sidecar(
    names: tuple[str, ...], roles: tuple[ContainerRole, ...]
) -> None:
    found = examples.pod(
        "a", containerStatuses=[examples.container() | {"name": name} for name in names]
    )
    found["spec"]["containers"] = [{"name": name} for name in names]
    assert tuple(one.role for one in read(found).containers) == roles


@pytest.mark.parametrize(
    ("code", "reason", "probe", "unhealthy"),
    [
        (143, "Error", "livenessProbe", True),
        (137, "Error", "livenessProbe", True),
        (137, "Error", "startupProbe", True),
        (137, "Error", "readinessProbe", False),
        (137, "OOMKilled", "livenessProbe", False),
        (1, "Error", "livenessProbe", False),
        (139, "Error", "livenessProbe", False),
        (0, "Completed", "livenessProbe", False),
    ],
)
def test_a_kill_by_signal_is_a_failed_probe_where_there_is_one_to_fail(
    code: int, reason: str, probe: str, unhealthy: bool
) -> None:
    dead = examples.container(1, lastState=ended(code, reason)) | {"ready": True}
    found = examples.pod("a", containerStatuses=[dead])
    found["spec"]["containers"][0][probe] = {"tcpSocket": {"port": 80}}
    (container,) = read(found).containers
    assert container.unhealthy is unhealthy
    del found["spec"]["containers"][0][probe]
    (container,) = read(found).containers
    assert not container.unhealthy


def test_a_pod_was_told_to_stop_when_its_deletion_was_asked_for() -> None:
    found = examples.pod("a")
    found["metadata"] |= {
        "deletionTimestamp": "2026-01-01T00:02:30Z",
        "deletionGracePeriodSeconds": 30,
    }
    one = read(found)
    assert (one.leaving, one.leaving_since) == (True, datetime(2026, 1, 1, 0, 2, tzinfo=UTC))
    assert one.disruption == ""


@pytest.mark.parametrize(
    ("status", "disruption", "leaving"),
    [
        ({"phase": "Failed", "reason": "Evicted", "message": LOW}, "Evicted", True),
        (
            {
                "phase": "Failed",
                "reason": "Evicted",
                "message": LOW + "Container server was using 9Gi, which exceeds its request of 1. ",
            },
            "Evicted",
            True,
        ),
        (
            {
                "phase": "Failed",
                "reason": "Evicted",
                "message": 'Container server exceeded its local ephemeral storage limit "1Gi". ',
            },
            "StorageLimit",
            True,
        ),
        (
            {
                "phase": "Failed",
                "reason": "Evicted",
                "message": 'Usage of EmptyDir volume "cache" exceeds the limit "1Gi". ',
            },
            "StorageLimit",
            True,
        ),
        ({"phase": "Failed", "reason": "Terminated"}, "Terminated", True),
        # Whoever ends a pod for good in another way may be the application itself.
        ({"phase": "Failed", "reason": "Novel"}, "", False),
        ({"phase": "Failed"}, "", False),
        (
            {"conditions": [DISRUPTED | {"reason": "PreemptionByScheduler"}]},
            "PreemptionByScheduler",
            False,
        ),
        ({"conditions": [DISRUPTED | {"status": "False", "reason": "Evicted"}]}, "", False),
        ({"conditions": [DISRUPTED]}, "DisruptionTarget", False),
    ],
)
def test_a_pod_that_ended_for_good_leaves_and_says_why(
    status: Object, disruption: str, leaving: bool
) -> None:
    one = read(examples.pod("a", containerStatuses=None, **status))
    assert (one.disruption, one.leaving, one.leaving_since) == (disruption, leaving, None)


def test_the_reason_of_the_status_says_more_than_that_the_kubelet_ended_it() -> None:
    one = read(
        examples.pod(
            "a",
            phase="Failed",
            reason="Terminated",
            conditions=[DISRUPTED | {"reason": "TerminationByKubelet"}],
            containerStatuses=[examples.container(state=ended(143))],
        )
    )
    assert one.disruption == "Terminated"
    assert cause_of(one, one.containers[0], Restarts()) is DeathCause.NODE_SHUTDOWN


def test_a_disruption_that_was_called_off_excuses_no_crash() -> None:
    found = examples.pod(
        "a",
        conditions=[DISRUPTED | {"reason": "EvictionByEvictionAPI"}],
        containerStatuses=[examples.container(1, lastState=ended(1))],
    )
    assert new_deaths(read(found), {}, Restarts()).counted == 1


def test_an_evicted_pod_that_is_deleted_later_was_ended_by_the_eviction() -> None:
    found = examples.pod(
        "a",
        phase="Failed",
        reason="Evicted",
        message=LOW,
        containerStatuses=[examples.container(state=ended(137))],
    )
    found["metadata"]["deletionTimestamp"] = "2026-01-01T05:00:00Z"
    deaths = new_deaths(read(found), {}, Restarts())
    assert (deaths.counted, dict(deaths.spared)) == (0, {DeathCause.EVICTED: 1})
