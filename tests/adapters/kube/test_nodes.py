"""What presses a node is seen on its pods, or it is done without."""

import asyncio
import json
import logging
from typing import Any

import pytest

from controller.adapters.kube import resources
from controller.adapters.kube.store import Key, Shelf
from controller.adapters.kube.view import View
from controller.domain.attribution import cause_of
from controller.domain.policy import DeathCause, Restarts
from controller.domain.records import Pod, Ref
from tests.adapters.kube.apiserver import ApiServer, serving, until
from tests.adapters.kube.examples import (
    NAMESPACE,
    Object,
    canary,
    container,
    deployment,
    node,
    path_of,
    pod,
    replica_set,
)
from tests.adapters.kube.world import EXAM, World, cluster_on, play

NODES = "/api/v1/nodes"


def placed(name: str = "n1", **status: Any) -> Object:
    """A pod on a node, whose liveness probe may fail."""
    found = pod("exam-aaaa-1", **status)
    found["spec"]["nodeName"] = name
    found["spec"]["containers"][0]["livenessProbe"] = {"tcpSocket": {"port": 80}}
    return found


def running(one: Object) -> tuple[Object, ...]:
    return canary(), deployment(), replica_set("exam-aaaa"), one


def only(world: World) -> Pod:
    (one,) = world.scene().pods
    return one


@pytest.mark.parametrize(
    ("conditions", "pressure"),
    [
        ({}, ()),
        ({"MemoryPressure": "True"}, ("MemoryPressure",)),
        ({"PIDPressure": "True", "DiskPressure": "True"}, ("DiskPressure", "PIDPressure")),
        ({"MemoryPressure": "Unknown"}, ()),
        ({"Ready": "Unknown"}, ("NotReady",)),
        ({"Ready": "False"}, ("NotReady",)),
        ({"SomethingNew": "True"}, ()),
    ],
)
def test_the_bad_conditions_of_a_node(
    conditions: dict[str, str], pressure: tuple[str, ...]
) -> None:
    entry = resources.NODES.read(json.dumps(node(**conditions)).encode())
    assert entry.record == pressure
    assert (entry.key, entry.owner is not None) == (Key("", "n1"), bool(pressure))


def test_pressure_is_seen_on_the_pods_of_the_node_while_it_lasts() -> None:
    async def story(world: World) -> None:
        world.server.put(f"{NODES}/n1", node(MemoryPressure="True"))
        await until(lambda: only(world).pressure == ("MemoryPressure",))
        world.server.put(f"{NODES}/n1", node())
        await until(lambda: only(world).pressure == ())
        world.server.put(f"{NODES}/n1", node(Ready="Unknown"))
        await until(lambda: only(world).pressure == ("NotReady",))
        world.server.remove(f"{NODES}/n1")
        await until(lambda: only(world).pressure == ())

    play(story, *running(placed()))


def test_another_nodes_pressure_is_nobodys() -> None:
    async def story(world: World) -> None:
        world.server.put(f"{NODES}/n2", node("n2", MemoryPressure="True"))
        world.server.put(f"{NODES}/n1", node(DiskPressure="True"))
        await until(lambda: only(world).pressure == ("DiskPressure",))

    play(story, *running(placed()))


def test_a_liveness_kill_under_pressure_is_the_nodes_doing() -> None:
    async def story(world: World) -> None:
        world.server.put(f"{NODES}/n1", node(MemoryPressure="True"))
        killed = {"terminated": {"exitCode": 143, "reason": "Error"}}
        dead = placed(containerStatuses=[container(1, lastState=killed)])
        world.server.put(path_of(dead), dead)
        await until(lambda: only(world).deaths == 1 and only(world).pressure)
        one = only(world)
        assert cause_of(one, one.containers[0], Restarts()) is DeathCause.NODE_PRESSURE

    play(story, *running(placed()))


def test_without_leave_to_see_nodes_everything_else_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        server = ApiServer(forbidden=frozenset({NODES}))
        for one in running(placed()):
            server.put(path_of(one), one)
        server.put(f"{NODES}/n1", node(MemoryPressure="True"))
        async with asyncio.timeout(5), serving(server) as client:
            cluster = cluster_on(client)
            task = asyncio.ensure_future(cluster.run())
            await cluster.wait_synced(5)
            assert await anext(cluster.changes()) == EXAM
            await until(lambda: [one for one in server.asked if one.path == NODES])
            scene = cluster.scene(EXAM)
            assert scene is not None
            assert [one.pressure for one in scene.pods] == [()]
            assert (cluster.unsynced(), set(cluster.age_seconds())) == (
                (),
                {"canaries", "deployments", "replicasets", "pods"},
            )
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert len([one for one in server.asked if one.path == NODES]) == 1

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert caplog.text.count("going on without") == 1


def test_old_news_of_a_node_excuses_nothing() -> None:
    view = View(lambda _: None, lambda _: None)
    shelves: dict[str, Shelf[Any]] = {
        "Canary": view.canaries,
        "Deployment": view.deployments,
        "ReplicaSet": view.replica_sets,
        "Pod": view.pods,
        "Node": view.nodes,
    }
    for one in (*running(placed()), node(MemoryPressure="True")):
        shelf = shelves[one["kind"]]
        shelf.put(shelf.resource.read(json.dumps(one).encode()))

    def pressure() -> tuple[str, ...]:
        scene = view.scene(Ref(NAMESPACE, "exam"))
        assert scene is not None
        return scene.pods[0].pressure

    assert pressure() == ()
    view.nodes_are_known = lambda: True
    assert pressure() == ("MemoryPressure",)
