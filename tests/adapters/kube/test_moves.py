"""Every move on a server: what is written, that a repeat writes nothing, and what guards it."""

from dataclasses import replace

import pytest

from controller.adapters.kube.seeding import canary_hash
from controller.domain.changes import (
    Catch,
    Change,
    Freeze,
    LetGo,
    OptIn,
    Promote,
    Scale,
    Seed,
    Undo,
)
from controller.engine.ports import Conflict, Refused, Unavailable
from tests.adapters.kube.apiserver import Fault
from tests.adapters.kube.examples import (
    Object,
    canary,
    deployment,
    path_of,
    replica_set,
    template,
)
from tests.adapters.kube.world import STABLE, World, held, play, releasing


def test_opting_in_and_letting_go_set_and_remove_the_label() -> None:
    async def story(world: World) -> None:
        await world.apply(OptIn("exam"))
        label = {"canary-controller.io/canary": "exam"}
        assert world.at("deployments", "exam")["metadata"]["labels"] == label
        assert await world.apply(OptIn("exam")) == []
        await world.apply(LetGo())
        assert world.at("deployments", "exam")["metadata"]["labels"] == {}
        assert await world.apply(LetGo()) == []

    play(story, canary(), deployment())


def test_a_rollout_is_caught_with_pause_and_mark_in_one_write() -> None:
    async def story(world: World) -> None:
        assert len(await world.apply(Catch())) == 1
        found = world.at("deployments", "exam")
        assert found["spec"]["paused"] is True
        assert found["metadata"]["annotations"]["canary-controller.io/gate"] == "1"
        workload = world.scene().workload
        assert workload is not None
        assert workload.held_by_us
        assert await world.apply(Catch()) == []

    play(story, canary(), deployment())


def test_a_deployment_without_any_annotations_is_caught_too() -> None:
    async def story(world: World) -> None:
        await world.apply(Catch())
        workload = world.scene().workload
        assert workload is not None
        assert workload.held_by_us

    bare = deployment()
    del bare["metadata"]["annotations"]
    play(story, canary(), bare)


def test_a_seed_is_the_held_template_owned_and_labelled() -> None:
    async def story(world: World) -> None:
        (body,) = await world.apply(Seed(2))
        workload = world.scene().workload
        assert workload is not None
        label = {"pod-template-hash": canary_hash(workload.fingerprint)}
        assert body["metadata"]["name"] == f"exam-{canary_hash(workload.fingerprint)}"
        assert body["spec"]["replicas"] == 2
        assert body["spec"]["selector"] == {"matchLabels": {"app": "exam"} | label}
        for labels in (body["metadata"]["labels"], body["spec"]["template"]["metadata"]["labels"]):
            assert labels == {"app": "exam"} | label
        (owner,) = body["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == (
            "Deployment",
            "uid-exam",
            True,
        )
        assert body["metadata"]["annotations"] == {
            "deployment.kubernetes.io/desired-replicas": "10",
            "deployment.kubernetes.io/max-replicas": "13",
        }

    play(story, canary(), held(), replica_set(STABLE))


def test_a_seed_is_seen_at_once_and_a_repeat_makes_no_second() -> None:
    async def story(world: World) -> None:
        before = world.scene()
        await world.apply(Seed(1))
        canary_set = world.scene().replica_sets[-1]
        assert (canary_set.replicas, canary_set.images) == (1, ("exam:v2",))
        assert await world.apply(Seed(1), before) == []

    play(story, canary(), held(), replica_set(STABLE))


def test_a_revision_that_was_there_before_is_scaled_instead() -> None:
    async def story(world: World) -> None:
        assert len(await world.apply(Seed(1))) == 1
        assert world.replicas() == {STABLE: 12, "exam-0000": 1}
        annotations = world.at("replicasets", "exam-0000")["metadata"]["annotations"]
        assert annotations["deployment.kubernetes.io/desired-replicas"] == "10"

    old = replica_set("exam-0000", "exam:v2", replicas=0)
    play(story, canary(), held(), replica_set(STABLE, replicas=12), old)


def test_a_seed_of_another_template_than_was_seen_is_a_conflict() -> None:
    async def story(world: World) -> None:
        before = world.scene()
        for moved in (held("exam:v3"), deployment(image="exam:v2")):
            world.server.put(path_of(moved), moved)
            with pytest.raises(Conflict):
                await world.apply(Seed(1), before)

    play(story, canary(), held(), replica_set(STABLE))


def test_a_name_that_somebody_else_has_is_refused() -> None:
    async def story(world: World) -> None:
        workload = world.scene().workload
        assert workload is not None
        taken = replica_set(f"exam-{canary_hash(workload.fingerprint)}", of="other")
        world.server.put(path_of(taken), taken)
        with pytest.raises(Refused):
            await world.apply(Seed(1))

    play(story, canary(), held(), replica_set(STABLE))


def test_scaling_keeps_the_order_and_leaves_alone_what_is_right() -> None:
    async def story(world: World) -> None:
        await world.apply(Scale((("exam-bbbb", 3), (STABLE, 10))))
        names = [one.path.rsplit("/", 1)[1] for one in world.server.writes()]
        assert names == ["exam-bbbb", STABLE]
        assert world.replicas() == {STABLE: 10, "exam-bbbb": 3}
        assert len(await world.apply(Scale((("exam-bbbb", 4), (STABLE, 10))))) == 1

    play(story, *releasing())


def test_scaling_says_how_many_pods_were_wanted_or_no_rollout_would_ever_start_again() -> None:
    async def story(world: World) -> None:
        await world.apply(Scale((("exam-bbbb", 3),)))
        annotations = world.at("replicasets", "exam-bbbb")["metadata"]["annotations"]
        assert annotations["deployment.kubernetes.io/desired-replicas"] == "10"
        assert annotations["deployment.kubernetes.io/max-replicas"] == "13"

    play(story, *releasing())


def test_a_replica_set_that_was_scaled_or_went_is_a_conflict() -> None:
    async def story(world: World) -> None:
        with pytest.raises(Conflict):
            await world.apply(Scale((("exam-cccc", 1),)))
        world.at("replicasets", STABLE)["spec"]["replicas"] = 11
        with pytest.raises(Conflict):
            await world.apply(Scale(((STABLE, 1),)))

    play(story, *releasing())


def test_promoting_lifts_the_pause_and_takes_the_mark_away() -> None:
    async def story(world: World) -> None:
        await world.apply(Promote())
        found = world.at("deployments", "exam")
        assert found["spec"]["paused"] is False
        assert found["metadata"]["annotations"] == {"keep": "me"}
        assert await world.apply(Promote()) == []

    play(story, *releasing())


def test_an_undo_is_one_write_that_leaves_nothing_of_the_canary() -> None:
    async def story(world: World) -> None:
        assert len(await world.apply(Undo(STABLE))) == 1
        found = world.at("deployments", "exam")
        assert found["spec"]["template"] == template()
        assert found["spec"]["paused"] is False
        assert found["metadata"]["annotations"] == {"keep": "me"}
        assert await world.apply(Undo(STABLE)) == []

    bad = held()
    bad["spec"]["template"]["spec"]["volumes"] = [{"name": "of-the-canary"}]
    play(story, canary(), bad, *releasing()[2:])


def test_an_undo_to_a_revision_that_is_gone_is_refused() -> None:
    async def story(world: World) -> None:
        with pytest.raises(Refused):
            await world.apply(Undo("exam-gone"))

    play(story, *releasing())


def test_a_freeze_gives_stable_its_pods_before_it_takes_the_canarys() -> None:
    async def story(world: World) -> None:
        await world.apply(Freeze(STABLE, 10, ("exam-bbbb",)))
        names = [one.path.rsplit("/", 1)[1] for one in world.server.writes()]
        assert names == [STABLE, "exam-bbbb"]
        assert world.replicas() == {STABLE: 10, "exam-bbbb": 0}
        assert await world.apply(Freeze(STABLE, 10, ("exam-bbbb",))) == []
        assert world.at("deployments", "exam")["spec"]["template"] == template("exam:v2")

    play(story, *releasing())


def test_a_freeze_of_a_running_rollout_pauses_first() -> None:
    async def story(world: World) -> None:
        await world.apply(Freeze(STABLE, 12, ("exam-bbbb",)))
        names = [one.path.rsplit("/", 1)[1] for one in world.server.writes()]
        assert names == ["exam", "exam-bbbb"]
        workload = world.scene().workload
        assert workload is not None
        assert workload.held_by_us

    play(story, canary(), deployment(image="exam:v2"), *releasing()[2:])


def labelled() -> Object:
    found = held()
    found["metadata"]["labels"] = {"canary-controller.io/canary": "exam"}
    return found


@pytest.mark.parametrize("change", [Promote(), Undo(STABLE), LetGo(), OptIn("other")])
def test_what_was_decided_on_another_spec_is_a_conflict(change: Change) -> None:
    async def story(world: World) -> None:
        seen = world.scene()
        assert seen.workload is not None
        stale = replace(seen, workload=replace(seen.workload, version="5", generation=0))
        with pytest.raises(Conflict):
            await world.apply(change, stale)

    play(story, canary(), labelled(), *releasing()[2:])


@pytest.mark.parametrize("change", [Promote(), Undo(STABLE), Scale(((STABLE, 3),))])
def test_counts_that_move_meanwhile_do_not_delay_a_move(change: Change) -> None:
    async def story(world: World) -> None:
        seen = world.scene()
        for name, plural in (("exam", "deployments"), (STABLE, "replicasets")):
            found = world.at(plural, name)
            found["status"]["replicas"] = 7
            world.server.put(path_of(found), found)
        assert len(await world.apply(change, seen)) == 1

    play(story, canary(), labelled(), *releasing()[2:])


@pytest.mark.parametrize("change", [Catch(), Promote(), Undo(STABLE)])
def test_a_deployment_that_is_gone_is_refused(change: Change) -> None:
    async def story(world: World) -> None:
        seen = world.scene()
        assert seen.workload is not None
        world.server.remove(path_of(deployment()))
        running = replace(seen, workload=replace(seen.workload, gate_mark=None))
        with pytest.raises(Refused):
            await world.apply(change, running)

    play(story, *releasing())


def test_every_write_is_under_our_own_name() -> None:
    async def story(world: World) -> None:
        await world.apply(Seed(1))
        await world.apply(Undo(STABLE))
        assert {one.query["fieldManager"] for one in world.server.writes()} == {"canary-controller"}

    play(story, canary(), held(), replica_set(STABLE))


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Fault.PAGE, Unavailable),
        (Fault.RESET, Unavailable),
        (Fault.TOO_LARGE, Unavailable),
        (Fault.FORBIDDEN, Refused),
    ],
)
def test_a_write_fails_in_one_of_three_ways(fault: Fault, failure: type[Exception]) -> None:
    async def story(world: World) -> None:
        world.server.faults["PATCH"] = [fault]
        with pytest.raises(failure):
            await world.apply(Promote())
        await world.apply(Promote())

    play(story, *releasing())
