"""The real world, started once for all tests that need it, wherever they are."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.rig.build import RigUnavailable
from tests.e2e.rig.world import World
from tests.e2e.stage import install


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
def account(world: World) -> Path:
    return install(world)
