"""Pods on the rig live and end as they do on real nodes: sidecars, evictions, drains, Events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.e2e.rig.world import World

Object = dict[str, Any]

SLEEP = "trap 'exit 0' TERM; while true; do sleep 0.1; done"


def deploy(world: World, namespace: str, init: list[Object], replicas: int = 1) -> None:
    deployment, service = world.manifests(replicas=replicas)
    deployment["spec"]["template"]["spec"]["initContainers"] = init
    world.api.apply(service, namespace)
    world.api.apply(deployment, namespace)


def shell(name: str, script: str, **more: Any) -> Object:
    return {"name": name, "image": "shell:1", "args": [script], **more}


def sidecar(name: str, script: str, **more: Any) -> Object:
    return shell(name, script, restartPolicy="Always", **more)


def wait_for_pod(world: World, namespace: str, holds: Callable[[Object], object]) -> Object:
    """The only pod, once something holds for it."""

    def found() -> Object | None:
        pods = world.pods(namespace)
        return pods[0] if len(pods) == 1 and holds(pods[0]["status"]) else None

    pod = world.wait_until(found, 30, "the pod")
    assert pod is not None
    return pod


def uids(world: World, namespace: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in world.pods(namespace)}


def init_statuses(status: Object) -> dict[str, Object]:
    return {each["name"]: each for each in status.get("initContainerStatuses", [])}


def events(world: World, namespace: str, reason: str) -> list[str]:
    found = world.api.list("Event", namespace)
    return [
        e["message"]
        for e in found
        if (e["reason"], e["source"].get("component")) == (reason, "kubelet")
    ]


def test_a_sidecar_runs_before_what_follows_it_and_beside_the_application(
    world: World, namespace: str
) -> None:
    deploy(world, namespace, [sidecar("mesh", SLEEP), shell("setup", "echo set up")])
    world.wait_rolled_out(namespace)
    pod = wait_for_pod(world, namespace, lambda s: s["phase"] == "Running")
    init = init_statuses(pod["status"])
    assert "running" in init["mesh"]["state"]
    assert init["setup"]["state"]["terminated"]["reason"] == "Completed"
    name = pod["metadata"]["name"]
    assert world.api.logs(name, namespace, container="setup").strip() == "set up"
    world.api.delete("Pod", name, namespace)
    world.wait_until(lambda: world.api.find("Pod", name, namespace) is None, 10, "the pod is gone")


def test_a_sidecar_that_dies_is_restarted_and_the_application_lives_on(
    world: World, namespace: str
) -> None:
    deploy(world, namespace, [sidecar("mesh", "sleep 1; exit 7")])
    pod = wait_for_pod(
        world, namespace, lambda s: init_statuses(s).get("mesh", {}).get("restartCount", 0) >= 1
    )
    assert init_statuses(pod["status"])["mesh"]["lastState"]["terminated"]["exitCode"] == 7
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_an_init_container_is_tried_again_until_it_succeeds(world: World, namespace: str) -> None:
    script = 'test -e "$FLAG" && exit 0; touch "$FLAG"; exit 5'
    flag = str(world.folder / f"{namespace}.flag")
    deploy(world, namespace, [shell("setup", script, env=[{"name": "FLAG", "value": flag}])])
    world.wait_rolled_out(namespace)
    pod = wait_for_pod(world, namespace, lambda s: s["phase"] == "Running")
    setup = init_statuses(pod["status"])["setup"]
    assert (setup["restartCount"], setup["lastState"]["terminated"]["exitCode"]) == (1, 5)


def test_what_the_children_of_a_process_hold_counts_towards_its_limit(
    world: World, namespace: str
) -> None:
    hold = "import time; held = bytearray(60 << 20); time.sleep(60)"
    spawn = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {hold!r}])"
    greedy = {
        "image": "python:1",
        "command": None,
        "args": ["-c", f"{spawn}; time.sleep(60)"],
        "readinessProbe": None,
        "resources": {"limits": {"memory": "48Mi"}},
    }
    world.deploy(namespace, replicas=1, container=greedy)
    wait_for_pod(world, namespace, lambda s: "OOMKilled" in str(s.get("containerStatuses")))


def test_a_drained_node_gives_its_pods_to_another(world: World, namespace: str) -> None:
    world.deploy(namespace, replicas=2)
    world.wait_rolled_out(namespace)
    before = uids(world, namespace)
    node = world.nodes.of(world.pods(namespace)[0])
    with world.nodes.cordoned(node):
        drained = world.nodes.evict_all(node, namespace)
        leaving = world.api.get("Pod", drained[0], namespace)
        conditions = {c["type"]: c for c in leaving["status"]["conditions"]}
        assert conditions["DisruptionTarget"]["reason"] == "EvictionByEvictionAPI"
        world.wait_until(
            lambda: not before & {p["metadata"]["uid"] for p in world.pods(namespace)},
            10,
            "they go",
        )
        world.wait_rolled_out(namespace)
        assert node not in {world.nodes.of(pod) for pod in world.pods(namespace)}
    assert events(world, namespace, "Killing")


def test_a_pod_that_the_kubelet_ends_stays_as_failed_and_is_replaced(
    world: World, namespace: str
) -> None:
    world.deploy(namespace, replicas=1)
    world.wait_rolled_out(namespace)
    name = world.pods(namespace)[0]["metadata"]["name"]
    said = "The node was low on resource: memory."
    world.nodes.end(name, namespace, reason="Evicted", message=said)
    seen = world.api.wait_for("Pod", name, lambda p: p["status"]["phase"] == "Failed", namespace)
    assert (seen["status"]["reason"], seen["status"]["message"]) == ("Evicted", said)
    disrupted = {c["type"]: c.get("reason") for c in seen["status"]["conditions"]}
    assert disrupted["DisruptionTarget"] == "TerminationByKubelet"
    ended = seen["status"]["containerStatuses"][0]["state"]["terminated"]
    assert ended["exitCode"] == 137
    world.wait_rolled_out(namespace)
    assert {p["metadata"]["name"] for p in world.pods(namespace)} > {name}


def test_a_liveness_kill_is_told_by_events(world: World, namespace: str) -> None:
    probe = {
        "httpGet": {"path": "/exam", "port": "http"},
        "periodSeconds": 1,
        "failureThreshold": 2,
    }
    world.deploy(namespace, replicas=1, args=["--bug=hang"], container={"livenessProbe": probe})
    told = world.wait_until(lambda: events(world, namespace, "Killing"), 20, "an Event")
    assert told == ["Container server failed liveness probe, will be restarted"]
    assert len(events(world, namespace, "Unhealthy")) >= 2


def test_prometheus_calls_a_pod_as_the_pod_wishes(world: World, namespace: str) -> None:
    called = {"prometheus.io/pod-label": "kubernetes_pod_name"}
    world.deploy(namespace, replicas=1, annotations=called)
    selector = f'process_resident_memory_bytes{{namespace="{namespace}"}}'
    found = world.prometheus.wait_for(selector, seconds=30)
    name = world.pods(namespace)[0]["metadata"]["name"]
    assert found[0]["metric"].get("kubernetes_pod_name") == name
    assert "pod" not in found[0]["metric"]
    assert 5 << 20 < float(found[0]["value"][1]) < 60 << 20
