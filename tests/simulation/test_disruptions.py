"""Releases while nodes are drained, pressed and shut down: judged by what the application does."""

import asyncio
from collections.abc import Callable

import pytest

from controller.cli.policies import parse_policy
from controller.domain.policy import DeathCause
from controller.domain.records import ContainerRole
from controller.simulation.pods import SimulatedPod
from controller.simulation.promises.checkers import broken_promises
from controller.simulation.run import Run, play_scenario
from controller.simulation.scenario import Ending
from controller.simulation.scenarios import catalogue
from controller.simulation.trace import Committed
from controller.simulation.world import CANARY, REF, World

EVERY_SECONDS = 10.0
TIMES = 8

Blow = Callable[[World, SimulatedPod], None]


def drain(world: World, pod: SimulatedPod) -> None:
    """The canary's node; the one before is open again."""
    disruptions = world.cluster.disruptions
    for node in disruptions.nodes:
        disruptions.uncordon(node)
    disruptions.drain(disruptions.node_of(pod))


def press(world: World, pod: SimulatedPod) -> None:
    """The canary's node is out of memory, and its probe fails for that."""
    disruptions = world.cluster.disruptions
    disruptions.press(disruptions.node_of(pod), "MemoryPressure")
    disruptions.fail_liveness(pod)


def fail(world: World, pod: SimulatedPod) -> None:
    """Its probe fails, and nothing else is wrong."""
    world.cluster.disruptions.fail_liveness(pod)


def starve(world: World, pod: SimulatedPod) -> None:
    """It is out of memory, as its node is."""
    world.cluster.disruptions.press(world.cluster.disruptions.node_of(pod), "MemoryPressure")
    world.cluster.disruptions.run_out_of_memory(pod)


def beside(world: World, pod: SimulatedPod) -> None:
    """Its sidecar dies."""
    world.cluster.disruptions.end_beside(pod, "istio-proxy", ContainerRole.SIDECAR)


def shut_down(world: World, pod: SimulatedPod) -> None:
    """Its kubelet ends it for good."""
    world.cluster.disruptions.end_for_good(pod, "Terminated")


def delete(world: World, pod: SimulatedPod) -> None:
    """Somebody deletes it by hand."""
    world.cluster.delete_pod(REF, pod.name)


def befallen(scenario: str, blow: Blow) -> Run:
    """A release whose canary pods are hit again and again, each while it is Ready."""

    async def visitor(world: World) -> None:
        for _ in range(TIMES):
            while not (found := ready(world)):  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(1.0)
            blow(world, found[0])
            await asyncio.sleep(EVERY_SECONDS)

    return play_scenario(catalogue.scenario(scenario, parse_policy), 1, visitor=visitor)


def ready(world: World) -> list[SimulatedPod]:
    return [pod for pod in world.cluster.pods(REF) if pod.fingerprint == CANARY and pod.ready]


def causes(run: Run) -> set[str]:
    """Of all deaths that were listed in a finding, whoever's they were."""
    findings = [f for entry in run.trace.of(Committed) for f in entry.status.findings]
    return {one.cause for finding in findings for one in finding.spared}


@pytest.mark.parametrize(
    ("blow", "cause"),
    [
        (drain, DeathCause.EVICTED),
        (press, DeathCause.NODE_PRESSURE),
        (beside, DeathCause.SIDECAR),
        (shut_down, DeathCause.NODE_SHUTDOWN),
        (delete, DeathCause.DELETED),
    ],
)
def test_what_the_cluster_does_rolls_no_release_back(blow: Blow, cause: DeathCause) -> None:
    run = befallen("healthy", blow)
    assert run.outcome.ending is not Ending.ROLLED_BACK
    assert causes(run) == {cause}
    assert not broken_promises(run.trace, catalogue.scenario("healthy", parse_policy))


@pytest.mark.parametrize("blow", [fail, starve])
def test_what_the_application_may_have_done_rolls_back(blow: Blow) -> None:
    run = befallen("healthy", blow)
    assert run.outcome.ending is Ending.ROLLED_BACK
    assert causes(run) == set()


@pytest.mark.parametrize("blow", [drain, beside, delete])
def test_an_application_that_crashes_meanwhile_is_rolled_back(blow: Blow) -> None:
    run = befallen("incident", blow)
    assert run.outcome.ending is Ending.ROLLED_BACK
