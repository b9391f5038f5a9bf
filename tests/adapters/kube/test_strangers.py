"""Who else writes the statuses that one controller writes, and when that is told."""

import logging
from collections.abc import Awaitable, Callable

import pytest

from controller.domain.status import Status
from controller.engine.ports import Conflict, Unavailable
from tests.adapters.kube.apiserver import Fault, until
from tests.adapters.kube.examples import canary, deployment, path_of
from tests.adapters.kube.world import EXAM, World, play


async def commit(world: World, message: str) -> None:
    await world.cluster.commit(EXAM, Status(message=message), world.scene().version)


async def somebody_writes(world: World, message: str, **metadata: str) -> None:
    """A status from elsewhere, once the watch has brought it."""
    found = world.at("canaries", "exam")
    status = {"phase": "Idle", "message": message}
    found = {**found, "status": status, "metadata": {**found["metadata"], **metadata}}
    world.server.put(path_of(found), found)
    await until(lambda: world.scene().status.message == message)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.message
        for record in caplog.records
        if record.levelno == logging.WARNING and "Somebody else" in record.message
    ]


def told_after(caplog: pytest.LogCaptureFixture, story: Callable[[World], Awaitable[None]]) -> int:
    play(story, canary(), deployment())
    return len(told(caplog))


def test_a_status_that_we_did_not_leave_behind_is_another_s(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(world: World) -> None:
        await commit(world, "ours")
        await somebody_writes(world, "theirs")
        await commit(world, "ours again")
        assert world.cluster.strangers.met == 1

    assert told_after(caplog, story) == 1
    assert "the status of exams/exam: a second controller" in told(caplog)[0]
    assert "lease_namespace" in told(caplog)[0]


def test_two_that_fight_are_told_of_now_and_then_not_at_each_write(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(world: World) -> None:
        for number in range(5):
            await commit(world, f"ours {number}")
            await somebody_writes(world, f"theirs {number}")
        assert world.cluster.strangers.met == 4

    assert told_after(caplog, story) == 1


def test_what_was_there_before_us_and_our_own_writes_are_nobody_else_s(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(world: World) -> None:
        await somebody_writes(world, "by the one that led before")
        for number in range(3):
            await commit(world, f"ours {number}")

    assert told_after(caplog, story) == 0


def test_a_person_who_changes_the_canary_writes_no_status(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(world: World) -> None:
        await commit(world, "ours")
        found = world.at("canaries", "exam")
        found["metadata"]["annotations"] = {"canary-controller.io/intent": "promote"}
        world.server.put(path_of(found), found)
        await until(lambda: world.scene().intent)
        await commit(world, "ours again")

    assert told_after(caplog, story) == 0


def test_others_may_have_led_between_two_terms(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        await commit(world, "ours")
        world.cluster.strangers.forget()
        await somebody_writes(world, "of the next leader")
        await commit(world, "ours again")

    assert told_after(caplog, story) == 0


def test_a_canary_that_was_made_anew_is_another_one(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        await commit(world, "ours")
        await somebody_writes(world, "restored from a backup", uid="made-anew")
        await commit(world, "ours again")

    assert told_after(caplog, story) == 0


@pytest.mark.parametrize("lost", [Conflict, Unavailable])
def test_a_write_whose_answer_was_lost_may_have_been_our_own(
    lost: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    async def story(world: World) -> None:
        await commit(world, "ours")
        if lost is Unavailable:
            world.server.faults["PATCH"] = [Fault.PAGE]
            with pytest.raises(Unavailable):
                await commit(world, "its answer is lost")
        else:
            with pytest.raises(Conflict):
                await world.cluster.commit(EXAM, Status(message="late"), "1")
        await somebody_writes(world, "its answer is lost")
        await commit(world, "ours again")

    assert told_after(caplog, story) == 0
