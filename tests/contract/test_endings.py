"""Promote, Undo and Freeze: how a release ends."""

from controller.domain.changes import Freeze, Promote, Scale, Undo
from controller.domain.snapshot import Scene
from tests.contract.lab import (
    Lab,
    Shape,
    of,
    pods,
    ready,
    revision,
    rolled_out,
    shares,
    version,
)


async def test_promote_finishes_the_rollout_and_keeps_the_canarys_pods(lab: Lab) -> None:
    before = await lab.seed()
    await lab.apply(Promote(), before)
    assert not of(lab.scene()).paused
    assert of(lab.scene()).gate_mark is None
    scene = await lab.until(rolled_out, "v2 everywhere")
    assert shares(scene) == {"v1": 0, "v2": 3}
    assert set(pods(before, "v2")) <= set(pods(scene, "v2"))
    assert of(scene).fingerprint == of(before).fingerprint


async def test_promote_of_what_was_never_seeded_rolls_it_out(lab: Lab) -> None:
    before = await lab.hold()
    await lab.apply(Promote(), before)
    scene = await lab.until(lambda s: version(s) == "v2" and rolled_out(s), "v2 everywhere")
    assert shares(scene) == {"v1": 0, "v2": 3}


async def test_a_repeated_promote_is_harmless(lab: Lab) -> None:
    await lab.seed()
    await lab.apply(Promote())
    await lab.until(rolled_out, "v2 everywhere")
    before = await lab.calm()
    await lab.apply(Promote(), before)
    assert await lab.calm() == before


async def test_undo_puts_the_template_back_in_one_write(lab: Lab) -> None:
    before = await lab.seed()
    stable = revision(before, "v1")
    await lab.apply(Undo(stable.name), before)
    now = of(lab.scene())
    assert now.generation == of(before).generation + 1
    assert now.fingerprint == stable.fingerprint
    assert not now.paused
    assert now.gate_mark is None
    scene = await lab.until(lambda s: version(s) == "v1" and rolled_out(s), "v1 everywhere")
    assert shares(scene) == {"v1": 3, "v2": 0}
    assert set(pods(before, "v1")) == set(pods(scene, "v1"))


async def test_an_undone_revision_is_older_than_the_one_that_is_back(lab: Lab) -> None:
    before = await lab.seed()
    await lab.apply(Undo(revision(before, "v1").name), before)
    scene = await lab.until(lambda s: version(s) == "v1" and rolled_out(s), "v1 everywhere")
    assert revision(scene, "v1").revision == 3
    assert revision(scene, "v2").revision == 2
    assert revision(scene, "v1").name == revision(before, "v1").name


async def test_a_repeated_undo_is_harmless(lab: Lab) -> None:
    before = await lab.seed()
    undo = Undo(revision(before, "v1").name)
    await lab.apply(undo)
    await lab.apply(undo)
    await lab.until(lambda s: version(s) == "v1" and rolled_out(s), "v1 everywhere")
    before = await lab.calm()
    await lab.apply(undo, before)
    assert await lab.calm() == before


async def test_undo_works_after_a_whole_rollout(lab: Lab) -> None:
    await lab.seed()
    await lab.apply(Promote())
    await lab.until(lambda s: version(s) == "v2" and rolled_out(s), "v2 everywhere")
    before = await lab.calm()
    await lab.apply(Undo(revision(before, "v1").name), before)
    scene = await lab.until(lambda s: version(s) == "v1" and rolled_out(s), "v1 everywhere")
    assert shares(scene) == {"v1": 3, "v2": 0}


async def test_freeze_leaves_the_template_and_stays(lab: Lab) -> None:
    before = await lab.seed(shape=Shape(replicas=3, surge=2))
    await lab.apply(_freeze(lab))
    assert shares(lab.scene())["v2"] == 0
    await lab.until(lambda s: ready(s) == {"v1": 3, "v2": 0}, "no canary pods")
    scene = await lab.calm()
    assert shares(scene) == {"v1": 3, "v2": 0}
    assert of(scene).fingerprint == of(before).fingerprint
    assert of(scene).held_by_us


async def test_a_repeated_freeze_is_harmless(lab: Lab) -> None:
    await lab.seed()
    await lab.apply(_freeze(lab))
    await lab.until(lambda s: ready(s) == {"v1": 3, "v2": 0}, "no canary pods")
    before = await lab.calm()
    await lab.apply(_freeze(lab), before)
    assert await lab.calm() == before


async def test_an_autoscaler_scales_stable_alone_while_frozen(lab: Lab) -> None:
    await lab.seed()
    await lab.apply(_freeze(lab))
    await lab.until(lambda s: ready(s) == {"v1": 3, "v2": 0}, "no canary pods")
    lab.scale(5)
    await lab.until(lambda s: ready(s) == {"v1": 5, "v2": 0}, "two more")
    lab.scale(2)
    await lab.until(lambda s: ready(s) == {"v1": 2, "v2": 0}, "three fewer")
    assert shares(await lab.calm()) == {"v1": 2, "v2": 0}


async def test_freeze_without_others_only_pauses(lab: Lab) -> None:
    await lab.seed()
    await lab.apply(Promote())
    await lab.until(rolled_out, "v2 everywhere")
    before = await lab.calm()
    await lab.apply(Freeze(revision(before, "v1").name, 0, ()), before)
    assert of(lab.scene()).held_by_us
    scene = await lab.calm()
    assert shares(scene) == {"v1": 0, "v2": 3}
    assert scene.pods == before.pods


async def test_stable_gets_its_pods_back_from_a_rollout_that_was_complete(lab: Lab) -> None:
    await lab.seed(shape=Shape(replicas=4, surge=1, unavailable=1))
    await lab.apply(Promote())
    await lab.until(rolled_out, "v2 everywhere")
    before = await lab.calm()
    await lab.apply(Freeze(revision(before, "v1").name, 0, ()), before)
    scene = await lab.calm()
    while ready(scene)["v1"] < 4:
        had = ready(scene)["v1"]
        await lab.insist(_back)
        scene = await lab.until(lambda s, had=had: ready(s)["v1"] > had, "more stable pods")
        assert sum(ready(scene).values()) >= 3
    await lab.insist(lambda s: Freeze(revision(s, "v1").name, 4, (revision(s, "v2").name,)))
    await lab.until(lambda s: ready(s) == {"v1": 4, "v2": 0}, "no canary pods")
    assert shares(await lab.calm()) == {"v1": 4, "v2": 0}


def _back(scene: Scene) -> Scale:
    """Stable up as far as there is room, and of the others what need not be Ready down."""
    workload, stable, canary = of(scene), revision(scene, "v1"), revision(scene, "v2")
    least = workload.replicas - workload.max_unavailable
    kept = min(canary.replicas, max(0, least - stable.ready))
    most = workload.replicas + workload.max_surge
    return Scale(((stable.name, most - kept), (canary.name, kept)))


def _freeze(lab: Lab) -> Freeze:
    scene = lab.scene()
    others = (revision(scene, "v2").name,)
    return Freeze(revision(scene, "v1").name, of(scene).replicas, others)
