"""Deaths that are not the application's doing, and those that are: what is seen, and what it means.

What counts is asked of a ledger that is kept from look to look, as the controller keeps it.
"""

from collections import Counter

from controller.domain.attribution import cause_of, new_deaths
from controller.domain.policy import DeathCause, Restarts
from controller.domain.records import Container, ContainerRole, Pod
from controller.domain.snapshot import Scene
from tests.contract.lab import HELPER, PREPARER, Lab, Shape, ready

TWO = Shape(replicas=2, lingering=True)
RESTARTS = Restarts()


class Ledger:
    """What died since it was made, over every scene that it was shown."""

    def __init__(self, scene: Scene) -> None:
        self.counted = 0
        self.spared: Counter[DeathCause] = Counter()
        self._known: dict[str, int] = {}
        self.read(scene)
        assert (self.counted, self.spared) == (0, {}), "it began with deaths"

    def read(self, scene: Scene) -> bool:
        for pod in scene.pods:
            deaths = new_deaths(pod, self._known, RESTARTS)
            self.counted += deaths.counted
            self.spared.update(deaths.spared)
            self._known.update(deaths.known)
        return True


def named(scene: Scene, pod: Pod, name: str) -> Container:
    (found,) = (c for p in scene.pods if p.uid == pod.uid for c in p.containers if c.name == name)
    return found


def replaced(scene: Scene, pod: Pod) -> bool:
    """Another pod is in its place, and it is no longer there to be used."""
    others = [p for p in scene.pods if not p.leaving]
    return ready(scene) == {"v1": 2} and pod.uid not in {p.uid for p in others}


async def told_to_go(lab: Lab, pod: Pod, ledger: Ledger) -> Pod:
    """The pod as it is once it leaves; every look until its place is taken is in the ledger."""
    scene = await lab.until(
        lambda s: any(p.uid == pod.uid and p.leaving for p in s.pods), "it leaves"
    )
    (seen,) = (p for p in scene.pods if p.uid == pod.uid)
    ledger.read(scene)
    await lab.until(lambda s: ledger.read(s) and replaced(s, pod), "another in its place")
    return seen


async def test_an_evicted_pod_is_not_held_against_anybody(lab: Lab) -> None:
    scene = await lab.settle(TWO)
    ledger, pod = Ledger(scene), scene.pods[0]
    lab.evict(pod)
    seen = await told_to_go(lab, pod, ledger)
    assert seen.disruption == "EvictionByEvictionAPI"
    assert (ledger.counted, ledger.spared) == (0, {DeathCause.EVICTED: 1})


async def test_a_preempted_pod_is_not_held_against_anybody(lab: Lab) -> None:
    scene = await lab.settle(TWO)
    ledger, pod = Ledger(scene), scene.pods[0]
    lab.preempt(pod)
    await told_to_go(lab, pod, ledger)
    assert (ledger.counted, ledger.spared) == (0, {DeathCause.PREEMPTED: 1})


async def test_a_pod_deleted_by_hand_is_not_held_against_anybody(lab: Lab) -> None:
    scene = await lab.settle(TWO)
    ledger, pod = Ledger(scene), scene.pods[0]
    lab.delete_pod(pod)
    seen = await told_to_go(lab, pod, ledger)
    assert seen.disruption == ""
    assert seen.leaving_since is not None
    assert (ledger.counted, ledger.spared) == (0, {DeathCause.DELETED: 1})


async def test_a_crash_from_before_the_deletion_counts(lab: Lab) -> None:
    scene = await lab.settle(TWO)
    ledger, pod = Ledger(scene), scene.pods[0]
    await lab.kill(pod, exit_code=3, log="the end")
    await lab.until(lambda s: named(s, pod, pod.containers[0].name).restarts == 1, "the restart")
    await lab.until(lambda s: ready(s) == {"v1": 2}, "all Ready again")
    lab.delete_pod(pod)
    await told_to_go(lab, pod, ledger)
    assert (ledger.counted, ledger.spared) == (1, {DeathCause.DELETED: 1})


async def test_a_pod_that_its_kubelet_evicts_is_not_held_against_anybody(lab: Lab) -> None:
    scene = await lab.settle(TWO)
    ledger, pod = Ledger(scene), scene.pods[0]
    lab.end_for_good(pod, "Evicted")
    seen = await told_to_go(lab, pod, ledger)
    assert (seen.disruption, seen.leaving_since, seen.ready) == ("Evicted", None, False)
    assert (ledger.counted, ledger.spared) == (0, {DeathCause.EVICTED: 1})


async def test_a_pod_of_a_node_that_shuts_down_is_not_held_against_anybody(lab: Lab) -> None:
    scene = await lab.settle(TWO)
    ledger, pod = Ledger(scene), scene.pods[0]
    lab.end_for_good(pod, "Terminated")
    await told_to_go(lab, pod, ledger)
    assert (ledger.counted, ledger.spared) == (0, {DeathCause.NODE_SHUTDOWN: 1})


async def test_an_init_container_that_fails_is_not_the_application(lab: Lab) -> None:
    scene = await lab.settle(Shape(replicas=1, prepared_at_try=2))
    pod = scene.pods[0]
    scene = await lab.until(lambda s: named(s, pod, PREPARER).restarts == 1, "the second try")
    preparer = named(scene, pod, PREPARER)
    assert (preparer.role, preparer.deaths) == (ContainerRole.INIT, 1)
    deaths = new_deaths(scene.pods[0], {}, RESTARTS)
    assert (deaths.counted, deaths.spared) == (0, {DeathCause.INIT: 1})
    assert (scene.pods[0].ready, scene.pods[0].deaths) == (True, 0)


async def test_a_sidecar_that_dies_is_not_the_application(lab: Lab) -> None:
    scene = await lab.settle(Shape(replicas=1, helped=True))
    pod = scene.pods[0]
    await lab.end_helper(pod)
    scene = await lab.until(
        lambda s: any(
            (c.name, c.deaths, c.restarts) == (HELPER, 1, 1) for p in s.pods for c in p.containers
        ),
        "the sidecar's restart",
    )
    helper = named(scene, pod, HELPER)
    assert helper.role is ContainerRole.SIDECAR
    deaths = new_deaths(scene.pods[0], {}, RESTARTS)
    assert (deaths.counted, deaths.spared) == (0, {DeathCause.SIDECAR: 1})


async def killed(lab: Lab, pod: Pod) -> Pod:
    """The pod once its process was ended for failing its liveness probe."""
    lab.fail_liveness(pod)
    scene = await lab.until(
        lambda s: any(p.uid == pod.uid and p.deaths == 1 for p in s.pods), "the kill"
    )
    (seen,) = (p for p in scene.pods if p.uid == pod.uid)
    return seen


async def test_a_liveness_kill_is_the_applications_doing(lab: Lab) -> None:
    scene = await lab.settle(Shape(replicas=1, watched_over=True))
    seen = await killed(lab, scene.pods[0])
    assert seen.containers[0].unhealthy
    assert cause_of(seen, seen.containers[0], RESTARTS) is DeathCause.LIVENESS
    assert new_deaths(seen, {}, RESTARTS).counted == 1


async def test_a_liveness_kill_under_pressure_is_the_nodes_doing(lab: Lab) -> None:
    scene = await lab.settle(Shape(replicas=1, watched_over=True))
    pod = scene.pods[0]
    lab.press(pod, "MemoryPressure", holds=True)
    try:
        await lab.until(lambda s: s.pods[0].pressure == ("MemoryPressure",), "the pressure")
        seen = await killed(lab, pod)
        deaths = new_deaths(seen, {}, RESTARTS)
        assert (deaths.counted, deaths.spared) == (0, {DeathCause.NODE_PRESSURE: 1})
    finally:
        lab.press(pod, "MemoryPressure", holds=False)
    await lab.until(lambda s: s.pods[0].pressure == (), "relief")
