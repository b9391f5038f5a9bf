"""The Lease that replicas share: the one in memory keeps what the API server's keeps."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.adapters.kube.client import KubeClient, load_configuration
from controller.adapters.kube.lease import KubeLease
from controller.engine.leadership import LeaseRecord, Leases
from controller.engine.ports import Conflict
from controller.simulation.loop import play
from helm.generate import NAME
from tests.contract.conftest import REAL, SIMULATED
from tests.e2e.rig.world import World
from tests.engine.leases import Store, Way

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
NEW = LeaseRecord(holder="first", seconds=10, acquired_at=AT, renewed_at=AT, transitions=0)

Story = Callable[[Leases], Awaitable[None]]


@dataclass
class Kept:
    """Where a Lease is kept: how a story is played there, and how a person takes it away."""

    play: Callable[[Story], None]
    delete: Callable[[], None]
    wipe: Callable[[], None]


@pytest.fixture(params=[SIMULATED, REAL])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    if request.param == SIMULATED:
        store = Store()
        way = Way(store, random.Random(1))
        yield Kept(lambda story: play(_told(story, way)), store.delete, store.wipe)
        return
    world: World = request.getfixturevalue("world")
    account: Path = request.getfixturevalue("account")

    def delete() -> None:
        world.api.delete("Lease", NAME, NAME)

    def wipe() -> None:
        world.api.patch("Lease", NAME, {"spec": None}, NAME)

    async def told(story: Story) -> None:
        async with _lease(account) as lease:
            await story(lease)

    delete()
    yield Kept(lambda story: asyncio.run(told(story)), delete, wipe)
    delete()


async def _told(story: Story, leases: Leases) -> None:
    await story(leases)


@asynccontextmanager
async def _lease(account: Path) -> AsyncIterator[KubeLease]:
    """As the controller's own account reaches it, with the chart's rights."""
    client = KubeClient(await load_configuration(account, None))
    try:
        yield KubeLease(client, NAME, NAME)
    finally:
        await client.close()


def test_one_that_is_not_there_is_made_and_read_as_it_was_written(kept: Kept) -> None:
    async def story(leases: Leases) -> None:
        assert await leases.read() is None
        made = await leases.write(NEW)
        assert made.version
        assert made == replace(NEW, version=made.version)
        assert await leases.read() == made

    kept.play(story)


def test_of_two_that_find_none_one_makes_it(kept: Kept) -> None:
    async def story(leases: Leases) -> None:
        made = await leases.write(NEW)
        with pytest.raises(Conflict):
            await leases.write(replace(NEW, holder="second"))
        assert await leases.read() == made

    kept.play(story)


def test_only_the_version_that_is_there_is_replaced(kept: Kept) -> None:
    async def story(leases: Leases) -> None:
        made = await leases.write(NEW)
        renewed = await leases.write(replace(made, renewed_at=AT + timedelta(microseconds=1)))
        assert renewed.version != made.version
        assert renewed.renewed_at == AT + timedelta(microseconds=1)
        with pytest.raises(Conflict):
            await leases.write(replace(made, holder="second"))
        assert await leases.read() == renewed

    kept.play(story)


def test_one_that_was_given_back_has_no_holder(kept: Kept) -> None:
    async def story(leases: Leases) -> None:
        made = await leases.write(NEW)
        await leases.write(replace(made, holder="", seconds=1))
        found = await leases.read()
        assert found is not None
        assert (found.holder, found.seconds) == ("", 1)

    kept.play(story)


def test_one_that_was_deleted_cannot_be_renewed(kept: Kept) -> None:
    async def story(leases: Leases) -> None:
        made = await leases.write(NEW)
        kept.delete()
        with pytest.raises(Conflict):
            await leases.write(made)
        assert await leases.read() is None
        again = await leases.write(replace(NEW, holder="second"))
        with pytest.raises(Conflict):
            await leases.write(made)
        assert await leases.read() == again

    kept.play(story)


def test_one_that_was_wiped_has_no_holder_and_cannot_be_renewed(kept: Kept) -> None:
    async def story(leases: Leases) -> None:
        made = await leases.write(NEW)
        kept.wipe()
        with pytest.raises(Conflict):
            await leases.write(made)
        found = await leases.read()
        assert found is not None
        assert (found.holder, found.seconds, found.transitions) == ("", 0, 0)
        taken = await leases.write(replace(found, holder="second", seconds=10))
        assert taken.holder == "second"

    kept.play(story)


@pytest.mark.e2e
def test_what_others_wrote_beside_it_stays(world: World, account: Path) -> None:
    """Labels of a policy engine, a finalizer, a field that is newer than we are."""

    async def story() -> None:
        async with _lease(account) as lease:
            made = await lease.write(NEW)
            beside = {"metadata": {"labels": {"cost-centre": "17"}}}
            world.api.patch("Lease", NAME, beside, NAME)
            found = await lease.read()
            assert found is not None
            assert found == replace(made, version=found.version)
            await lease.write(replace(found, renewed_at=AT + timedelta(seconds=2)))

    world.api.delete("Lease", NAME, NAME)
    asyncio.run(story())
    found = world.api.get("Lease", NAME, NAME)
    world.api.delete("Lease", NAME, NAME)
    assert found["metadata"]["labels"] == {"cost-centre": "17"}
    assert found["spec"]["renewTime"] == "2026-01-02T03:04:07.678901Z"
