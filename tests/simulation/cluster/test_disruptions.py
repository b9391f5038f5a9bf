"""What ends a process that is not its own doing: how it looks, and what it is taken for."""

import asyncio
from collections.abc import Mapping

from controller.domain.attribution import new_deaths
from controller.domain.policy import DeathCause, Restarts
from controller.domain.records import ContainerRole
from controller.simulation.pods import SimulatedPod
from tests.simulation.cluster.stage import REF, Stage, on_stage

SOON_SECONDS = 0.5


async def spared(stage: Stage, pod: SimulatedPod) -> Mapping[DeathCause, int]:
    """What a pod's deaths are, if none of them counts."""
    await asyncio.sleep(SOON_SECONDS)
    deaths = new_deaths(stage.pod(pod.name), {}, Restarts())
    assert deaths.counted == 0
    return deaths.spared


async def counted(stage: Stage, pod: SimulatedPod) -> int:
    await asyncio.sleep(SOON_SECONDS)
    return new_deaths(stage.pod(pod.name), {}, Restarts()).counted


def test_a_pod_that_has_to_go_says_whose_doing_it_is() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(3)
        evicted, preempted, deleted = stage.pods("v1")
        stage.cluster.disruptions.evict(evicted)
        stage.cluster.disruptions.preempt(preempted)
        stage.cluster.delete_pod(REF, deleted.name)
        assert await spared(stage, evicted) == {DeathCause.EVICTED: 1}
        assert await spared(stage, preempted) == {DeathCause.PREEMPTED: 1}
        scene = await stage.calm()
        assert len(scene.pods) == 3
        assert all(pod.ready and pod.deaths == 0 for pod in scene.pods)
        for gone in (evicted, preempted):
            stage.cluster.disruptions.evict(gone)
            stage.cluster.disruptions.end_for_good(gone)
            stage.cluster.disruptions.end_beside(gone, "proxy", ContainerRole.SIDECAR)
            assert stage.cluster.disruptions.node_of(gone) == ""

    on_stage(story)


def test_a_node_that_is_drained_is_left_by_its_pods_until_it_is_opened_again() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(8)
        disruptions = stage.cluster.disruptions
        first = disruptions.nodes[0]
        there = [pod for pod in stage.pods("v1") if disruptions.node_of(pod) == first]
        assert len(there) == 2
        disruptions.drain(first)
        for pod in there:
            assert await spared(stage, pod) == {DeathCause.EVICTED: 1}
        await stage.calm()
        assert len(stage.pods("v1")) == 8
        assert first not in {disruptions.node_of(pod) for pod in stage.pods("v1")}
        disruptions.uncordon(first)
        stage.cluster.set_replicas(REF, 12)
        await stage.calm()
        assert first in {disruptions.node_of(pod) for pod in stage.pods("v1")}

    on_stage(story)


def test_a_machine_that_goes_down_ends_its_pods_for_good() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(4)
        (pod, *others) = stage.pods("v1")
        stage.cluster.disruptions.shut_down(stage.cluster.disruptions.node_of(pod))
        assert await spared(stage, pod) == {DeathCause.NODE_SHUTDOWN: 1}
        seen = stage.pod(pod.name)
        assert (seen.leaving, seen.leaving_since, seen.disruption) == (True, None, "Terminated")
        await stage.calm()
        await stage.calm()
        await stage.calm()
        assert pod not in stage.cluster.pods(REF)
        assert len(stage.pods("v1")) == 4
        assert all(other in stage.pods("v1") for other in others)

    on_stage(story)


def test_an_eviction_for_a_limit_of_its_own_is_its_own_doing() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        pressed, greedy = stage.pods("v1")
        stage.cluster.disruptions.end_for_good(pressed)
        stage.cluster.disruptions.end_for_good(greedy, "StorageLimit")
        assert await spared(stage, pressed) == {DeathCause.EVICTED: 1}
        assert await counted(stage, greedy) == 1

    on_stage(story)


def test_a_liveness_kill_counts_while_nothing_presses_the_node() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        first, second = stage.pods("v1")
        disruptions = stage.cluster.disruptions
        disruptions.press(disruptions.node_of(first), "MemoryPressure")
        for pod in (first, second):
            disruptions.fail_liveness(pod)
        assert await spared(stage, first) == {DeathCause.NODE_PRESSURE: 1}
        assert await counted(stage, second) == 1
        disruptions.press(disruptions.node_of(first))
        assert await counted(stage, first) == 1

    on_stage(story)


def test_running_out_of_memory_counts_under_pressure_too() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        pod = stage.pods("v1")[0]
        disruptions = stage.cluster.disruptions
        disruptions.press(disruptions.node_of(pod), "MemoryPressure")
        disruptions.run_out_of_memory(pod)
        assert await counted(stage, pod) == 1

    on_stage(story)


def test_a_new_pod_comes_under_the_pressure_of_its_node() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        for node in stage.cluster.disruptions.nodes:
            stage.cluster.disruptions.press(node, "DiskPressure")
        stage.cluster.set_replicas(REF, 3)
        scene = await stage.calm()
        assert [pod.pressure for pod in scene.pods] == [("DiskPressure",)] * 3

    on_stage(story)


def test_what_dies_beside_the_application_leaves_it_as_it_is() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        pod = stage.pods("v1")[0]
        for _ in range(2):
            stage.cluster.disruptions.end_beside(pod, "istio-proxy", ContainerRole.SIDECAR)
            await asyncio.sleep(SOON_SECONDS)
            (_app, beside) = stage.pod(pod.name).containers
            assert beside.deaths == beside.restarts + 1
            await asyncio.sleep(1)
        stage.cluster.disruptions.end_beside(pod, "migrate", ContainerRole.INIT)
        assert await spared(stage, pod) == {DeathCause.SIDECAR: 2, DeathCause.INIT: 1}
        seen = stage.pod(pod.name)
        assert (seen.ready, seen.deaths) == (True, 0)
        stage.cluster.delete_pod(REF, pod.name)
        await stage.calm()

    on_stage(story)
