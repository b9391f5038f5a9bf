"""Lengths of time as people write them in a scenario, and as they read them in a report."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

WRONG: Final = "scenario_wrong"
"""Type of the errors that bring their own message and remedy."""

SECONDS_MAX: Final = 7 * 24 * 3600.0

_SPAN: Final = re.compile(
    r"(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6}(?:\.[0-9]{1,3})?)s)?"
)
_REMEDY: Final = "Write hours, minutes and seconds, such as 90s, 5m or 1h30m"


def wrong(message: str, remedy: str, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """An error that says what is wrong and what to do; `at` is a path below where it is raised."""
    # The texts hold values of the user's: they must not be read as a template.
    context = {"message": message, "remedy": remedy, "at": at}
    return PydanticCustomError(WRONG, "{message}", context)


def seconds(value: object) -> float:
    """The seconds that a text says. A number is not read: nobody could tell of what it is."""
    if not isinstance(value, str):
        raise wrong("is not a length of time", _REMEDY)
    matched = _SPAN.fullmatch(value)
    if value.startswith("-") and _SPAN.fullmatch(value[1:]):
        raise wrong("is negative", "Write a time after the push: 0s or more")
    if not value or matched is None:
        raise wrong("is not a length of time", _REMEDY)
    hours, minutes, rest = (float(part or 0) for part in matched.groups())
    total = hours * 3600 + minutes * 60 + rest
    if total > SECONDS_MAX:
        raise wrong("is too long", f"Write at most {written(SECONDS_MAX)}")
    return total


def _positive(value: object) -> float:
    total = seconds(value)
    if not total:
        raise wrong("is no time at all", "Write more than 0s")
    return total


def written(total: float) -> str:
    """A length of time as it is written in a scenario: `90s`, `5m`, `1h30m`."""
    if total < 60 or total % 1:
        return f"{total:g}s"
    whole, rest = divmod(round(total), 60)
    hours, minutes = divmod(whole, 60)
    if total < 120 and rest:
        return f"{total:g}s"
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


_SCHEMA: Final[dict[str, Any]] = {"type": "duration"}

Seconds = Annotated[float, BeforeValidator(seconds), WithJsonSchema(_SCHEMA)]
SomeSeconds = Annotated[float, BeforeValidator(_positive), WithJsonSchema(_SCHEMA)]
"""More than none."""
