"""What is announced, and what a scene shows then."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.domain.changes import ClearIntent, Scale
from controller.domain.policy import Mode, Policy
from controller.domain.records import Intent, IntentAction, Ref
from controller.domain.status import Status
from controller.engine.ports import Conflict
from tests.contract.lab import NAME, Lab, Shape, of, ready, revision, shares, version
from tests.contract.listening import News, listening

ONE = Shape(replicas=1)
OTHER = "exam-2"
ROLLBACK = Intent(action=IntentAction.ROLLBACK, id="first", reason="slow", keyed=True)


async def heard(lab: Lab, news: News, holds: Callable[[], object]) -> None:
    """Return when an announcement was made after which something holds."""
    await news.hear(lab.ref)
    while not holds():
        await news.hear(lab.ref)


async def test_first_every_canary_is_announced(lab: Lab) -> None:
    await lab.settle(ONE)
    lab.create_canary(OTHER)
    other = Ref(lab.ref.namespace, OTHER)
    async with lab.another() as cluster, listening(cluster) as news:
        assert set(await news.until_silent()) == {lab.ref, other}
        assert cluster.refs() == (lab.ref, other)
        assert cluster.scene(lab.ref) is not None


async def test_nothing_is_announced_while_nothing_happens(lab: Lab) -> None:
    await lab.settle(ONE)
    async with listening(lab.cluster) as news:
        await news.until_silent()
        assert await news.until_silent() == []


async def test_our_own_memory_is_not_news(lab: Lab) -> None:
    seen = await lab.settle(ONE)
    async with listening(lab.cluster) as news:
        await news.until_silent()
        await lab.cluster.commit(lab.ref, Status(message="one"), seen.version)
        assert await news.until_silent() == []


async def test_a_template_is_announced(lab: Lab) -> None:
    await lab.settle(ONE)
    async with listening(lab.cluster) as news:
        await news.until_silent()
        lab.push("v2")
        await heard(lab, news, lambda: version(lab.scene()) == "v2")


async def test_a_scaled_revision_is_announced_until_its_pods_are_ready(lab: Lab) -> None:
    await lab.seed(shape=Shape(replicas=3, surge=2))
    canary = revision(lab.scene(), "v2")
    async with listening(lab.cluster) as news:
        await news.until_silent()
        await lab.apply(Scale(((canary.name, 2),)))
        await heard(lab, news, lambda: ready(lab.scene()).get("v2") == 2)


async def test_a_death_is_announced(lab: Lab) -> None:
    scene = await lab.settle(ONE)
    (pod,) = scene.pods
    async with listening(lab.cluster) as news:
        await news.until_silent()
        await lab.kill(pod, exit_code=3, log="the end")
        await heard(lab, news, lambda: lab.scene().pods[0].deaths == 1)


async def test_readiness_is_announced_both_ways(lab: Lab) -> None:
    scene = await lab.settle(Shape(replicas=1, probed=True))
    (pod,) = scene.pods
    async with listening(lab.cluster) as news:
        await news.until_silent()
        lab.set_ready(pod, False)
        await heard(lab, news, lambda: not lab.scene().pods[0].ready)
        await lab.until(lambda s: ready(s) == {"v1": 0}, "the count of it")
        await lab.until(lambda s: of(s).available == 0, "the count of counts")
        lab.set_ready(pod, True)
        await heard(lab, news, lambda: lab.scene().pods[0].ready)
        scene = await lab.until(lambda s: of(s).available == 1, "available again")
    assert scene.pods[0].deaths == 0


async def test_a_deleted_pod_leaves_and_is_replaced(lab: Lab) -> None:
    scene = await lab.settle(ONE)
    (pod,) = scene.pods
    async with listening(lab.cluster) as news:
        await news.until_silent()
        lab.delete_pod(pod)
        await heard(lab, news, lambda: pod not in lab.scene().pods)
        scene = await lab.until(
            lambda s: ready(s) == {"v1": 1} and all(p.ready and p.uid != pod.uid for p in s.pods),
            "another in its place",
        )
    assert scene.pods[0].name != pod.name


async def test_a_change_of_the_spec_is_announced(lab: Lab) -> None:
    seen = await lab.settle(ONE)
    async with listening(lab.cluster) as news:
        await news.until_silent()
        lab.observe_only()
        await heard(lab, news, lambda: lab.scene().generation == seen.generation + 1)
    policy = lab.scene().policy
    assert isinstance(policy, Policy)
    assert policy.mode is Mode.OBSERVE


async def test_a_command_is_announced_until_it_is_cleared(lab: Lab) -> None:
    seen = await lab.settle(ONE)
    async with listening(lab.cluster) as news:
        await news.until_silent()
        lab.command(ROLLBACK)
        await heard(lab, news, lambda: lab.scene().intent == ROLLBACK)
        assert lab.scene().generation == seen.generation
        await lab.apply(ClearIntent(ROLLBACK.id))
        assert lab.scene().intent is None
    assert (await lab.calm()).intent is None


async def test_what_is_asked_through_the_port_is_a_command_like_any_other(lab: Lab) -> None:
    seen = await lab.settle(ONE)
    async with listening(lab.cluster) as news:
        await news.until_silent()
        await lab.cluster.ask(lab.ref, ROLLBACK, lab.scene())
        assert lab.scene().intent == ROLLBACK
        await heard(lab, news, lambda: lab.scene().intent == ROLLBACK)
    assert lab.scene().generation == seen.generation
    await lab.cluster.ask(lab.ref, replace(ROLLBACK, id="again"), lab.scene())
    assert (await lab.calm()).intent == replace(ROLLBACK, id="again")


async def test_nothing_is_asked_of_a_canary_that_moved_on(lab: Lab) -> None:
    await lab.settle(ONE)
    seen = await lab.calm()
    await lab.cluster.commit(lab.ref, Status(message="moved on"), seen.version)
    with pytest.raises(Conflict):
        await lab.cluster.ask(lab.ref, ROLLBACK, seen)
    assert (await lab.calm()).intent is None


async def test_a_command_can_be_cleared_after_the_commit_that_answers_it(lab: Lab) -> None:
    await lab.settle(ONE)
    lab.command(ROLLBACK)
    seen = await lab.until(lambda s: s.intent == ROLLBACK, "the command")
    await lab.cluster.commit(lab.ref, Status(intent_done=ROLLBACK.id), seen.version)
    await lab.apply(ClearIntent(ROLLBACK.id), seen)
    scene = await lab.calm()
    assert scene.intent is None
    assert scene.status.intent_done == ROLLBACK.id


async def test_only_the_command_that_was_meant_is_cleared(lab: Lab) -> None:
    await lab.settle(ONE)
    later = Intent(action=IntentAction.HOLD, id="second", keyed=True)
    lab.command(ROLLBACK)
    seen = await lab.until(lambda s: s.intent == ROLLBACK, "the command")
    lab.command(later)
    with pytest.raises(Conflict):
        await lab.apply(ClearIntent(ROLLBACK.id), seen)
    await lab.until(lambda s: s.intent == later, "the later command")
    await lab.apply(ClearIntent(ROLLBACK.id), seen)
    assert (await lab.calm()).intent == later


async def test_clearing_what_a_person_took_back_is_harmless(lab: Lab) -> None:
    await lab.settle(ONE)
    lab.command(ROLLBACK)
    seen = await lab.until(lambda s: s.intent == ROLLBACK, "the command")
    lab.command(None)
    before = await lab.until(lambda s: s.intent is None, "no command")
    await lab.apply(ClearIntent(ROLLBACK.id), seen)
    assert await lab.calm() == before


async def test_a_deleted_canary_is_announced_and_shows_no_scene(lab: Lab) -> None:
    await lab.settle(ONE)
    async with listening(lab.cluster) as news:
        await news.until_silent()
        lab.delete_canary()
        await heard(lab, news, lambda: lab.cluster.scene(lab.ref) is None)
    assert lab.cluster.refs() == ()


async def test_a_deleted_deployment_is_announced_and_shows_no_workload(lab: Lab) -> None:
    await lab.settle(ONE)
    async with listening(lab.cluster) as news:
        await news.until_silent()
        lab.delete_deployment()
        await heard(lab, news, lambda: lab.scene().workload is None)
    scene = lab.scene()
    assert scene.replica_sets == ()
    assert scene.pods == ()


async def test_a_deployment_that_comes_back_is_another(lab: Lab) -> None:
    before = await lab.settle(ONE)
    lab.delete_deployment()
    await lab.until(lambda s: s.workload is None, "the Deployment is gone")
    lab.create("v1", ONE)
    scene = await lab.until(lambda s: s.workload and ready(s) == {"v1": 1}, "another")
    assert of(scene).uid != of(before).uid
    assert of(scene).opted_in is None
    assert of(scene).fingerprint == of(before).fingerprint
    assert shares(scene) == {"v1": 1}


async def test_the_older_of_two_canaries_is_the_others_rival(lab: Lab) -> None:
    await lab.settle(ONE)
    other = Ref(lab.ref.namespace, OTHER)
    async with listening(lab.cluster) as news:
        await news.until_silent()
        lab.create_canary(OTHER)
        await news.hear(other)
        scene = lab.cluster.scene(other)
        assert scene is not None
        assert scene.rival == NAME
        assert lab.scene().rival is None
        await news.until_silent()
        lab.delete_canary()
        await news.hear(other)
        scene = lab.cluster.scene(other)
        assert scene is not None
        assert scene.rival is None


async def test_a_second_reader_goes_on_where_the_first_has_ended(lab: Lab) -> None:
    await lab.settle(ONE)
    for _ in range(2):
        async with listening(lab.cluster) as news:
            assert lab.ref in await news.until_silent()


async def test_who_wrote_the_template_is_seen(lab: Lab) -> None:
    before = await lab.settle(ONE)
    assert of(before).writer == "kubectl"
    await asyncio.sleep(1.1)  # the API server keeps whole seconds
    lab.push("v2", writer="pipeline")
    scene = await lab.until(lambda s: version(s) == "v2", "the template")
    assert of(scene).writer == "pipeline"


@pytest.mark.parametrize("tool", ["argo-cd", "flux"])
async def test_a_gitops_tool_is_seen(lab: Lab, tool: str) -> None:
    scene = await lab.settle(Shape(replicas=1, gitops=tool))
    assert of(scene).gitops == tool


async def test_a_deployment_that_stops_all_first_is_seen(lab: Lab) -> None:
    scene = await lab.settle(Shape(replicas=1, strategy="Recreate"))
    assert of(scene).strategy == "Recreate"
    assert (of(scene).max_surge, of(scene).max_unavailable) == (0, 0)
    assert lab.push("v2").paused is False
