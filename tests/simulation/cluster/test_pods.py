"""Pods: how they start, die, back off, flap and leave."""

import asyncio
from datetime import timedelta

from controller.domain.changes import Scale
from controller.domain.readings import Missing
from controller.domain.records import Ref
from controller.simulation.clock import instant
from controller.simulation.pods import SimulatedPod
from controller.simulation.trace import Died, PodBorn
from tests.simulation.cluster.stage import REF, Stage, on_stage


class Diary:
    """A listener that writes everything down."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, SimulatedPod, bool]] = []

    def born(self, pod: SimulatedPod) -> None:
        self.entries.append(("born", pod, pod.ready))

    def started(self, pod: SimulatedPod) -> None:
        self.entries.append(("started", pod, pod.ready))

    def ended(self, pod: SimulatedPod) -> None:
        self.entries.append(("ended", pod, pod.ready))

    def readiness_changed(self, pod: SimulatedPod) -> None:
        self.entries.append(("readiness", pod, pod.ready))

    def gone(self, pod: SimulatedPod) -> None:
        self.entries.append(("gone", pod, pod.ready))

    def of(self, pod: SimulatedPod) -> list[str]:
        return [what for what, one, _ in self.entries if one is pod]


def test_what_ran_before_is_ready_and_told_of() -> None:
    async def story(stage: Stage) -> None:
        diary = Diary()
        stage.cluster.listeners.append(diary)
        await stage.settle(2)
        for pod in stage.cluster.pods(REF):
            assert diary.of(pod) == ["born", "started", "readiness"]
            assert pod.ready
            assert round(pod.created_at) == -86_400

    on_stage(story)


def test_a_pod_runs_before_it_is_ready() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        stage.cluster.set_replicas(REF, 3)
        await asyncio.sleep(0.1)
        pod = stage.cluster.pods(REF)[-1]
        assert not pod.running
        await asyncio.sleep(1.2)
        assert pod.running
        assert not pod.ready
        await asyncio.sleep(1.2)
        assert pod.ready
        assert stage.pod(pod.name).ready

    on_stage(story)


def test_a_first_death_is_followed_by_a_restart_the_next_by_a_back_off() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        pod = stage.cluster.pods(REF)[0]
        gaps = []
        for death in range(1, 8):
            stage.cluster.end_process(pod, exit_code=3, log=f"words {death}")
            stage.cluster.end_process(pod)
            at = asyncio.get_running_loop().time()
            await asyncio.sleep(0.5)
            (container,) = stage.pod(pod.name).containers
            assert (container.restarts, container.deaths) == (death - 1, death)
            assert container.waiting == ("CrashLoopBackOff" if death > 1 else None)
            assert not container.ready
            assert container.last_death is not None
            assert container.last_death.exit_code == 3
            assert container.last_death.finished_at is not None
            assert instant(at) - container.last_death.finished_at < timedelta(seconds=1)
            while not pod.running:  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.1)
            gaps.append(round(asyncio.get_running_loop().time() - at))
            await asyncio.sleep(5)
            (container,) = stage.pod(pod.name).containers
            assert (container.restarts, container.deaths) == (death, death)
            assert container.waiting is None
            assert container.ready
        assert gaps == [1, 10, 20, 40, 80, 160, 300]
        await asyncio.sleep(600)
        stage.cluster.end_process(pod)
        await asyncio.sleep(1.1)
        assert pod.running

    assert len(on_stage(story).of(Died)) == 8


def test_the_last_words_are_kept_as_long_as_the_pod() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        pod = stage.cluster.pods(REF)[0]

        async def log(name: str) -> str | Missing:
            return await stage.port.previous_log(REF.namespace, name, REF.name, 2, down=True)

        assert isinstance(await log(pod.name), Missing)
        stage.cluster.end_process(pod, log="one\ntwo\nthree")
        assert await log(pod.name) == "two\nthree"
        await asyncio.sleep(2)
        assert await log(pod.name) == "two\nthree"
        stage.cluster.delete_pod(REF, pod.name)
        await asyncio.sleep(3)
        assert isinstance(await log(pod.name), Missing)

    on_stage(story)


def test_a_probe_fails_only_for_as_long_as_its_process_lives() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        pod = stage.cluster.pods(REF)[0]
        stage.cluster.probe(pod, False)
        await asyncio.sleep(0.5)
        assert stage.ready() == {"v1": 1}
        assert stage.workload.available == 1
        stage.cluster.probe(pod, True)
        assert pod.ready
        stage.cluster.probe(pod, False)
        stage.cluster.end_process(pod)
        stage.cluster.probe(pod, True)
        assert not pod.ready
        await asyncio.sleep(4)
        assert pod.ready

    on_stage(story)


def test_a_deleted_pod_leaves_and_is_replaced() -> None:
    async def story(stage: Stage) -> None:
        diary = Diary()
        await stage.settle(2)
        stage.cluster.listeners.append(diary)
        pod = stage.cluster.pods(REF)[0]
        stage.cluster.delete_pod(REF, pod.name)
        stage.cluster.delete_pod(REF, pod.name)
        assert pod.leaving
        assert pod.running
        assert not pod.ready
        await asyncio.sleep(0.1)
        assert stage.pod(pod.name).leaving
        assert len(stage.pods("v1")) == 2
        await asyncio.sleep(2)
        assert diary.of(pod) == ["readiness", "ended", "gone"]
        assert pod not in stage.cluster.pods(REF)
        await stage.calm()
        assert stage.ready() == {"v1": 2}

    assert len(on_stage(story).of(PodBorn)) == 3


def test_pods_that_are_not_ready_go_first_then_young_ones() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(4)
        await asyncio.sleep(100)
        sick = stage.cluster.pods(REF)[0]
        stage.cluster.set_replicas(REF, 6)
        await stage.calm()
        young = set(stage.cluster.pods(REF)[4:])
        stage.cluster.probe(sick, False)
        await stage.apply(Scale((("exam-api-v1", 5),)))
        stage.cluster.set_replicas(REF, 5)
        await asyncio.sleep(1)
        assert sick.leaving
        stage.cluster.set_replicas(REF, 3)
        await asyncio.sleep(1)
        assert {pod for pod in stage.cluster.pods(REF) if pod.leaving} >= young

    on_stage(story)


def test_a_pod_of_another_namespace_is_not_deleted_by_its_name() -> None:
    async def story(stage: Stage) -> None:
        await stage.settle(2)
        name = stage.cluster.pods(REF)[0].name
        stage.cluster.delete_pod(Ref("elsewhere", REF.name), name)
        assert not any(pod.leaving for pod in stage.cluster.pods(REF))

    on_stage(story)
