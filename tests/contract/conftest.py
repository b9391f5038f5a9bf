"""Each test twice: on the world in memory, and on a real control plane."""

import inspect
from collections.abc import Iterator

import pytest

from tests.contract.lab import Lab
from tests.contract.real import RealLab, arm
from tests.contract.simulated import SimulatedLab
from tests.e2e.rig.world import World

SIMULATED = "simulated"
REAL = pytest.param("real", marks=pytest.mark.e2e)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is a story runs in the loop of its world."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    asked_for = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in asked_for}
    lab = arguments["lab"]
    assert isinstance(lab, Lab), "a story is told in a lab"
    lab.play(lambda: pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(scope="session")
def armed_world(world: World, account: object) -> World:
    """The real world, with a gate that holds already."""
    arm(world)
    return world


@pytest.fixture(params=[SIMULATED, REAL])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    if request.param == SIMULATED:
        yield SimulatedLab()
        return
    world: World = request.getfixturevalue("armed_world")
    failed_before = request.session.testsfailed
    namespace = world.namespace("contract")
    yield RealLab(world, request.getfixturevalue("account"), namespace)
    if request.session.testsfailed > failed_before:
        print(world.diagnose(namespace))
    world.api.delete("Namespace", namespace)
