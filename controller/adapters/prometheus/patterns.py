"""Regular expressions of people, run by the engine that Prometheus' own syntax comes from.

RE2 takes linear time whatever the expression and the text: labels hold what callers sent, and an
expression that explodes would stop the loop that watches for crashes.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import re2

_GROUP: Final = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)
MEMORY_MAX: Final = 1 << 20  # bytes for one expression; more is refused at the door

Pattern = Any  # a compiled expression: re2 has no types


def trouble(pattern: str) -> str | None:
    """What is wrong with a regular expression, as the end of a sentence; None when nothing is."""
    try:
        compiled(pattern)
    except re2.error as error:
        said = error.args[0] if error.args else b""
        why = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        return f"is no regular expression in RE2's syntax: {why}"
    except UnicodeEncodeError:
        return "has a character that is none"
    return None


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Pattern:
    """The pattern as Prometheus reads it: a dot is any character; re2.error when it is none."""
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = MEMORY_MAX
    return re2.compile(pattern, options)


def covers(pattern: str, text: str) -> bool:
    """Whether a sound pattern matches the whole of a label's value, half a character included."""
    return compiled(pattern).fullmatch(whole(text)) is not None


def whole(text: str) -> str:
    """The text as RE2 takes it: a label may be anything that a caller sent."""
    return text.encode(errors="replace").decode()


def template_trouble(pattern: str, template: str) -> str | None:
    """What is wrong with the replacement of a sound pattern; None when nothing is."""
    known = compiled(pattern)
    for _, plain, braced in _GROUP.findall(template):
        name = plain or braced
        if name and not (name in known.groupindex or (name.isdecimal() and _in(known, name))):
            return f"names ${name}, but the pattern has no such group"
    return None


def filled(template: str) -> Callable[[Any], str]:
    """What replaces a match: $1, ${1} and $name stand for groups, $$ for a dollar sign."""

    def fill(match: Any) -> str:
        def group(reference: re.Match[str]) -> str:
            dollar, plain, braced = reference.groups()
            if dollar:
                return "$"
            name = plain or braced
            return match.group(int(name) if name.isdecimal() else name) or ""

        return _GROUP.sub(group, template)

    return fill


def _in(known: Pattern, number: str) -> bool:
    """As in Go, where $01 is no group's number."""
    return len(number) <= 3 and str(int(number)) == number and int(number) <= known.groups
