"""The scenarios that come with the product: files that a stranger can copy."""

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from controller.simulation.scenario import Scenario
from controller.simulation.scenarios.files import PolicyParser, read_scenario

SUFFIX: Final = ".yaml"


def names() -> tuple[str, ...]:
    """The names of all scenarios, the incident first."""
    found = sorted(one.name.removesuffix(SUFFIX) for one in _files())
    return tuple(sorted(found, key=lambda name: name != "incident"))


def file_of(name: str) -> Traversable | None:
    """The file of a scenario; None when there is none of this name."""
    return next((one for one in _files() if one.name == name + SUFFIX), None)


def scenario(name: str, parse_policy: PolicyParser) -> Scenario:
    """A scenario by its name. Asserts that there is one."""
    file = file_of(name)
    assert file is not None, f"there is no scenario {name!r}"
    return read_scenario(file.read_text(encoding="utf-8"), str(file), parse_policy)


def scenarios(parse_policy: PolicyParser) -> tuple[Scenario, ...]:
    """All of them, the incident first."""
    return tuple(scenario(name, parse_policy) for name in names())


def _files() -> Iterator[Traversable]:
    folder = resources.files("controller.simulation") / "scenarios"
    return (one for one in folder.iterdir() if one.name.endswith(SUFFIX))
