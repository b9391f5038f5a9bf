"""Regular expressions of people: understood alike by Prometheus (RE2) and by us, or refused."""

import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import promql_parser

from controller.adapters.prometheus.selecting import quoted

_GROUP: Final = r"\$(?:(\$)|(\w+)|\{(\w+)\})"
# What has no counterpart in RE2, and how people write it.
_NOT_RE2: Final = (
    (re.compile(r"\(\?<?[=!]"), "looks ahead or behind, which RE2 cannot"),
    (re.compile(r"\\[1-9]|\(\?P=|\(\?\("), "refers back to a group, which RE2 cannot"),
    (re.compile(r"\(\?>|[*+?}]\+"), "is possessive or atomic, which RE2 cannot"),
    (re.compile(r"\(\?[a-z]*x"), "is verbose (?x), which RE2 cannot"),
)
# Steps of a path, one after the other: harmless, and the one repetition of repetitions people need.
_PATH_STEP: Final = re.compile(r"\((?:\?:)?/\[\^/[^\[\]]*\][*+]\)")
_ESCAPE: Final = re.compile(r"\\[^1-9]")  # but not \1, which refers back
_CLASS: Final = re.compile(r"\[\^?\]?[^\]]*\]")
_HEAD: Final = re.compile(r"\(\?[^:>)]*[:>]")
_STRUCTURE: Final = re.compile(
    r"(?P<open>\()|(?P<close>\))|(?P<choice>\|)|(?P<count>[*+]|\{[\d,]+\})"
)
MANY: Final = 10


def trouble(pattern: str) -> str | None:
    """What is wrong with a regular expression, as the end of a sentence; None when nothing is."""
    bare = _CLASS.sub("x", _ESCAPE.sub("x", pattern))
    for construct, complaint in _NOT_RE2:
        if construct.search(bare):
            return complaint
    try:
        promql_parser.parse(f"x{{y=~{quoted(pattern)}}}")
        with warnings.catch_warnings():
            # A class of the form [[:alpha:]] or [a&&b] means something else to us.
            warnings.simplefilter("error", FutureWarning)
            compiled(pattern)
    except (re.error, FutureWarning, OverflowError) as error:
        return f"is not understood: {error}"
    except ValueError:
        return "is no regular expression in RE2's syntax"
    if _explodes(pattern):
        return "repeats a repetition or a choice, which can take for ever"
    return None


def _explodes(pattern: str) -> bool:
    """Whether it may be what RE2 runs in linear time, but we would not: (a+)+ or (a|aa)*."""
    bare = _PATH_STEP.sub("x", re.sub(r"\\.", "x", pattern))
    bare = _HEAD.sub("(", _CLASS.sub("x", bare))
    many = [False]  # of each group that is open: whether it repeats or chooses
    for found in _STRUCTURE.finditer(bare):
        if found["open"]:
            many.append(False)
        elif found["close"]:
            inner = many.pop()
            repeated = _STRUCTURE.match(bare, found.end())
            if inner and repeated and _is_many(repeated["count"]):
                return True
            many[-1] |= inner
        else:
            many[-1] |= bool(found["choice"]) or _is_many(found["count"])
    return False


def _is_many(count: str | None) -> bool:
    if not count:
        return False
    most = count.strip("{}").rpartition(",")[2]
    return not most.isdecimal() or int(most) > MANY


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as RE2 reads it: \\d and \\w are ASCII, and a dot is any character."""
    return re.compile(pattern, re.ASCII | re.DOTALL)


def template_trouble(pattern: str, template: str) -> str | None:
    """What is wrong with the replacement of a sound pattern; None when nothing is."""
    known = compiled(pattern)
    for _, plain, braced in re.findall(_GROUP, template):
        name = plain or braced
        if name and not (name in known.groupindex or (name.isdecimal() and _in(known, name))):
            return f"names ${name}, but the pattern has no such group"
    return None


def filled(template: str) -> Callable[[re.Match[str]], str]:
    """What replaces a match: $1, ${1} and $name stand for groups, $$ for a dollar sign."""

    def fill(match: re.Match[str]) -> str:
        def group(reference: re.Match[str]) -> str:
            dollar, plain, braced = reference.groups()
            if dollar:
                return "$"
            name = plain or braced
            return match[int(name) if name.isdecimal() else name] or ""

        return re.sub(_GROUP, group, template)

    return fill


def _in(known: re.Pattern[str], number: str) -> bool:
    return len(number) <= 3 and int(number) <= known.groups
