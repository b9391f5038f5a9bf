"""A stage in the real world for each end-to-end test, and a second world from before the gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helm.generate import NAME
from tests.e2e.channel import Channel
from tests.e2e.house import House, open_house
from tests.e2e.rig.cluster import BEFORE_ADMISSION_POLICIES
from tests.e2e.rig.world import World
from tests.e2e.stage import Stage, install
from tests.e2e.worlds import started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")


@pytest.fixture(scope="session")
def old_world() -> Iterator[World]:
    """A server from before admission policies: nothing holds a changed template by itself."""
    yield from started(World(apiserver_flags=BEFORE_ADMISSION_POLICIES))


@pytest.fixture(scope="session")
def old_account(old_world: World) -> Path:
    return install(old_world)


def in_namespace(world: World, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace, gone afterwards; a failed test shows what went on in it."""
    failed_before = request.session.testsfailed
    name = world.namespace()
    yield name
    if request.session.testsfailed > failed_before:
        print(world.diagnose(name))
    world.api.delete("Namespace", name)


@pytest.fixture
def namespace(world: World, request: pytest.FixtureRequest) -> Iterator[str]:
    yield from in_namespace(world, request)


@pytest.fixture
def old_namespace(old_world: World, request: pytest.FixtureRequest) -> Iterator[str]:
    yield from in_namespace(old_world, request)


@pytest.fixture
def stage(world: World, account: Path, namespace: str) -> Iterator[Stage]:
    with Channel() as channel:
        stage = Stage(world, account, namespace, channel)
        yield stage
        stage.controller.stop()


@pytest.fixture
def old_stage(old_world: World, old_account: Path, old_namespace: str) -> Iterator[Stage]:
    with Channel() as channel:
        stage = Stage(old_world, old_account, old_namespace, channel)
        yield stage
        stage.controller.stop()


@pytest.fixture(scope="session")
def own_world() -> Iterator[World]:
    """One that nobody else uses: what is installed there comes and goes."""
    yield from started(World())


@pytest.fixture
def place(own_world: World) -> Iterator[str]:
    name = own_world.namespace("upgrade")
    yield name
    own_world.api.delete("Namespace", name)


@pytest.fixture
def settled(own_world: World, place: str) -> Iterator[Stage]:
    """Freshly installed, as the chart runs it."""
    lease = ("--namespace", "", "--lease-namespace", NAME, "--lease-name", NAME)
    account = install(own_world)
    with Channel() as channel:
        stage = Stage(own_world, account, place, channel, lease)
        yield stage
        stage.controller.stop()


@pytest.fixture(scope="module")
def house(world: World, account: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """One for the stories of a module: each begins with a version of its own."""
    for namespace in in_namespace(world, request):
        with open_house(world, account, namespace) as house:
            yield house
