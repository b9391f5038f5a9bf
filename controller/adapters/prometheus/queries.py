"""A person's own selectors, parsed at the door and put together anew from what was understood."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import promql_parser

from controller.adapters.prometheus.patterns import covers, trouble
from controller.adapters.prometheus.selecting import quoted

NAME: Final = "__name__"

# The parser takes a time that grows with the square of what is nested.
CHARACTERS_MAX: Final = 2_000

_SHAPES: Final[Mapping[type[object], str]] = {
    promql_parser.MatrixSelector: "a range of samples ([5m])",
    promql_parser.SubqueryExpr: "a subquery",
    promql_parser.AggregateExpr: "an aggregation",
    promql_parser.Call: "a function's result",
    promql_parser.BinaryExpr: "a calculation",
    promql_parser.UnaryExpr: "a calculation",
    promql_parser.NumberLiteral: "a number",
    promql_parser.StringLiteral: "a string",
    promql_parser.ParenExpr: "in parentheses",
}
_TESTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "=": lambda pattern, value: value == pattern,
    "!=": lambda pattern, value: value != pattern,
    "=~": covers,
    "!~": lambda pattern, value: not covers(pattern, value),
}

RECORD: Final = "Record it with a rule that keeps the pod's label, and select that"
SELECT: Final = 'Write the name and, if need be, labels: http_requests_total{job="shop"}'


class Unusable(Exception):
    """Why a text is no selector of counters, and what to write instead."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on a label: `operator` is =, !=, =~ or !~."""

    name: str
    operator: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        return _TESTS[self.operator](self.value, labels.get(self.name, ""))

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric and conditions on its labels."""

    metric: str
    matchers: tuple[Matcher, ...]

    @property
    def text(self) -> str:
        """The conditions as PromQL has them between braces."""
        return ",".join(str(matcher) for matcher in self.matchers)

    def selects(self, labels: Mapping[str, str]) -> bool:
        return labels.get(NAME) == self.metric and all(m.holds(labels) for m in self.matchers)


@lru_cache(maxsize=256)
def selector_of(text: str) -> Selector:
    """What an instant vector selector selects. Raises Unusable."""
    if len(text) > CHARACTERS_MAX:
        raise Unusable(f"is longer than {CHARACTERS_MAX} characters", SELECT)
    try:
        parsed = promql_parser.parse(text)
    except ValueError as error:
        raise Unusable(f"is no PromQL: {error}", SELECT) from None
    shape = _SHAPES.get(type(parsed))
    if shape is not None:
        raise Unusable(f"is {shape}, not a selector of counters", RECORD)
    if not isinstance(parsed, promql_parser.VectorSelector):
        raise Unusable("is not a selector of counters", SELECT)
    if parsed.offset is not None or parsed.at is not None:
        raise Unusable("moves time (offset, @), but pods are compared now", "Leave it out")
    if parsed.matchers.or_matchers:
        raise Unusable('joins conditions with "or", which Prometheus itself does not take', RECORD)
    matchers = tuple(
        Matcher(m.name, _operator(m.op), m.value)
        for m in sorted(parsed.matchers.matchers, key=lambda m: (m.name, m.value))
    )
    return _sound(Selector(_metric(parsed.name, matchers), _without_name(matchers)))


def _operator(op: promql_parser.MatchOp) -> str:
    known = promql_parser.MatchOp
    # They can be compared, but not looked up.
    pairs = ((known.Equal, "="), (known.NotEqual, "!="), (known.Re, "=~"), (known.NotRe, "!~"))
    return next(text for operator, text in pairs if operator == op)


def _metric(name: str | None, matchers: tuple[Matcher, ...]) -> str:
    named = [m.value for m in matchers if m.name == NAME and m.operator == "="]
    metric = name or (named[0] if len(named) == 1 else "")
    if not metric or any(m.name == NAME and m.operator != "=" for m in matchers):
        raise Unusable("does not name one metric", SELECT)
    return metric


def _without_name(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    return tuple(matcher for matcher in matchers if matcher.name != NAME)


def _sound(selector: Selector) -> Selector:
    for name in (selector.metric.replace(":", "_"), *(m.name for m in selector.matchers)):
        if not is_label(name):
            raise Unusable(
                f"has a name that not every Prometheus knows: {name!r}",
                "Use names of letters, digits and underscores; rename others by relabelling",
            )
    for matcher in selector.matchers:
        complaint = trouble(matcher.value) if matcher.operator in {"=~", "!~"} else None
        if complaint:
            raise Unusable(f"has an expression ({matcher}) that {complaint}", "Write it plainly")
    wanted: dict[str, str] = {}
    for matcher in selector.matchers:
        if matcher.operator == "=" and wanted.setdefault(matcher.name, matcher.value) != (
            matcher.value
        ):
            raise Unusable(f"asks for two values of {matcher.name} at once", "Leave one out")
    return selector


def is_label(name: str) -> bool:
    return name.isascii() and name.isidentifier()
