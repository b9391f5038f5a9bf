"""Writes are guarded by what was seen; what cannot be done fails in one of three ways."""

from dataclasses import replace

import pytest

from controller.domain.changes import (
    Catch,
    Change,
    Freeze,
    OptIn,
    Promote,
    Scale,
    Seed,
    Undo,
)
from controller.domain.changes import LetGo as Unlabel
from controller.domain.readings import Missing
from controller.domain.records import Ref
from controller.domain.status import Status
from controller.engine.ports import Conflict, Refused
from tests.contract.lab import NAME, Lab, Shape, of, ready, revision, shares, version

ONE = Shape(replicas=1)
TWO = Shape(replicas=2)


def status(message: str) -> Status:
    return Status(message=message)


async def test_a_commit_replaces_the_status_and_shows_at_once(lab: Lab) -> None:
    seen = await lab.settle(ONE)
    after = await lab.cluster.commit(lab.ref, status("one"), seen.version)
    assert lab.scene().version == after != seen.version
    assert lab.scene().status == status("one")
    await lab.cluster.commit(lab.ref, status("two"), after)
    assert lab.scene().status == status("two")
    assert (await lab.calm()).status == status("two")


async def test_a_commit_leaves_generation_and_workload_alone(lab: Lab) -> None:
    seen = await lab.settle(ONE)
    after = await lab.cluster.commit(lab.ref, status("one"), seen.version)
    assert await lab.calm() == replace(seen, version=after, status=status("one"))


async def test_a_commit_of_an_old_version_conflicts(lab: Lab) -> None:
    seen = await lab.settle(ONE)
    await lab.cluster.commit(lab.ref, status("one"), seen.version)
    with pytest.raises(Conflict):
        await lab.cluster.commit(lab.ref, status("two"), seen.version)
    assert lab.scene().status == status("one")


async def test_a_commit_of_what_is_there_changes_nothing_and_is_guarded_all_the_same(
    lab: Lab,
) -> None:
    seen = await lab.settle(ONE)
    after = await lab.cluster.commit(lab.ref, status("one"), seen.version)
    assert await lab.cluster.commit(lab.ref, status("one"), after) == after
    with pytest.raises(Conflict):
        await lab.cluster.commit(lab.ref, status("one"), seen.version)


async def test_of_two_processes_the_one_that_saw_less_conflicts(lab: Lab) -> None:
    await lab.settle(ONE)
    async with lab.another() as other:
        theirs = other.scene(lab.ref)
        assert theirs is not None
        await lab.cluster.commit(lab.ref, status("ours"), lab.scene().version)
        with pytest.raises(Conflict):
            await other.commit(lab.ref, status("theirs"), theirs.version)
    assert (await lab.calm()).status == status("ours")


async def test_a_commit_after_the_spec_changed_conflicts(lab: Lab) -> None:
    seen = await lab.settle(ONE)
    lab.observe_only()
    with pytest.raises(Conflict):
        await lab.cluster.commit(lab.ref, status("late"), seen.version)


async def test_a_commit_to_a_canary_that_is_gone_is_refused(lab: Lab) -> None:
    seen = await lab.settle(ONE)
    lab.delete_canary()
    with pytest.raises(Refused):
        await lab.cluster.commit(lab.ref, status("late"), seen.version)
    with pytest.raises(Refused):
        await lab.cluster.commit(Ref(lab.ref.namespace, "nobody"), status("late"), "1")


async def test_a_template_that_changed_meanwhile_conflicts(lab: Lab) -> None:
    seen = await lab.seed(shape=TWO)
    lab.push("v3")
    for change in (Promote(), Undo(revision(seen, "v1").name), Seed(2)):
        with pytest.raises(Conflict):
            await lab.apply(change, seen)
    await lab.until(lambda s: version(s) == "v3", "v3 is seen")
    scene = await lab.calm()
    assert of(scene).held_by_us
    assert shares(scene) == shares(seen)


async def test_a_person_who_resumed_meanwhile_conflicts(lab: Lab) -> None:
    seen = await lab.seed(shape=TWO)
    lab.set_paused(False)
    for change in (Promote(), Undo(revision(seen, "v1").name), Seed(2)):
        with pytest.raises(Conflict):
            await lab.apply(change, seen)
    scene = await lab.until(lambda s: of(s).rolled_out and not of(s).paused, "v2 everywhere")
    assert version(scene) == "v2"


async def test_a_person_who_paused_meanwhile_conflicts(lab: Lab) -> None:
    seen = await lab.settle(TWO)
    lab.set_paused(True)
    with pytest.raises(Conflict):
        await lab.apply(Catch(), seen)
    await lab.until(lambda s: of(s).paused, "the pause")
    assert of(await lab.calm()).paused_by_a_person


async def test_replicas_that_changed_meanwhile_conflict(lab: Lab) -> None:
    seen = await lab.seed(shape=TWO)
    lab.scale(3)
    with pytest.raises(Conflict):
        await lab.apply(Promote(), seen)
    await lab.until(lambda s: of(s).replicas == 3, "three")
    assert of(await lab.calm()).held_by_us


async def test_a_revision_that_was_scaled_meanwhile_conflicts(lab: Lab) -> None:
    seen = await lab.seed(shape=Shape(replicas=3, surge=2))
    canary = revision(seen, "v2")
    lab.resize(canary, 2)
    with pytest.raises(Conflict):
        await lab.apply(Scale(((canary.name, 0),)), seen)
    await lab.until(lambda s: shares(s)["v2"] == 2, "the other's write")
    assert shares(await lab.calm())["v2"] == 2


async def test_a_status_that_moved_meanwhile_does_not_conflict(lab: Lab) -> None:
    seen = await lab.hold(TWO)
    await lab.apply(Seed(1), seen)
    scene = await lab.until(lambda s: ready(s).get("v2") == 1, "a canary pod")
    scene = await lab.calm()
    assert of(scene).version != of(seen).version
    assert of(scene).generation == of(seen).generation
    await lab.apply(Promote(), seen)
    await lab.until(lambda s: of(s).rolled_out and not of(s).paused, "v2 everywhere")


async def test_a_label_is_guarded_by_the_whole_version(lab: Lab) -> None:
    seen = await lab.settle(ONE, opted_in=False)
    lab.skip("in between")
    with pytest.raises(Conflict):
        await lab.apply(OptIn(NAME), seen)
    await lab.until(lambda s: of(s).skip, "the annotation")
    await lab.calm()
    await lab.apply(OptIn(NAME))
    opted_in = await lab.calm()
    lab.skip(None)
    with pytest.raises(Conflict):
        await lab.apply(Unlabel(), opted_in)


async def test_a_revision_that_nobody_knows_conflicts_in_a_step(lab: Lab) -> None:
    seen = await lab.hold(ONE)
    with pytest.raises(Conflict):
        await lab.apply(Scale((("exam-nobody", 1),)), seen)


async def test_a_revision_that_nobody_knows_is_refused_in_an_undo(lab: Lab) -> None:
    seen = await lab.hold(ONE)
    with pytest.raises(Refused):
        await lab.apply(Undo("exam-nobody"), seen)
    assert await lab.calm() == seen


async def test_a_seed_of_what_is_not_held_conflicts(lab: Lab) -> None:
    seen = await lab.settle(ONE)
    with pytest.raises(Conflict):
        await lab.apply(Seed(1), seen)
    assert await lab.calm() == seen


@pytest.mark.parametrize("kind", ["Promote", "Undo", "Freeze", "Seed", "LetGo"])
async def test_nothing_can_be_done_to_a_deployment_that_is_gone(lab: Lab, kind: str) -> None:
    seen = await lab.hold(ONE)
    name = revision(seen, "v1").name
    changes: dict[str, Change] = {
        "Promote": Promote(),
        "Undo": Undo(name),
        "Freeze": Freeze(name, 1, ()),
        "Seed": Seed(1),
        "LetGo": Unlabel(),
    }
    lab.delete_deployment()
    await lab.until(lambda s: s.workload is None, "the Deployment is gone")
    if kind == "Freeze":
        seen = replace(seen, workload=replace(of(seen), paused=False))
    with pytest.raises(Refused):
        await lab.apply(changes[kind], seen)


async def test_the_log_of_what_is_not_there_is_missing(lab: Lab) -> None:
    scene = await lab.settle(ONE)
    (pod,) = scene.pods
    for name, container in ((pod.name, "server"), (pod.name, "nobody"), ("nobody", "server")):
        for down in (False, True):
            found = await lab.cluster.previous_log(lab.ref.namespace, name, container, 5, down=down)
            assert isinstance(found, Missing)
