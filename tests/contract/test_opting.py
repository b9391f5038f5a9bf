"""The opt-in label: whom the gate holds for, and how a workload is let go."""

from controller.domain.changes import LetGo, OptIn
from tests.contract.lab import NAME, Lab, Shape, of, shares, version
from tests.contract.listening import listening

ONE = Shape(replicas=1)


async def test_opting_in_touches_nothing_else(lab: Lab) -> None:
    before = await lab.settle(ONE, opted_in=False)
    await lab.apply(OptIn(NAME), before)
    scene = await lab.calm()
    assert of(scene).opted_in == NAME
    assert of(scene).generation == of(before).generation
    assert scene.pods == before.pods


async def test_a_repeated_opt_in_is_harmless(lab: Lab) -> None:
    before = await lab.settle(ONE)
    await lab.apply(OptIn(NAME), before)
    assert await lab.calm() == before


async def test_letting_go_takes_the_label_off_and_nothing_else(lab: Lab) -> None:
    before = await lab.hold(ONE)
    await lab.apply(LetGo(), before)
    scene = await lab.calm()
    assert of(scene).opted_in is None
    assert of(scene).held_by_us
    assert shares(scene) == {"v1": 1}
    await lab.apply(LetGo(), scene)
    assert await lab.calm() == scene


async def test_what_was_let_go_is_not_held_any_more(lab: Lab) -> None:
    await lab.settle(ONE)
    await lab.apply(LetGo())
    assert not lab.push("v2").paused


async def test_a_gone_canary_lets_go_and_leaves_the_pause_to_people(lab: Lab) -> None:
    await lab.hold(ONE)
    lab.delete_canary()
    async with listening(lab.cluster) as news:
        await news.hear(lab.ref)
        while lab.cluster.scene(lab.ref) is not None:
            await news.hear(lab.ref)
    await lab.cluster.let_go(lab.ref)
    lab.create_canary()
    scene = await lab.until(lambda s: s.workload is not None, "another Canary")
    assert of(scene).opted_in is None
    assert of(scene).gate_mark is None
    assert of(scene).paused_by_a_person
    assert version(scene) == "v2"


async def test_letting_go_twice_is_harmless(lab: Lab) -> None:
    await lab.settle(ONE)
    lab.delete_canary()
    async with listening(lab.cluster) as news:
        while lab.cluster.scene(lab.ref) is not None:
            await news.hear(lab.ref)
    await lab.cluster.let_go(lab.ref)
    await lab.cluster.let_go(lab.ref)
    assert not lab.push("v2").paused


async def test_a_label_whose_canary_went_unseen_is_found_by_the_next_process(lab: Lab) -> None:
    await lab.settle(ONE)
    lab.delete_canary()
    async with lab.another() as cluster, listening(cluster) as news:
        await news.hear(lab.ref)
        assert cluster.scene(lab.ref) is None
        await cluster.let_go(lab.ref)
        assert not lab.push("v2").paused
