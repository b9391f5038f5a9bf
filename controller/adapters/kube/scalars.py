"""What the fields of a Canary are made of: durations and shares, with the same rules in CEL."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from controller.domain.naming import camel
from controller.domain.policy import Share


class Written(BaseModel):
    """A part of the spec, as a person wrote it: a field that nobody knows is refused."""

    model_config = ConfigDict(
        alias_generator=camel, extra="forbid", strict=True, frozen=True, allow_inf_nan=False
    )


WRONG: Final = "canary_wrong"
"""Type of the errors that bring their own message and remedy."""

RULES: Final = "x-kubernetes-validations"
LIST_TYPE: Final = "x-kubernetes-list-type"
LIST_KEYS: Final = "x-kubernetes-list-map-keys"
PODS_MAX: Final = 10_000

_DURATION: Final = r"^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"
_SHORT_DURATION: Final = r"^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?([0-9]{1,7}ms)?$"
_DURATION_CHARACTERS_MAX: Final = 16
_REMEDIES: Final = {
    _DURATION: "Write hours, minutes and seconds, such as 90s, 5m or 1h30m",
    _SHORT_DURATION: "Write minutes, seconds and milliseconds, such as 500ms, 2s or 1m30s",
}
_PERCENT: Final = r"^([1-9][0-9]?|100)%$"
_SHARE_REMEDY: Final = f'Write a number of pods (1 to {PODS_MAX}) or a percentage ("1%" to "100%")'


def wrong(message: str, remedy: str, at: str = "") -> PydanticCustomError:
    """An error that says what is wrong and what to do; `at` is a path below where it is raised."""
    # The texts hold values of the user's: they must not be read as a template.
    context = {"message": message, "remedy": remedy, "at": at}
    return PydanticCustomError(WRONG, "{message}", context)


def duration(text: str) -> timedelta:
    """The length of time that a text says. Asserts that the text is one that was checked."""
    matched = re.fullmatch(_SHORT_DURATION, text)
    assert matched is not None, f"{text!r} was not checked"
    parts = (int(part.rstrip("hms")) if part else 0 for part in matched.groups())
    return timedelta(
        **dict(zip(("hours", "minutes", "seconds", "milliseconds"), parts, strict=True))
    )


def share(value: int | str) -> Share:
    """The share that a checked value says: a number is pods, a text is percent."""
    if isinstance(value, int):
        return Share(pods=value)
    return Share(percent=float(value.removesuffix("%")))


def _checked_share(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise wrong("is neither a number of pods nor a percentage", _SHARE_REMEDY)
    if isinstance(value, str) and not re.fullmatch(_PERCENT, value):
        raise wrong("is not a percentage from 1 to 100", _SHARE_REMEDY)
    if isinstance(value, int) and not 1 <= value <= PODS_MAX:
        raise wrong(f"is not a number of pods from 1 to {PODS_MAX}", _SHARE_REMEDY)
    return value


def _checked_duration(
    shortest: str, longest: str, written: str = _DURATION
) -> Callable[[object], object]:
    def check(value: object) -> object:
        # An empty text matches, since each of its parts may be absent.
        if not isinstance(value, str) or not value or not re.fullmatch(written, value):
            raise wrong("is not a duration", _REMEDIES[written])
        if not duration(shortest) <= duration(value) <= duration(longest):
            raise wrong(f"is not between {shortest} and {longest}", _REMEDIES[written])
        return value

    return check


def _duration_schema(shortest: str, longest: str, written: str = _DURATION) -> dict[str, Any]:
    within = f"duration(self) >= duration('{shortest}') && duration(self) <= duration('{longest}')"
    matches = f"self.matches('{written}')"
    return {
        "type": "string",
        "minLength": 2,
        "maxLength": _DURATION_CHARACTERS_MAX,
        RULES: [
            rule(matches, _REMEDIES[written]),
            # The other rule speaks where the text is no duration at all.
            rule(f"!{matches} || ({within})", f"must be {shortest} to {longest}"),
        ],
    }


def rule(expression: str, message: str, field: str = "") -> JsonDict:
    """A rule that the API server checks; `field` is where it reports a breach."""
    said = {"rule": expression, "message": message, "fieldPath": field}
    return {name: text for name, text in said.items() if text}


def is_duration(path: str) -> str:
    """In CEL: whether there is a readable duration at this path."""
    return f"{path}.matches('{_DURATION}')"


# A pattern holds for texts and a range for numbers. A CEL rule would read better and is refused
# by API servers before 1.34, which take every such text for 3 MB when they estimate its cost.
ShareValue = Annotated[
    int | str,
    BeforeValidator(_checked_share),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "minimum": 1,
            "maximum": PODS_MAX,
            "pattern": _PERCENT,
        }
    ),
]

# As long as a day before a person's patience ends, a week where an approval is waited for.
StepMinimum = Annotated[
    str,
    BeforeValidator(_checked_duration("0s", "24h")),
    WithJsonSchema(_duration_schema("0s", "24h")),
]
StepMaximum = Annotated[
    str,
    BeforeValidator(_checked_duration("1s", "168h")),
    WithJsonSchema(_duration_schema("1s", "168h")),
]
BakeTime = StepMinimum
HistorySpan = Annotated[
    str,
    BeforeValidator(_checked_duration("0s", "168h")),
    WithJsonSchema(_duration_schema("0s", "168h")),
]
SlowThreshold = Annotated[
    str,
    BeforeValidator(_checked_duration("1ms", "1h", _SHORT_DURATION)),
    WithJsonSchema(_duration_schema("1ms", "1h", _SHORT_DURATION)),
]
