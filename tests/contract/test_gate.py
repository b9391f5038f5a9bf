"""The gate: a changed template is held before there is a pod of it."""

from controller.domain.changes import OptIn, Undo
from controller.domain.records import GateKind
from tests.contract.lab import (
    NAME,
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


async def test_a_changed_template_is_paused_in_the_same_write(lab: Lab) -> None:
    seen = await lab.settle()
    answer = lab.push("v2")
    assert answer.paused
    assert answer.marked
    scene = await lab.until(
        lambda s: of(s).fingerprint != of(seen).fingerprint, "the new template is seen"
    )
    assert of(scene).held_by_us
    assert of(scene).gate_mark == str(of(scene).generation)


async def test_no_pod_of_a_held_template_exists(lab: Lab) -> None:
    scene = await lab.hold()
    assert shares(scene) == {"v1": 3}
    assert ready(scene) == {"v1": 3}
    assert len(scene.pods) == 3
    assert of(scene).updated == 0
    assert of(scene).observed_generation == of(scene).generation


async def test_scaling_still_works_while_held(lab: Lab) -> None:
    await lab.hold()
    lab.scale(5)
    await lab.until(lambda s: ready(s) == {"v1": 5}, "two more pods")
    lab.scale(2)
    await lab.until(lambda s: ready(s) == {"v1": 2}, "three fewer pods")
    scene = await lab.calm()
    assert of(scene).held_by_us
    assert shares(scene) == {"v1": 2}


async def test_a_write_that_leaves_the_template_alone_is_untouched(lab: Lab) -> None:
    before = await lab.settle()
    assert lab.scale(2).paused is False
    lab.skip("none of your business")
    lab.skip(None)
    assert lab.re_apply("v1").paused is False
    scene = await lab.until(rolled_out, "the Deployment is as it was")
    assert of(scene).fingerprint == of(before).fingerprint
    assert of(scene).gate_mark is None


async def test_without_the_label_nothing_is_held(lab: Lab) -> None:
    scene = await lab.settle(opted_in=False)
    assert scene.gate is GateKind.CATCH
    assert lab.push("v2").paused is False
    scene = await lab.until(lambda s: version(s) == "v2" and rolled_out(s), "v2 everywhere")
    assert of(scene).gate_mark is None


async def test_a_skipped_rollout_is_not_held(lab: Lab) -> None:
    scene = await lab.settle()
    assert scene.gate is GateKind.POLICY
    lab.skip("the fire brigade is here")
    assert lab.push("v2").paused is False
    scene = await lab.until(lambda s: version(s) == "v2" and rolled_out(s), "v2 everywhere")
    assert scene.gate is GateKind.CATCH
    assert of(scene).skip == "the fire brigade is here"
    lab.skip(None)
    await lab.until(lambda s: s.gate is GateKind.POLICY and of(s).skip is None, "no skip any more")
    assert lab.push("v3").paused


async def test_re_applying_the_manifest_does_not_lift_the_hold(lab: Lab) -> None:
    before = await lab.hold()
    for _ in range(3):
        assert lab.re_apply("v2").paused
    scene = await lab.calm()
    assert of(scene).held_by_us
    assert shares(scene) == shares(before)


async def test_a_third_template_is_held_as_well(lab: Lab) -> None:
    before = await lab.hold()
    answer = lab.push("v3")
    assert answer.paused
    assert answer.marked
    await lab.until(lambda s: version(s) == "v3", "the third template is seen")
    scene = await lab.calm()
    assert of(scene).held_by_us
    assert of(scene).gate_mark == str(of(scene).generation) != of(before).gate_mark
    assert shares(scene) == {"v1": 3}


async def test_our_own_write_of_a_template_is_not_held(lab: Lab) -> None:
    before = await lab.hold()
    await lab.apply(Undo(revision(before, "v1").name))
    scene = await lab.calm()
    assert version(scene) == "v1"
    assert not of(scene).paused


async def test_a_workload_without_pods_is_not_held(lab: Lab) -> None:
    await lab.settle()
    lab.scale(0)
    await lab.until(lambda s: shares(s) == {"v1": 0}, "no pods")
    answer = lab.push("v2")
    assert not answer.paused
    assert not answer.marked


async def test_a_persons_pause_has_no_mark(lab: Lab) -> None:
    await lab.settle()
    lab.set_paused(True)
    answer = lab.push("v2")
    assert answer.paused
    assert not answer.marked
    await lab.until(lambda s: version(s) == "v2", "the new template is seen")
    scene = await lab.calm()
    assert of(scene).paused_by_a_person
    assert shares(scene) == {"v1": 3}


async def test_a_person_may_resume_what_is_held(lab: Lab) -> None:
    await lab.hold()
    lab.set_paused(False)
    scene = await lab.until(lambda s: version(s) == "v2" and rolled_out(s), "v2 everywhere")
    assert not of(scene).held_by_us
    assert not of(scene).paused


async def test_a_resumed_workload_is_held_again_at_the_next_template(lab: Lab) -> None:
    await lab.hold()
    lab.set_paused(False)
    await lab.until(lambda s: version(s) == "v2" and rolled_out(s), "v2 everywhere")
    answer = lab.push("v3")
    assert answer.paused
    assert answer.marked


async def test_pods_of_a_release_can_be_told_from_the_others(lab: Lab) -> None:
    scene = await lab.seed()
    (canary,) = pods(scene, "v2").values()
    assert canary.ready
    assert len(pods(scene, "v1")) == 3
    assert canary.created_at >= max(pod.created_at for pod in pods(scene, "v1").values())


async def test_the_label_names_the_canary(lab: Lab) -> None:
    before = await lab.settle(Shape(replicas=1), opted_in=False)
    assert of(before).opted_in is None
    await lab.apply(OptIn(NAME))
    assert of(lab.scene()).opted_in == NAME
