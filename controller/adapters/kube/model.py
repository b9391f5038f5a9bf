"""From what a person wrote to the Policy that the decision reads, or to words that help them."""

import difflib
import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from controller.adapters.kube.names import PLURAL
from controller.adapters.kube.scalars import WRONG
from controller.adapters.kube.spec import CanarySpec
from controller.domain.policy import Policy
from controller.domain.records import Problem

__all__ = ["CanarySpec", "parse_policy", "spec_problems"]

_SHOWN_CHARACTERS_MAX: Final = 60


def parse_policy(
    spec: object, metrics_problem: Callable[[Policy], Problem | None]
) -> Policy | Problem:
    """The Policy that a Canary's spec asks for, or the first thing that is wrong with it.

    Never raises: the API server has checked the spec against the CRD, but an older CRD may be
    installed, and a client that does not ask for strict field validation gets its typos pruned
    without a word. `metrics_problem` says whether the metrics can be asked what the policy asks.
    """
    problems = spec_problems(spec)
    if problems:
        first, *others = problems
        more = f" ({len(others)} more after it)" if others else ""
        return replace(first, message=first.message + more)
    policy = CanarySpec.model_validate(spec).policy()
    return metrics_problem(policy) or policy


def spec_problems(spec: object) -> tuple[Problem, ...]:
    """Everything that is wrong with a spec in itself; empty: it can be read."""
    if not isinstance(spec, dict):
        message = "is missing" if spec is None else "is not an object"
        return (_problem("spec", message, _explain([])),)
    try:
        CanarySpec.model_validate(spec)
    except ValidationError as error:
        return tuple(_problem(_path(one), *_words(one)) for one in error.errors(include_url=False))
    return ()


def _problem(path: str, message: str, remedy: str) -> Problem:
    return Problem(reason="SpecInvalid", field=path, message=message, remedy=remedy)


def _path(error: ErrorDetails) -> str:
    """Where the error is, as JSONPath has it: `spec.steps[1].canary`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]]
    below = error.get("ctx", {}).get("at", "") if error["type"] == WRONG else ""
    return "spec" + "".join(parts) + (f".{below}" if below else "")


def _words(error: ErrorDetails) -> tuple[str, str]:
    """What is wrong with the value given, and the remedy."""
    value = _shown(error["input"])
    context = error.get("ctx", {})
    where = [str(part) for part in error["loc"] if not isinstance(part, int)]
    match error["type"]:
        case "canary_wrong":
            # An error of two fields names its values itself; its input is the whole record.
            message = context["message"]
            return (message if context["at"] else f"{value} {message}"), context["remedy"]
        case "extra_forbidden":
            return "is not a known field", _meant(where)
        case "missing":
            return "is missing", f"Add {error['loc'][-1]}. {_explain(where)}"
        case "string_pattern_mismatch":
            return f"{value} is not a valid name", _explain(where)
        case "model_type" | "dict_type":
            return f"{value} is not an object", _explain(where)
        case "too_short":
            return "is empty", f"Leave it out for the default. {_explain(where)}"
        case "enum" | "literal_error":
            return f"{value} is not known", f"Write {context['expected']}"
        case _:
            # pydantic's own words: "Input should be greater than or equal to 1".
            return f"{value} {_lower(error['msg'].removeprefix('Input '))}", _explain(where)


def _meant(where: Iterable[str]) -> str:
    """The known field that comes nearest to a misspelt one."""
    *parents, name = where
    known = _fields(parents)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Known here: {', '.join(known)}" if known else _explain(parents)


def _fields(parents: Iterable[str]) -> list[str]:
    """The names of the fields of the record at this path."""
    schema = _schema()
    node = schema
    for name in parents:
        node = _resolved(node.get("properties", {}).get(name, {}), schema)
        node = _resolved(node.get("items", node), schema)
    return list(node.get("properties", {}))


@functools.cache
def _schema() -> dict[str, Any]:
    # Made once: it takes milliseconds, and a broken Canary is read again at every look.
    return CanarySpec.model_json_schema()


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref", "")
    found: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]] if reference else node
    return found


def _explain(where: Iterable[str]) -> str:
    return f"See: kubectl explain {'.'.join([PLURAL, 'spec', *where])}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    # Not JSON at all: it cannot have come from the API server, and is shown as Python sees it.
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "…"
