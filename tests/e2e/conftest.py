"""The real world, started once for all end-to-end tests; a stage in it for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.channel import Channel
from tests.e2e.rig.build import RigUnavailable
from tests.e2e.rig.cluster import BEFORE_ADMISSION_POLICIES
from tests.e2e.rig.world import World
from tests.e2e.stage import Stage, install


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")


def started(world: World) -> Iterator[World]:
    """Skips where there can be no such world; in CI that is a failure."""
    try:
        world.start()
    except RigUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(error.reason)
    yield world
    world.close()


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    yield from started(World())


@pytest.fixture(scope="session")
def old_world() -> Iterator[World]:
    """A server from before admission policies: nothing holds a changed template by itself."""
    yield from started(World(apiserver_flags=BEFORE_ADMISSION_POLICIES))


@pytest.fixture(scope="session")
def account(world: World) -> Path:
    return install(world)


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
