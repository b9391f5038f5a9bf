"""The rig behaves as a cluster does: what the other end-to-end tests stand on."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from tests.e2e.rig import build
from tests.e2e.rig.api import ApiError, KubeApi
from tests.e2e.rig.cluster import BEFORE_ADMISSION_POLICIES, ControlPlane
from tests.e2e.rig.world import World

pytestmark = pytest.mark.e2e

Object = dict[str, Any]


def container_of(pod: Object) -> Object:
    status: Object = pod.get("status", {}).get("containerStatuses", [{}])[0]
    return status


def only_pod(world: World, namespace: str) -> str:
    pods = world.wait_until(lambda: world.pods(namespace), 10, "the pod")
    assert len(pods) == 1
    name: str = pods[0]["metadata"]["name"]
    return name


def test_pods_become_ready_on_addresses_of_their_own(world: World, namespace: str) -> None:
    world.deploy(namespace, replicas=4)
    world.wait_rolled_out(namespace)
    pods = world.pods(namespace)
    assert len({pod["status"]["podIP"] for pod in pods}) == 4
    assert all(container_of(pod)["ready"] for pod in pods)
    assert "exam server v1 listens" in world.api.logs(pods[0]["metadata"]["name"], namespace)


def test_a_dead_server_is_restarted_at_once_and_then_backed_off(
    world: World, namespace: str
) -> None:
    world.deploy(
        namespace, replicas=1, version="bad", args=["--bug=crash-on-lti", "--exit-code=134"]
    )
    world.wait_rolled_out(namespace)
    pod = only_pod(world, namespace)
    with world.traffic(namespace, rate=20, mix={"/lti/launch": 1}) as users:
        seen = world.api.wait_for(
            "Pod",
            pod,
            lambda p: "CrashLoopBackOff" in str(container_of(p).get("state")),
            namespace,
        )
        assert users.counts().failed("/lti/launch") > 0
    container = container_of(seen)
    assert container["restartCount"] == 1, "the second restart still waits"
    assert container["lastState"]["terminated"]["exitCode"] == 134
    assert container["lastState"]["terminated"]["reason"] == "Error"
    assert "LtiLaunchError" in container["lastState"]["terminated"]["message"]
    assert not container["ready"]
    previous = world.api.logs(pod, namespace, previous=True, tail_lines=2)
    assert previous.splitlines() == [
        "LtiLaunchError: launch without 'resource_link' from the platform",
        "fatal: unhandled error in request worker, server stops",
    ]
    running = world.api.wait_for(
        "Pod", pod, lambda p: container_of(p)["restartCount"] == 2, namespace, seconds=15
    )
    assert "running" in container_of(running)["state"]


def test_a_leak_ends_in_the_out_of_memory_killer(world: World, namespace: str) -> None:
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    world.deploy(namespace, replicas=1, args=["--bug=leak"], container=limits)
    world.wait_rolled_out(namespace)
    pod = only_pod(world, namespace)
    with world.traffic(namespace, rate=100):
        seen = world.api.wait_for(
            "Pod", pod, lambda p: "OOMKilled" in str(container_of(p)), namespace, seconds=20
        )
    container = container_of(seen)
    ended = container["state"].get("terminated") or container["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_users_of_a_rolling_update_notice_nothing(world: World, namespace: str) -> None:
    world.deploy(namespace, replicas=6)
    world.wait_rolled_out(namespace)
    with world.traffic(namespace, rate=60) as users:
        world.release(namespace, version="v2")
        world.wait_rolled_out(namespace)
        before = users.counts().total()
        users.change(mix={"/submit": 1})
        world.wait_until(lambda: users.counts().total() > before + 100, 10, "more users")
    seen = users.counts()
    assert seen.failed() == 0, seen
    assert seen.ok("/exam") > 0
    assert set(users.seconds()[-1]["counts"]) == {"/submit"}
    assert world.pods(namespace, version="v1") == []


def test_prometheus_knows_each_pod_and_its_restarts(world: World, namespace: str) -> None:
    world.deploy(namespace, replicas=2)
    world.wait_rolled_out(namespace)
    selector = f'namespace="{namespace}",http_route="/exam",http_response_status_code="200"'
    with world.traffic(namespace, rate=40):
        found = world.prometheus.wait_for(
            f"http_server_request_duration_seconds_count{{{selector}}} > 10"
        )
        world.wait_until(
            lambda: (
                len(
                    world.prometheus.query(
                        f"http_server_request_duration_seconds_count{{{selector}}}"
                    )
                )
                == 2
            ),
            10,
            "both pods",
        )
    names = {pod["metadata"]["name"] for pod in world.pods(namespace)}
    assert found[0]["metric"]["pod"] in names
    assert found[0]["metric"]["container"] == "server"
    restarts = world.prometheus.wait_for(
        f'kube_pod_container_status_restarts_total{{namespace="{namespace}"}}'
    )
    assert {each["metric"]["pod"] for each in restarts} == names


def test_prometheus_comes_back_from_a_kill(world: World) -> None:
    world.prometheus.kill()
    world.prometheus.start()
    assert world.prometheus.wait_for("up == 1")


def test_a_pod_that_is_deleted_drains_first(world: World, namespace: str) -> None:
    world.deploy(namespace, replicas=1)
    world.wait_rolled_out(namespace)
    pod = only_pod(world, namespace)
    world.api.delete("Pod", pod, namespace)
    leaving = world.api.get("Pod", pod, namespace)
    assert "deletionTimestamp" in leaving["metadata"]
    world.wait_until(lambda: world.api.find("Pod", pod, namespace) is None, 8, "the pod is gone")


def test_the_status_says_so_within_a_tenth_of_a_second_of_a_death(
    world: World, namespace: str
) -> None:
    stamp = "import time,sys; time.sleep(2); print(repr(time.time()), flush=True); sys.exit(3)"
    command = {"command": ["python3", "-c", stamp], "readinessProbe": None}
    world.deploy(namespace, replicas=3, container=command)
    seen: dict[str, float] = {}
    for _, item in world.api.watch("Pod", namespace, seconds=20):
        if "terminated" in container_of(item).get("state", {}):
            seen.setdefault(item["metadata"]["name"], time.time())
        if len(seen) == 3:
            break
    # The machine may be busy with something else at one death, hardly at all of them.
    lags = [at - died(world, pod, namespace) for pod, at in seen.items()]
    assert min(lags) < 0.1, lags


def died(world: World, pod: str, namespace: str) -> float:
    return float(world.api.logs(pod, namespace, previous=True).strip())


def test_an_account_may_do_what_its_role_says(world: World, namespace: str) -> None:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    api = KubeApi(world.service_account("reader", namespace, rules=rules))
    assert api.list("Pod", namespace) == []
    with pytest.raises(ApiError, match="403"):
        api.list("Secret", namespace)
    api.close()


def test_a_server_without_admission_policies_can_stand_beside_the_first(world: World) -> None:
    world.api.list("MutatingAdmissionPolicy")
    with World(apiserver_flags=BEFORE_ADMISSION_POLICIES, metrics=False) as older:
        namespace = older.namespace()
        older.deploy(namespace, replicas=1)
        older.wait_rolled_out(namespace)
        with pytest.raises(ApiError, match="404"):
            older.api.list("MutatingAdmissionPolicy")


def test_a_hung_server_is_killed_by_its_liveness_probe(world: World, namespace: str) -> None:
    probe = {
        "httpGet": {"path": "/exam", "port": "http"},
        "periodSeconds": 1,
        "failureThreshold": 2,
    }
    world.deploy(namespace, replicas=1, args=["--bug=hang"], container={"livenessProbe": probe})
    pod = only_pod(world, namespace)
    seen = world.api.wait_for(
        "Pod", pod, lambda p: container_of(p).get("restartCount") == 1, namespace
    )
    assert "terminated" in container_of(seen)["lastState"]


def test_init_containers_run_first_and_one_after_the_other(world: World, namespace: str) -> None:
    deployment, _ = world.manifests(replicas=1)
    template = deployment["spec"]["template"]["spec"]
    template["initContainers"] = [
        {"name": name, "image": "shell:1", "args": [f"sleep 0.2; echo {name} $POD_NAME"]}
        for name in ("first", "second")
    ]
    world.api.apply(deployment, namespace)
    world.wait_rolled_out(namespace)
    pod = only_pod(world, namespace)
    assert world.api.logs(pod, namespace, container="second").strip() == f"second {pod}"
    statuses = world.api.get("Pod", pod, namespace)["status"]["initContainerStatuses"]
    assert [s["state"]["terminated"]["reason"] for s in statuses] == ["Completed", "Completed"]


def test_the_cluster_survives_the_death_of_its_api_server(world: World, namespace: str) -> None:
    if not isinstance(world.cluster, ControlPlane):
        pytest.skip("the API server is not ours to kill")
    world.deploy(namespace, replicas=2)
    world.wait_rolled_out(namespace)
    world.cluster.kill("kube-apiserver")
    world.wait_until(lambda: answers(world), 60, "an API server again")
    world.release(namespace, version="v2")
    world.wait_rolled_out(namespace, seconds=90)
    assert "exam wants 2" in world.diagnose(namespace)


def answers(world: World) -> bool:
    try:
        return bool(world.api.list("Node"))
    except (ApiError, httpx.HTTPError):
        return False


def test_a_second_build_does_nothing(world: World) -> None:
    started = time.monotonic()
    for program in build.PROGRAMS:
        assert build.binary(program).exists()
    assert time.monotonic() - started < 20, "a first build takes minutes"
