"""Seed: the canary's pods come without an unpause, and the deployment controller adopts them."""

from controller.domain.changes import Freeze, Seed
from tests.contract.lab import Lab, Shape, of, pods, ready, revision, shares


async def test_the_seeded_revision_is_adopted_as_the_newest(lab: Lab) -> None:
    held = await lab.hold()
    await lab.apply(Seed(1), held)
    scene = await lab.until(
        lambda s: of(s).updated == 1 and revision(s, "v2").revision, "the canary to be counted"
    )
    canary = revision(scene, "v2")
    assert canary.fingerprint == of(scene).fingerprint
    assert canary.revision == revision(scene, "v1").revision + 1
    assert canary.replicas == 1


async def test_the_seed_is_there_at_once(lab: Lab) -> None:
    held = await lab.hold()
    await lab.apply(Seed(1), held)
    assert shares(lab.scene()) == {"v1": 3, "v2": 1}


async def test_nothing_is_unpaused_by_a_seed(lab: Lab) -> None:
    scene = await lab.seed()
    assert of(scene).held_by_us
    assert shares(scene) == {"v1": 3, "v2": 1}
    assert ready(scene) == {"v1": 3, "v2": 1}
    assert of(scene).total == 4
    assert of(scene).available == 4
    assert not of(scene).rolled_out


async def test_a_repeated_seed_is_harmless(lab: Lab) -> None:
    held = await lab.hold()
    await lab.apply(Seed(1), held)
    await lab.apply(Seed(1), held)
    scene = await lab.calm()
    await lab.apply(Seed(1), scene)
    again = await lab.calm()
    assert again == scene
    assert shares(again) == {"v1": 3, "v2": 1}
    assert len(again.replica_sets) == 2


async def test_a_seed_of_another_size_resizes_the_canary(lab: Lab) -> None:
    shape = Shape(replicas=4, surge=2)
    scene = await lab.seed(shape=shape)
    name = revision(scene, "v2").name
    await lab.apply(Seed(2), scene)
    scene = await lab.until(lambda s: ready(s).get("v2") == 2, "two canary pods")
    assert revision(scene, "v2").name == name


async def test_what_is_short_of_n_and_surge_goes_to_the_largest_revision(lab: Lab) -> None:
    scene = await lab.seed(shape=Shape(replicas=4, surge=3))
    assert shares(scene) == {"v1": 6, "v2": 1}
    assert ready(scene) == {"v1": 6, "v2": 1}


async def test_without_surge_stable_gives_up_the_canarys_pods(lab: Lab) -> None:
    scene = await lab.seed(shape=Shape(replicas=4, surge=0, unavailable=1))
    assert shares(scene) == {"v1": 3, "v2": 1}
    assert len(pods(scene, "v1")) == 3


async def test_more_than_the_surge_makes_stable_give_way(lab: Lab) -> None:
    scene = await lab.seed(2, shape=Shape(replicas=4, surge=1, unavailable=1))
    assert shares(scene) == {"v1": 3, "v2": 2}


async def test_a_template_that_comes_back_reuses_its_revision_under_a_new_number(lab: Lab) -> None:
    first = revision(await lab.seed(), "v2")
    lab.push("v3")
    await lab.until(lambda s: s.workload and of(s).images[0].endswith("v3"), "v3 is seen")
    await lab.apply(Seed(1))
    await lab.until(lambda s: ready(s).get("v3") == 1, "one pod of v3")
    lab.push("v2")
    await lab.until(
        lambda s: revision(s, "v2").revision > revision(s, "v3").revision, "v2 is the newest again"
    )
    scene = await lab.calm()
    again = revision(scene, "v2")
    assert (again.name, again.uid) == (first.name, first.uid)
    assert sorted(rs.revision for rs in scene.replica_sets) == [1, 3, 4]
    assert of(scene).held_by_us


async def test_a_rejected_template_that_comes_back_has_no_pods_until_it_is_seeded(lab: Lab) -> None:
    scene = await lab.seed()
    canary = revision(scene, "v2")
    stable = revision(scene, "v1")
    await lab.apply(Freeze(stable.name, 3, (canary.name,)))
    await lab.until(lambda s: shares(s) == {"v1": 3, "v2": 0}, "no canary pods")
    lab.push("v1")
    await lab.calm()
    lab.push("v2")
    scene = await lab.calm()
    assert shares(scene) == {"v1": 3, "v2": 0}
    await lab.apply(Seed(1), scene)
    scene = await lab.until(lambda s: ready(s) == {"v1": 3, "v2": 1}, "one canary pod")
    assert revision(scene, "v2").name == canary.name
