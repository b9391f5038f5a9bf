"""What the cluster tells and takes beside the moves: changes, gate, logs, Events, farewells."""

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

import pytest

from controller.adapters.kube.client import CONNECTIONS_MAX, NotFound
from controller.adapters.kube.gate import policy_manifests
from controller.domain.changes import (
    ClearIntent,
    Occurrence,
)
from controller.domain.readings import Missing
from controller.domain.records import GateKind, Intent, Ref
from controller.domain.status import Status
from controller.engine.ports import Conflict, Refused, Unavailable
from tests.adapters.kube.apiserver import ApiServer, Fault, serving, until
from tests.adapters.kube.examples import (
    NAMESPACE,
    canary,
    container,
    deployment,
    path_of,
    pod,
)
from tests.adapters.kube.world import EXAM, World, cluster_on, held, play, releasing

KINDS = ("policies", "policybindings")
GATE = "/apis/admissionregistration.k8s.io/v1/mutatingadmission{}/gate.canary-controller.io"
POD_LOG = f"/api/v1/namespaces/{NAMESPACE}/pods/exam-aaaa-1/log"


def test_a_status_is_replaced_whole_if_nobody_wrote_meanwhile() -> None:
    async def story(world: World) -> None:
        first = world.scene()
        version = await world.cluster.commit(EXAM, Status(verdict="x", message="m"), first.version)
        assert (world.scene().version, world.scene().status.message) == (version, "m")
        with pytest.raises(Conflict):
            await world.cluster.commit(EXAM, Status(), first.version)
        await world.cluster.commit(EXAM, Status(message="n"), version)
        assert world.at("canaries", "exam")["status"] == {"phase": "Idle", "message": "n"}

    play(story, canary(), deployment())


def test_a_command_is_cleared_after_a_commit_unless_it_is_another_one() -> None:
    async def story(world: World) -> None:
        seen = world.scene()
        assert isinstance(seen.intent, Intent)
        await world.cluster.commit(EXAM, Status(message="done"), seen.version)
        assert await world.apply(ClearIntent("another"), seen) == []
        await world.apply(ClearIntent(seen.intent.id), seen)
        assert world.scene().intent is None
        assert await world.apply(ClearIntent(seen.intent.id), seen) == []

    play(story, canary(annotations={"canary-controller.io/intent": "promote"}), deployment())


def test_the_log_of_the_process_that_died_is_read_or_there_is_a_reason() -> None:
    async def story(world: World) -> None:
        world.server.logs[f"{POD_LOG}?previous=true"] = b"x" * 100_000 + b"last words"
        world.server.logs[f"{POD_LOG}?previous=false"] = b"still down"

        async def log(name: str, *, down: bool) -> Any:
            return await world.cluster.previous_log(NAMESPACE, name, "server", 20, down=down)

        text = await log("exam-aaaa-1", down=False)
        assert text.endswith("last words")
        assert len(text) == 64 * 1024
        assert await log("exam-aaaa-1", down=True) == text
        dead = pod(
            "exam-aaaa-1", containerStatuses=[container(state={"terminated": {"exitCode": 1}})]
        )
        world.server.put(path_of(dead), dead)
        await until(lambda: world.scene().pods[0].deaths == 1)
        assert await log("exam-aaaa-1", down=True) == "still down"
        assert isinstance(await log("exam-gone", down=False), Missing)

    play(story, *releasing())


def test_a_log_that_a_restart_emptied_is_read_from_the_process_before() -> None:
    async def story(world: World) -> None:
        dead = pod(
            "exam-aaaa-1", containerStatuses=[container(state={"terminated": {"exitCode": 1}})]
        )
        world.server.put(path_of(dead), dead)
        await until(lambda: world.scene().pods[0].deaths == 1)
        world.server.logs[f"{POD_LOG}?previous=false"] = b""
        asked = asyncio.ensure_future(
            world.cluster.previous_log(NAMESPACE, "exam-aaaa-1", "server", 20, down=True)
        )
        await until(lambda: any(one.path == POD_LOG for one in world.server.asked))
        world.server.logs[f"{POD_LOG}?previous=true"] = b"last words"
        again = pod("exam-aaaa-1", containerStatuses=[container(restarts=1)])
        world.server.put(path_of(again), again)
        assert await asked == "last words"

    play(story, *releasing())


def test_an_event_is_on_both_objects_and_a_repeat_is_counted() -> None:
    async def story(world: World) -> None:
        for _ in range(2):
            await world.cluster.record(
                EXAM, Occurrence(reason="Holding", message="waits", warning=True)
            )
        found = [o for path, o in world.server.objects.items() if "/events/" in path]
        assert {event["involvedObject"]["kind"] for event in found} == {"Canary", "Deployment"}
        assert [event["count"] for event in found] == [2, 2]
        assert {(event["type"], event["reason"]) for event in found} == {("Warning", "Holding")}

    play(story, canary(), deployment())


def test_an_event_that_cannot_be_written_hurts_nobody() -> None:
    async def story(world: World) -> None:
        world.server.faults["POST"] = [Fault.FORBIDDEN, Fault.RESET]
        await world.cluster.record(EXAM, Occurrence(reason="Holding", message="waits"))

    play(story, canary(), deployment())


def test_the_workload_of_a_canary_that_is_gone_is_let_go_and_told_how_to_finish() -> None:
    async def story(world: World) -> None:
        changes = world.cluster.changes()
        assert await anext(changes) == EXAM
        await world.cluster.let_go(EXAM)
        found = world.at("deployments", "exam")
        assert (found["metadata"]["labels"], found["spec"]["paused"]) == ({}, True)
        assert found["metadata"]["annotations"] == {"keep": "me"}
        (event,) = (o for path, o in world.server.objects.items() if "/events/" in path)
        assert "rollout resume deployment/exam" in event["message"]

    labelled = held()
    labelled["metadata"]["labels"] = {"canary-controller.io/canary": "exam"}
    play(story, labelled)


def test_changes_begin_with_everything_and_name_a_ref_once() -> None:
    async def story(world: World) -> None:
        changes = world.cluster.changes()
        assert [await anext(changes) for _ in range(2)] == [EXAM, Ref(NAMESPACE, "other")]
        for number in range(5):
            moved = deployment(replicas=number)
            world.server.put(path_of(moved), moved)
        await until(lambda: world.scene().workload == replace_replicas(world, 4))
        assert await anext(changes) == EXAM
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(changes)

    play(story, canary(), canary("other", "other"), deployment())


def replace_replicas(world: World, replicas: int) -> object:
    workload = world.scene().workload
    assert workload is not None
    surge = -(-replicas // 4)
    return replace(workload, replicas=replicas, max_surge=surge)


def test_the_gate_is_in_force_when_policy_and_binding_are_there() -> None:
    async def run() -> None:
        labelled = deployment()
        labelled["metadata"]["labels"] = {"canary-controller.io/canary": "exam"}
        for installed, gate in ((1, GateKind.CATCH), (2, GateKind.POLICY)):
            server = ApiServer()
            for one in (canary(), labelled):
                server.put(path_of(one), one)
            manifests = policy_manifests(server.user, "v1")
            for what, one in list(zip(KINDS, manifests, strict=True))[:installed]:
                server.put(GATE.format(what), one)
            await gate_is(server, gate)

    asyncio.run(run())


def test_a_gate_that_would_hold_our_own_rollbacks_is_refused_at_the_start() -> None:
    async def run() -> None:
        server = ApiServer(user="system:serviceaccount:elsewhere:somebody")
        for what, one in zip(KINDS, policy_manifests(ApiServer.user, "v1"), strict=True):
            server.put(GATE.format(what), one)
        async with asyncio.timeout(5), serving(server) as client:
            with pytest.raises(Refused, match="elsewhere:somebody"):
                await cluster_on(client).run()

    asyncio.run(run())


async def gate_is(server: ApiServer, gate: GateKind) -> None:
    async with asyncio.timeout(5), serving(server) as client:
        cluster = cluster_on(client, ())
        task = asyncio.ensure_future(cluster.run())
        await cluster.wait_synced(5)
        await until(lambda: sum("mutating" in one.path for one in server.asked) >= 2)
        await until(lambda: (scene := cluster.scene(EXAM)) and scene.gate is gate)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_what_cannot_be_listed_in_time_is_named() -> None:
    async def run() -> None:
        server = ApiServer(faults={"list": [Fault.SILENT] * 5})
        async with asyncio.timeout(5), serving(server) as client:
            cluster = cluster_on(client)
            task = asyncio.ensure_future(cluster.run())
            with pytest.raises(Unavailable, match="canaries, deployments, replicasets, pods"):
                await cluster.wait_synced(0.1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_a_namespace_that_may_not_be_seen_keeps_no_other_one_back() -> None:
    async def run() -> None:
        server = ApiServer()
        for one in (canary(), deployment()):
            server.put(path_of(one), one)
        server.forbidden = frozenset({"/api/v1/namespaces/closed/pods"})
        async with serving(server) as client:
            cluster = cluster_on(client, (NAMESPACE, "closed"))
            task = asyncio.ensure_future(cluster.run())
            assert await anext(cluster.changes()) == EXAM
            assert cluster.refs() == (EXAM,)
            await until(lambda: cluster.unsynced() == ())
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_list_of_one_namespace_leaves_the_others_alone() -> None:
    async def run() -> None:
        server = ApiServer()
        for place in ("exams", "shop"):
            for one in (canary(), deployment()):
                one["metadata"]["namespace"] = place
                server.put(path_of(one), one)
        async with serving(server) as client:
            cluster = cluster_on(client, ("exams", "shop"))
            task = asyncio.ensure_future(cluster.run())
            await cluster.wait_synced(5)
            assert cluster.refs() == (Ref("exams", "exam"), Ref("shop", "exam"))
            assert all(cluster.scene(ref) for ref in cluster.refs())
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(asyncio.wait_for(run(), 10))


def test_the_watches_of_many_namespaces_keep_nobody_else_waiting() -> None:
    """Each keeps a connection; a rollback and a Lease need theirs at once."""
    namespaces = tuple(f"team-{n}" for n in range(CONNECTIONS_MAX // 2))

    async def story() -> None:
        server = ApiServer()
        async with asyncio.timeout(20), serving(server) as client:
            following = asyncio.create_task(cluster_on(client, namespaces).run())
            watched = {f"/api/v1/namespaces/{name}/pods" for name in namespaces}

            def watches() -> bool:
                asked = {a.path for a in server.asked if "watch" in a.query}
                return watched <= asked

            await until(watches)
            for one in (client, client.apart(2)):
                with contextlib.suppress(NotFound):
                    await one.request("GET", "/api/v1/namespaces/none", timeout_seconds=2)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    asyncio.run(story())
