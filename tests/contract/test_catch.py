"""Catch: where the gate did not hold a template, the rollout is stopped after the fact."""

from controller.domain.changes import Catch, Scale
from tests.contract.lab import Lab, Shape, of, ready, revision, shares, version


async def test_a_caught_rollout_is_paused_and_marked_as_ours(lab: Lab) -> None:
    await lab.settle(opted_in=False)
    lab.push("v2")
    await lab.until(lambda s: version(s) == "v2", "the new template is seen")
    await lab.apply(Catch())
    assert of(lab.scene()).held_by_us
    assert of(await lab.calm()).held_by_us


async def test_a_caught_rollout_goes_on_only_as_it_is_told(lab: Lab) -> None:
    await lab.settle(Shape(replicas=4, surge=1), opted_in=False)
    lab.push("v2")
    await lab.until(lambda s: shares(s).get("v2"), "canary pods")
    await lab.apply(Catch())
    scene = await lab.calm()
    assert sum(shares(scene).values()) in {4, 5}
    await lab.insist(lambda s: Scale(((revision(s, "v1").name, 4), (revision(s, "v2").name, 1))))
    await lab.until(lambda s: ready(s) == {"v1": 4, "v2": 1}, "one canary pod")
    assert shares(await lab.calm()) == {"v1": 4, "v2": 1}


async def test_a_repeated_catch_is_harmless(lab: Lab) -> None:
    await lab.settle(opted_in=False)
    await lab.apply(Catch())
    before = await lab.calm()
    await lab.apply(Catch(), before)
    assert await lab.calm() == before


async def test_what_the_gate_holds_needs_no_catch(lab: Lab) -> None:
    before = await lab.hold()
    await lab.apply(Catch(), before)
    assert await lab.calm() == before
