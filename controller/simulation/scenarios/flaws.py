"""What is wrong with a scenario file, in words that help: line, field, message, remedy."""

import difflib
import json
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from controller.simulation.scenarios.marked_yaml import Marked, Path
from controller.simulation.scenarios.schema import node_at
from controller.simulation.scenarios.spans import WRONG

FLAWS_MAX: Final = 20
SHOWN_CHARACTERS_MAX: Final = 60

_RECORD: Final = ("{value} is not a record", "Write its fields below it, each on a line")
# What is wrong with the shape of a value, and the remedy, by pydantic's name for it.
SHAPES: Final = {
    "model_type": _RECORD,
    "dict_type": _RECORD,
    "list_type": ("{value} is not a list", "Begin each item with a dash"),
    "too_short": ("is empty", "Leave it out for the default"),
    "too_long": ("is too long", "At most {max_length} are read"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong, and what to do about it. `field` is "" when it is the whole file."""

    file: str
    line: int
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        field = f"{self.field} " if self.field else ""
        return f"{self.file}:{self.line}: {field}{self.message}. {self.remedy}"


class ScenarioInvalid(ValueError):
    """A file that is no scenario. The message has a line for each flaw."""

    def __init__(self, flaws: tuple[Flaw, ...]) -> None:
        super().__init__("\n".join(map(str, flaws)))
        self.flaws = flaws


def flaws_of(error: ValidationError, file: str, marked: Marked) -> tuple[Flaw, ...]:
    """Every error of a file, in the order of its lines."""
    found = [_flaw(one, file, marked) for one in error.errors(include_url=False)]
    found.sort(key=lambda flaw: flaw.line)
    return tuple(found[:FLAWS_MAX])


def spelled(path: Path) -> str:
    """A path as people write it: `disturbances[1].outage.at`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def _flaw(error: ErrorDetails, file: str, marked: Marked) -> Flaw:
    path: Path = error["loc"]
    if path and path[-1] == "[key]":
        path = path[:-1]
    if error["type"] == WRONG:
        path = (*path, *error["ctx"]["at"])
    message, remedy = _words(error, path)
    return Flaw(
        file=file, line=marked.line(path), field=spelled(path), message=message, remedy=remedy
    )


def _words(error: ErrorDetails, path: Path) -> tuple[str, str]:
    value = shown(error["input"])
    context = error.get("ctx", {})
    match error["type"]:
        case "scenario_wrong":
            # An error of several fields names its values itself; its input is the whole record.
            message = str(context["message"])
            whole = context["at"] or isinstance(error["input"], dict)
            return (message if whole else f"{value} {message}"), context["remedy"]
        case "extra_forbidden":
            return "is not a known field", _meant(path)
        case "missing":
            return "is missing", f"Add it: {_meaning(path)}"
        case "model_type" | "dict_type" | "model_attributes_type":
            return (
                f"{value} is not a record",
                f"Write its fields below it. {_meaning(path)}".strip(),
            )
        case "list_type":
            return f"{value} is not a list", "Begin each item with a dash"
        case "enum" | "literal_error":
            return f"{value} is not known", f"Write {context['expected']}"
        case kind if kind in SHAPES:
            message, remedy = SHAPES[kind]
            return message.format(value=value), remedy.format(**context)
        case _:
            # pydantic's own words: "Input should be greater than or equal to 1".
            said = error["msg"].removeprefix("Input ")
            return f"{value}: it {said[:1].lower()}{said[1:]}", _meaning(path)


def _meant(path: Path) -> str:
    """The known field that comes nearest to a misspelt one."""
    known = [str(name) for name in node_at(path[:-1]).get("properties", {})]
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Known here: {', '.join(known)}"


def _meaning(path: Path) -> str:
    return str(node_at(path).get("description", ""))


def shown(value: object) -> str:
    """A value as it may stand in a sentence."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[:SHOWN_CHARACTERS_MAX] + "…"
