"""Steps: how the deployment controller shares pods out while the workload is held."""

from collections.abc import Callable

from controller.domain.changes import Scale, Seed
from controller.domain.snapshot import Scene
from tests.contract.lab import Lab, Shape, of, pods, ready, revision, shares


def step(**wanted: int) -> Callable[[Scene], Scale]:
    """Replicas by version, in this order."""
    return lambda scene: Scale(tuple((revision(scene, v).name, n) for v, n in wanted.items()))


async def seed_later(lab: Lab, shape: Shape) -> None:
    """As `seed`, with a stable revision that is older by a second at least, as it always is.

    Between two of the same age and size their names decide who gives way.
    """
    await lab.hold(shape)
    await lab.insist(lambda _: Seed(1))
    await lab.until(lambda s: ready(s).get("v2") == 1, "a canary pod")
    await lab.calm()


async def test_a_step_that_sums_up_to_n_and_surge_stays_put(lab: Lab) -> None:
    await lab.seed(shape=Shape(replicas=4, surge=2))
    await lab.insist(step(v2=2, v1=4))
    scene = await lab.until(lambda s: ready(s) == {"v1": 4, "v2": 2}, "two canary pods")
    assert shares(await lab.calm()) == {"v1": 4, "v2": 2}
    await lab.insist(step(v2=3, v1=3))
    await lab.until(lambda s: ready(s) == {"v1": 3, "v2": 3}, "three canary pods")
    scene = await lab.calm()
    assert shares(scene) == {"v1": 3, "v2": 3}
    assert of(scene).held_by_us
    assert of(scene).updated == 3


async def test_a_step_back_takes_canary_pods_away(lab: Lab) -> None:
    await lab.seed(2, shape=Shape(replicas=4, surge=2))
    await lab.insist(step(v1=5, v2=1))
    await lab.until(lambda s: ready(s) == {"v1": 5, "v2": 1}, "one canary pod")
    assert shares(await lab.calm()) == {"v1": 5, "v2": 1}


async def test_the_write_of_a_step_shows_at_once(lab: Lab) -> None:
    seen = await lab.seed(shape=Shape(replicas=4, surge=2))
    await lab.apply(step(v2=2)(seen), seen)
    assert shares(lab.scene())["v2"] == 2


async def test_a_step_beyond_the_sum_takes_from_the_largest(lab: Lab) -> None:
    seen = await lab.seed(shape=Shape(replicas=4, surge=2))
    await lab.apply(step(v2=2)(seen), seen)
    await lab.until(lambda s: ready(s) == {"v1": 4, "v2": 2}, "stable to give way")
    assert shares(await lab.calm()) == {"v1": 4, "v2": 2}


async def test_a_repeated_step_is_harmless(lab: Lab) -> None:
    await lab.seed(shape=Shape(replicas=4, surge=2))
    await lab.insist(step(v2=2, v1=4))
    await lab.until(lambda s: ready(s) == {"v1": 4, "v2": 2}, "two canary pods")
    before = await lab.calm()
    await lab.apply(step(v2=2, v1=4)(before), before)
    assert await lab.calm() == before


async def test_what_a_step_leaves_short_is_topped_up_on_the_largest(lab: Lab) -> None:
    seen = await lab.seed(shape=Shape(replicas=4, surge=2))
    await lab.apply(step(v1=3)(seen), seen)
    await lab.calm()
    scene = await lab.until(lambda s: ready(s) == {"v1": 5, "v2": 1}, "the top-up")
    assert shares(await lab.calm()) == {"v1": 5, "v2": 1}
    assert of(scene).held_by_us


async def test_as_many_canary_pods_as_replicas_are_a_promotion(lab: Lab) -> None:
    await seed_later(lab, Shape())
    await lab.insist(step(v2=3))
    await lab.until(lambda s: shares(s) == {"v1": 0, "v2": 3}, "stable at none")
    scene = await lab.calm()
    assert of(scene).held_by_us
    assert not pods(scene, "v1")


async def test_the_only_pod_has_no_canary(lab: Lab) -> None:
    await lab.hold(Shape(replicas=1))
    await lab.apply(Seed(1))
    scene = await lab.until(lambda s: shares(s) == {"v1": 0, "v2": 1}, "stable at none")
    assert of(scene).held_by_us


async def test_a_canary_that_is_ready_gets_the_only_replica_that_is_left(lab: Lab) -> None:
    await lab.seed(shape=Shape(replicas=2))
    lab.scale(1)
    await lab.until(lambda s: ready(s) == {"v1": 0, "v2": 1}, "stable at none")
    scene = await lab.calm()
    assert of(scene).held_by_us
    await lab.insist(step(v1=1))
    scene = await lab.until(lambda s: shares(s) == {"v1": 0, "v2": 1}, "stable at none again")
    assert of(scene).held_by_us


async def test_the_canary_comes_back_up_where_it_is_cut_before_stable_has_pods(lab: Lab) -> None:
    await seed_later(lab, Shape(replicas=2))
    await lab.insist(step(v2=2))
    await lab.until(lambda s: shares(s) == {"v1": 0, "v2": 2}, "stable at none")
    await lab.calm()
    await lab.insist(step(v2=0))
    await lab.until(lambda s: ready(s) == {"v1": 0, "v2": 2}, "the canary again")


async def test_an_autoscaler_scales_both_revisions_while_held(lab: Lab) -> None:
    await lab.seed(shape=Shape(replicas=10, surge="25%", unavailable="25%"))
    await lab.insist(step(v2=3, v1=10))
    await lab.until(lambda s: ready(s) == {"v1": 10, "v2": 3}, "three canary pods")
    await lab.calm()
    lab.scale(20)
    await lab.until(lambda s: ready(s) == {"v1": 19, "v2": 6}, "6 of 25")
    lab.scale(6)
    await lab.until(lambda s: ready(s) == {"v1": 6, "v2": 2}, "2 of 8")
    scene = await lab.calm()
    assert shares(scene) == {"v1": 6, "v2": 2}
    assert of(scene).held_by_us


async def test_the_bounds_of_a_rollout_are_in_pods(lab: Lab) -> None:
    scene = await lab.settle(Shape(replicas=3, surge="25%", unavailable="25%"))
    assert (of(scene).max_surge, of(scene).max_unavailable) == (1, 0)
    lab.scale(5)
    scene = await lab.until(lambda s: of(s).replicas == 5, "five")
    assert (of(scene).max_surge, of(scene).max_unavailable) == (2, 1)
