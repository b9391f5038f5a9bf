"""Pods whose process ends: what is seen of it, and when, and its last words."""

from controller.domain.readings import Missing
from controller.domain.records import Pod
from controller.domain.snapshot import Scene
from tests.contract.lab import Lab, Shape, container, of, ready

ONE = Shape(replicas=1)


async def dead_twice(lab: Lab) -> Pod:
    """A pod that has ended twice, and waits for its next start."""
    scene = await lab.settle(ONE)
    (pod,) = scene.pods
    await lab.kill(pod, exit_code=3, log="first words\n")
    await lab.until(lambda s: runs_again(s, pod, 1), "the first restart")
    await lab.kill(pod, exit_code=4, log="last but one\nlast words\n")
    await lab.until(lambda s: container(s, pod.name).deaths == 2, "the second death")
    return pod


def lines(words: str | Missing) -> list[str]:
    assert isinstance(words, str), words
    return words.splitlines()


def runs_again(scene: Scene, pod: Pod, restarts: int) -> bool:
    seen = container(scene, pod.name)
    return seen.restarts == restarts and seen.ready


async def test_a_death_shows_before_its_restart_is_counted(lab: Lab) -> None:
    pod = await dead_twice(lab)
    seen = container(lab.scene(), pod.name)
    assert (seen.deaths, seen.restarts) == (2, 1)
    assert not seen.ready
    assert seen.last_death is not None
    assert seen.last_death.exit_code == 4
    assert seen.last_death.reason == "Error"
    assert seen.last_death.finished_at is not None


async def test_a_pod_that_keeps_dying_waits_for_its_next_start(lab: Lab) -> None:
    pod = await dead_twice(lab)
    scene = await lab.until(
        lambda s: container(s, pod.name).waiting == "CrashLoopBackOff", "the back-off"
    )
    assert container(scene, pod.name).deaths == 2
    scene = await lab.until(
        lambda s: of(s).available == 0 and ready(s) == {"v1": 0}, "nothing available"
    )
    assert not scene.pods[0].ready
    assert not scene.pods[0].leaving


async def test_a_restart_takes_the_deaths_place_in_the_count(lab: Lab) -> None:
    scene = await lab.settle(ONE)
    (pod,) = scene.pods
    assert (pod.deaths, pod.containers[0].last_death) == (0, None)
    await lab.kill(pod, exit_code=3, log="the end")
    scene = await lab.until(lambda s: runs_again(s, pod, 1), "the restart")
    seen = container(scene, pod.name)
    assert (seen.deaths, seen.restarts, seen.waiting) == (1, 1, None)
    assert seen.last_death is not None
    assert seen.last_death.exit_code == 3
    assert scene.pods[0].uid == pod.uid


async def test_the_last_words_of_a_process_that_is_down(lab: Lab) -> None:
    pod = await dead_twice(lab)
    (name,) = (c.name for c in pod.containers)
    words = await lab.cluster.previous_log(lab.ref.namespace, pod.name, name, 10, down=True)
    assert lines(words) == ["last but one", "last words"]


async def test_only_as_many_lines_as_are_asked_for(lab: Lab) -> None:
    pod = await dead_twice(lab)
    (name,) = (c.name for c in pod.containers)
    words = await lab.cluster.previous_log(lab.ref.namespace, pod.name, name, 1, down=True)
    assert lines(words) == ["last words"]


async def test_the_last_words_of_a_process_that_has_a_successor(lab: Lab) -> None:
    scene = await lab.settle(ONE)
    (pod,) = scene.pods
    (name,) = (c.name for c in pod.containers)
    await lab.kill(pod, exit_code=3, log="the end\n")
    await lab.until(lambda s: runs_again(s, pod, 1), "the restart")
    for down in (False, True):
        words = await lab.cluster.previous_log(lab.ref.namespace, pod.name, name, 10, down=down)
        assert lines(words) == ["the end"]


async def test_the_last_words_go_with_their_pod(lab: Lab) -> None:
    scene = await lab.settle(ONE)
    (pod,) = scene.pods
    (name,) = (c.name for c in pod.containers)
    await lab.kill(pod, exit_code=3, log="the end\n")
    await lab.until(lambda s: runs_again(s, pod, 1), "the restart")
    lab.delete_pod(pod)
    await lab.until(lambda s: all(p.name != pod.name for p in s.pods), "another pod")
    words = await lab.cluster.previous_log(lab.ref.namespace, pod.name, name, 10, down=False)
    assert isinstance(words, Missing)


async def test_a_pod_deleted_by_hand_has_not_died(lab: Lab) -> None:
    scene = await lab.settle(ONE)
    (pod,) = scene.pods
    lab.delete_pod(pod)
    scene = await lab.until(lambda s: any(p.leaving for p in s.pods), "it leaves")
    scene = await lab.until(
        lambda s: ready(s) == {"v1": 1} and all(p.ready and p.uid != pod.uid for p in s.pods),
        "another in its place",
    )
    assert [p.deaths for p in scene.pods] == [0]
