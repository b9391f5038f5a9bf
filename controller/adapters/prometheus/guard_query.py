"""A guard's query: checked at the door, and filled with the names of pods. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import promql_parser

from controller.domain.policy import Guard
from controller.domain.records import Problem

FIELD: Final = "spec.analysis.guards"
CANARY: Final = "{{canaryPods}}"
STABLE: Final = "{{stablePods}}"
EITHER: Final = "{{pods}}"
KNOWN: Final = (CANARY, STABLE, EITHER)
EXAMPLES: Final = frozenset({"exam-api-7c9d8b6f5-x2x4z", "exam-api-7c9d8b6f5-b5bzt"})

# The parser takes a time that grows with the square of what is nested.
CHARACTERS_MAX: Final = 4_000
OPERATORS_MAX: Final = 400
DEPTH_MAX: Final = 100
NAME_MAX: Final = 63
REMEMBERED: Final = 1_024

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_POD: Final = re.compile(r"[A-Za-z0-9._-]+")
_PLACEHOLDER: Final = re.compile(r"\{\{.*?\}\}")
_TOKEN: Final = re.compile(
    r"""(?P<comment>\#[^\n]*)
    | (?P<string>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | `[^`]*`)
    | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS: Final = frozenset({"==", "!=", ">", "<", ">=", "<="})


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a query. Placeholders stand in strings; `matched`: it is a regular expression."""

    text: str
    is_string: bool = False
    matched: bool = False


class Unusable(Exception):
    """Why a query can guard nothing, and what to write instead."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@lru_cache(maxsize=REMEMBERED)  # Asked at each look, and parsing is dear.
def guard_problem(guard: Guard, field: str = FIELD) -> Problem | None:
    """Why a guard cannot be evaluated as it was meant, or None."""
    try:
        _check_name(guard.name)
        _check_length(guard)
        _check_bounds(guard)
        _check_query(guard)
    except Unusable as error:
        return Problem(
            reason="GuardNotUsable", field=field, message=error.message, remedy=error.remedy
        )
    return None


def filled(query: str, pods: Mapping[str, frozenset[str]]) -> str:
    """The query with regular expressions of pods' names instead of placeholders.

    Asserts that there are pods for each placeholder in it: an expression of no names would match
    series that have no such label at all.
    """
    return "".join(_filled(piece, pods) for piece in _pieces(query))


def placeholders(query: str) -> frozenset[str]:
    """Those that the query has where they are replaced: in its strings."""
    return frozenset(
        found for piece in _pieces(query) for found in _PLACEHOLDER.findall(piece.text)
    )


def alternation(pods: frozenset[str]) -> str:
    """A regular expression of these names that is the same text in all three kinds of quotes."""
    assert pods, "an expression of no names would match what has no such label"
    odd = [pod for pod in pods if not _POD.fullmatch(pod)]
    assert not odd, f"no name that Kubernetes gives to a pod: {odd}"
    return "|".join(pod.replace(".", "[.]") for pod in sorted(pods))


def _filled(piece: Piece, pods: Mapping[str, frozenset[str]]) -> str:
    text = piece.text
    for name in KNOWN:
        if piece.is_string and name in text:
            names = alternation(pods[name])
            text = text.replace(name, names if text[1:-1] == name else f"(?:{names})")
    return text


@lru_cache(maxsize=REMEMBERED)  # Split at each look as well.
def _pieces(query: str) -> tuple[Piece, ...]:
    """Strings and what is between them, without comments."""
    pieces: list[Piece] = []
    before = ""
    for match in _TOKEN.finditer(query):
        if match["string"]:
            matched = before.rstrip().endswith(("=~", "!~"))
            pieces.append(Piece(before))
            pieces.append(Piece(match["string"], is_string=True, matched=matched))
            before = ""
        else:
            before += " " if match["comment"] else match[0]
    return (*pieces, Piece(before))


def _check_name(name: str) -> None:
    if len(name) > NAME_MAX or not _NAME.fullmatch(name):
        raise Unusable(
            f"{name!r} is no name of a guard",
            f"Use small letters, digits and hyphens, at most {NAME_MAX}",
        )


def _check_bounds(guard: Guard) -> None:
    low, high, ratio = guard.minimum, guard.maximum, guard.max_ratio
    if low is None and high is None and ratio is None:
        raise Unusable(f"{guard.name} has no bound", "Give it max, min or maxRatio")
    if low is not None and high is not None and low > high:
        raise Unusable(f"{guard.name}: min {low:g} is more than max {high:g}", "Swap them")
    if (ratio is not None) != (EITHER in placeholders(guard.query)):
        raise Unusable(
            f"{guard.name}: maxRatio and {EITHER} need each other",
            f"Write {EITHER} where the pods' names belong and set maxRatio, or write {CANARY} or "
            f"{STABLE} and leave maxRatio out",
        )


def _check_length(guard: Guard) -> None:
    """First, so that nothing endless is split or remembered."""
    if len(guard.query) > CHARACTERS_MAX:
        raise Unusable(
            f"{guard.name}: the query is longer than {CHARACTERS_MAX} characters",
            "Record parts of it with rules, and guard the result",
        )


def _check_query(guard: Guard) -> None:
    pieces = _pieces(guard.query)
    for piece in pieces:
        _check_placeholders(guard.name, piece)
    _check_size(guard.name, "".join(piece.text for piece in pieces if not piece.is_string))
    text = filled("".join(map(_plainly_quoted, pieces)), dict.fromkeys(KNOWN, EXAMPLES))
    try:
        parsed = promql_parser.parse(text)
    except ValueError as error:
        raise Unusable(
            f"{guard.name}: the query is no PromQL: {error}", "Try it in Prometheus itself"
        ) from None
    _check_result(guard.name, parsed)


def _check_placeholders(name: str, piece: Piece) -> None:
    for found in _PLACEHOLDER.findall(piece.text):
        if found not in KNOWN:
            raise Unusable(f"{name}: {found} is not known", f"Write {', '.join(KNOWN)}")
        if not piece.matched:
            raise Unusable(
                f"{name}: {found} stands for a regular expression of names, which means nothing "
                "there",
                f'Write it in a matcher with =~ or !~, such as pod=~"{found}"',
            )


def _check_size(name: str, text: str) -> None:
    depth = deepest = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        deepest = max(deepest, depth)
    operators = sum(character in "+-*/%^<>=!" for character in text)
    if deepest > DEPTH_MAX or operators > OPERATORS_MAX:
        raise Unusable(
            f"{name}: the query is too involved",
            "Record parts of it with rules, and guard the result",
        )


def _plainly_quoted(piece: Piece) -> str:
    """A string in double quotes: the parser takes backslashes in `...` for escapes."""
    if not piece.is_string or piece.text[0] != "`":
        return piece.text
    inner = piece.text[1:-1].replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{inner}"'


def _check_result(name: str, parsed: object) -> None:
    while isinstance(parsed, promql_parser.ParenExpr):
        parsed = parsed.expr
    if isinstance(parsed, promql_parser.MatrixSelector | promql_parser.SubqueryExpr):
        raise Unusable(
            f"{name}: the query gives samples over time, not numbers of now",
            "Put a function around it, such as rate(...) or max_over_time(...)",
        )
    if isinstance(parsed, promql_parser.StringLiteral):
        raise Unusable(f"{name}: the query gives a text", "Write one that gives numbers")
    if isinstance(parsed, promql_parser.BinaryExpr) and _filters(parsed):
        raise Unusable(
            f"{name}: the query compares ({parsed.op}), and gives nothing where that is false: a "
            "guard that sees nothing has not passed",
            "Write what is compared, and set its limit with max or min",
        )


def _filters(parsed: promql_parser.BinaryExpr) -> bool:
    """Whether it is a comparison that leaves out what does not hold."""
    as_number = parsed.modifier is not None and parsed.modifier.return_bool
    return str(parsed.op) in _COMPARISONS and not as_number
