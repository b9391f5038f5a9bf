"""How settings are spelled, and what is said of those that cannot be used."""

import difflib
import re
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo

PREFIX: Final = "CANARY_CONTROLLER_"

# What the kubelet puts into every container for Services: no setting of ours.
_SERVICE_VARIABLE: Final = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)")
_LOOKS_LIKE: Final = 0.8

Fields = Mapping[str, FieldInfo]


def flag(name: str) -> str:
    """How a setting is spelled as a flag, without the dashes."""
    return name.replace("_", "-")


def variable(name: str) -> str:
    """How a setting is spelled in the environment."""
    return PREFIX + name.upper()


def table(fields: Fields) -> str:
    """Every setting: flag, default and meaning."""
    rows = [
        (f"--{flag(name)}", _default_text(field), field.description or "")
        for name, field in fields.items()
    ]
    flag_width, default_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(
        f"  {name:<{flag_width}}  {default:<{default_width}}  {text}"
        for name, default, text in [("flag", "default", "meaning"), *rows]
    )


def explained(
    error: ValidationError, flags: Mapping[str, str], fields: Fields, secrets: frozenset[str]
) -> list[str]:
    """A line for each value that cannot be used: where it was given, and what would do."""
    lines: list[str] = []
    for problem in error.errors(include_url=False, include_context=False):
        reason = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(reason)
            continue
        name = str(problem["loc"][0])
        said = "(secret)" if name in secrets else repr(problem["input"])
        source = f"--{flag(name)}" if name in flags else variable(name)
        extra = fields[name].json_schema_extra
        wanted = extra["wanted"] if isinstance(extra, dict) else ""
        lines.append(f"{name} = {said}: {reason}; set {source} to {wanted}")
    return lines


def misspelt(environment: Mapping[str, str], fields: Fields) -> list[str]:
    """A setting that is misspelt would silently keep its default."""
    known = {variable(name) for name in fields}
    lines: list[str] = []
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in known or _SERVICE_VARIABLE.fullmatch(name):
            continue
        near = difflib.get_close_matches(
            name.removeprefix(PREFIX), map(str.upper, fields), 1, _LOOKS_LIKE
        )
        if near:
            lines.append(f"{name}: there is no such setting; did you mean {PREFIX}{near[0]}?")
    return lines


def _default_text(field: FieldInfo) -> str:
    if isinstance(field.default, bool):
        return str(field.default).lower()
    if field.default is None:
        return "none"
    return str(field.default) if field.default not in {"", ()} else '""'
