"""From a scenario file to a Scenario, or to everything that is wrong with the file."""

from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final

from pydantic import ValidationError

from controller.domain.policy import Policy
from controller.domain.records import Problem
from controller.simulation.scenario import Scenario
from controller.simulation.scenarios.flaws import Flaw, ScenarioInvalid, flaws_of, spelled
from controller.simulation.scenarios.marked_yaml import Marked, Path, Unreadable, read_yaml
from controller.simulation.scenarios.spec import ScenarioSpec

EXAMPLE: Final = "canaryctl simulate --list names files that can be copied"

PolicyParser = Callable[[object], Policy | Problem]
"""Reads the spec of a Canary without targetRef; a Problem's field begins with `spec`."""


def read_scenario(text: str, file: str, parse_policy: PolicyParser) -> Scenario:
    """The scenario in a text. `file` is what messages call it; its stem becomes the name.

    Raises ScenarioInvalid with every flaw that was found.
    """
    marked = _document(text, file)
    try:
        spec = ScenarioSpec.model_validate(marked.value)
    except ValidationError as error:
        raise ScenarioInvalid(flaws_of(error, file, marked)) from error
    policy = parse_policy(spec.policy)
    if isinstance(policy, Problem):
        raise ScenarioInvalid((_policy_flaw(policy, file, marked, ("policy",)),))
    _check_guards(spec, policy, file, marked)
    return spec.record(PurePath(file).stem, policy)


def read_canary(text: str, file: str, parse_policy: PolicyParser) -> Policy:
    """The policy of the one Canary among the objects in a text.

    Raises ScenarioInvalid with what is wrong with it.
    """
    found = [
        one
        for one in _documents(text, file)
        if isinstance(one.value, dict) and one.value.get("kind") == "Canary"
    ]
    if len(found) != 1:
        what = "has more than one Canary" if found else "has no object of kind Canary"
        remedy = "Give a file with one Canary, such as kubectl get canary NAME -o yaml writes"
        raise ScenarioInvalid((_whole(file, 1, what, remedy),))
    (canary,) = found
    spec: Any = canary.value.get("spec")
    if isinstance(spec, dict):
        spec = {name: value for name, value in spec.items() if name != "targetRef"}
    policy = parse_policy(spec)
    if isinstance(policy, Problem):
        raise ScenarioInvalid((_policy_flaw(policy, file, canary, ("spec",)),))
    return policy


def _document(text: str, file: str) -> Marked:
    documents = _documents(text, file)
    if not documents or documents[0].value is None:
        raise ScenarioInvalid((_whole(file, 1, "is empty", EXAMPLE),))
    first, *others = documents
    if others:
        line = others[0].line(())
        message = "has more than one document"
        raise ScenarioInvalid((_whole(file, line, message, "Write one scenario to a file"),))
    if not isinstance(first.value, dict):
        message = "is not a scenario: it has no fields"
        raise ScenarioInvalid((_whole(file, 1, message, EXAMPLE),))
    return first


def _documents(text: str, file: str) -> list[Marked]:
    try:
        return read_yaml(text)
    except Unreadable as error:
        flaw = Flaw(
            file=file,
            line=error.line,
            field=spelled(error.path),
            message=error.message,
            remedy=error.remedy,
        )
        raise ScenarioInvalid((flaw,)) from error


def _check_guards(spec: ScenarioSpec, policy: Policy, file: str, marked: Marked) -> None:
    """Values of a guard that nobody asks for are a slip of the pen."""
    known = [guard.name for guard in policy.guards]
    for name in spec.guards:
        if name not in known:
            flaw = Flaw(
                file=file,
                line=marked.line(("guards", name)),
                field=spelled(("guards", name)),
                message="is not a guard of the policy",
                remedy=f"Known there: {', '.join(known)}"
                if known
                else "Write it in policy.analysis.guards too",
            )
            raise ScenarioInvalid((flaw,))


def _whole(file: str, line: int, message: str, remedy: str) -> Flaw:
    return Flaw(file=file, line=line, field="", message=message, remedy=remedy)


def _policy_flaw(problem: Problem, file: str, marked: Marked, root: Path) -> Flaw:
    """A problem with a Canary's spec, at its line in this file."""
    path = (*root, *_path(problem.field.removeprefix("spec")))
    return Flaw(
        file=file,
        line=marked.line(path),
        field=spelled(path),
        message=problem.message,
        remedy=problem.remedy,
    )


def _path(field: str) -> Path:
    """`.steps[1].canary` as a path."""
    parts = field.replace("[", ".[").split(".")
    return tuple(
        int(part[1:-1]) if part.startswith("[") and part.endswith("]") else part
        for part in parts
        if part
    )
