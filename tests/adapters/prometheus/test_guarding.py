"""A guard is asked what it says, is refused where it can say nothing, and never passes unseen."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from controller.adapters.prometheus.guard_query import (
    CANARY,
    EITHER,
    STABLE,
    alternation,
    filled,
    guard_problem,
)
from controller.adapters.prometheus.guarding import read_guard, values_of
from controller.domain.policy import Guard
from controller.domain.readings import Measured, Missing

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
ONE, OTHER = frozenset({"web-2-bbbbb", "web-2-aaaaa"}), frozenset({"web-1.x-ccccc"})
T = TypeVar("T")


def guard(query: str, **bounds: Any) -> Guard:
    return Guard(name="queue", query=query, **(bounds or {"maximum": 1.0}))


def problem(query: str, **bounds: Any) -> str:
    found = guard_problem(guard(query, **bounds))
    return "" if found is None else f"{found.message}; {found.remedy}"


@pytest.mark.parametrize(
    "query",
    [
        'max(queue_length{pod=~"{{canaryPods}}"})',
        "max(queue_length{pod=~'{{canaryPods}}'})",
        "max(queue_length{pod=~`{{stablePods}}`,path=~`\\d+\\.x`})",
        'sum(rate(a{pod=~"{{canaryPods}}"}[1m])) / sum(rate(a{pod=~"{{stablePods}}"}[1m]))',
        'a{pod !~ "x-(?:{{canaryPods}})|{{stablePods}}"}',
        'a{pod=~ # the canary\n"{{canaryPods}}"} # not {{anything}}',
        "vector(1)",
        "1 + time()",
        'absent(a{b="#"}) or (b)',
        "a > bool 2",
        "count(a > 2) or vector(0)",
    ],
)
def test_a_query_that_gives_numbers_is_taken(query: str) -> None:
    assert problem(query) == ""


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sum(", "is no PromQL"),
        ("rate(a[5m]", "is no PromQL"),
        ('a{pod="{{canaryPods}}"}', "matcher with =~"),
        ("{{canaryPods}}", "matcher with =~"),
        ('label_replace(a, "b", "{{canaryPods}}", "c", "d")', "matcher with =~"),
        ('a{pod=~"{{canarypods}}"}', "{{canarypods}} is not known"),
        ('a{pod=~"{{ canaryPods }}"}', "is not known"),
        ('a{pod=~"{{canaryPods}}["}', "is no PromQL"),
        ("(a[5m])", "samples over time"),
        ("a[5m:1m]", "samples over time"),
        ('"a"', "gives a text"),
        ('a{pod=~"{{canaryPods}}"} > 3', "gives nothing where that is false"),
        ("(a == b)", "gives nothing where that is false"),
        ("-" * 1000 + "a", "too involved"),
        ("(" * 1500 + "a" + ")" * 1500, "too involved"),
        ("a" * 5000, "longer than"),
    ],
)
def test_a_query_that_cannot_guard_is_refused_with_a_remedy(query: str, said: str) -> None:
    assert said in problem(query)


def test_a_guard_is_checked_once_however_often_it_is_asked() -> None:
    refused = guard_problem(guard("(a[5m])"))
    assert refused is not None
    assert guard_problem(guard("(a[5m])")) is refused


def test_bounds_and_placeholders_belong_together() -> None:
    both = f'a{{pod=~"{EITHER}"}}'
    assert problem(both, max_ratio=1.5) == ""
    assert problem(both, max_ratio=1.5, maximum=3.0) == ""
    assert "need each other" in problem(both, maximum=1.0)
    assert "need each other" in problem("a", max_ratio=1.5)
    assert "need each other" in problem("a # {{pods}}", max_ratio=1.5)
    assert problem("a", minimum=0.0, maximum=0.0) == ""
    assert "more than max" in problem("a", minimum=2.0, maximum=1.0)
    no_bound = guard_problem(Guard(name="queue", query="a"))
    assert no_bound is not None
    assert "no bound" in no_bound.message
    for name in ("", "Queue", "-a", "a" * 64):
        refused = guard_problem(Guard(name=name, query="a", maximum=1.0), "spec.guards[3]")
        assert refused is not None
        assert refused.field == "spec.guards[3]"


def test_names_are_the_same_expression_in_all_quotes() -> None:
    pods = {CANARY: ONE, STABLE: OTHER}
    for quote in "\"'`":
        query = f"a{{pod=~{quote}{CANARY}{quote}}} + b{{pod!~{quote}x{STABLE}{quote}}}"
        assert filled(query, pods) == (
            f"a{{pod=~{quote}web-2-aaaaa|web-2-bbbbb{quote}}} + "
            f"b{{pod!~{quote}x(?:web-1[.]x-ccccc){quote}}}"
        )


def test_strings_and_comments_are_told_apart() -> None:
    query = 'a{b="#\\"x", pod=~"{{canaryPods}}"} # "{{canaryPods}}\n + b'
    text = filled(query, {CANARY: ONE})
    assert text == 'a{b="#\\"x", pod=~"web-2-aaaaa|web-2-bbbbb"}  \n + b'


def test_an_expression_of_nobody_or_of_no_name_is_a_bug() -> None:
    for pods in (frozenset[str](), frozenset({'x"} or vector(1) #'})):
        with pytest.raises(AssertionError):
            alternation(pods)


@dataclass
class Answers:
    """Results by a part of the query, as Prometheus would give them."""

    results: dict[str, Any]
    asked: list[str] = field(default_factory=list)

    async def __call__(
        self, text: str, at: int, timeout_seconds: float, read: Callable[[object], T | Missing]
    ) -> T | Missing:
        assert at == 1_767_355_200_000
        assert timeout_seconds > 0
        self.asked.append(text)
        await asyncio.sleep(0)
        for part, result in self.results.items():
            if part in text:
                return result if isinstance(result, Missing) else read(result)
        raise AssertionError(text)


def vector(*values: object) -> list[dict[str, Any]]:
    return [
        {"metric": {"pod": f"p{number}"}, "value": [1.0, str(value)]}
        for number, value in enumerate(values)
    ]


def measure(
    query: str, results: dict[str, Any], *, canary: frozenset[str] = ONE, **bounds: Any
) -> Measured | Missing:
    answers = Answers(results)
    return asyncio.run(read_guard(answers, guard(query, **bounds), canary, OTHER, NOW))


def test_the_lowest_and_the_highest_of_a_vector() -> None:
    assert measure("a", {"a": vector(3, -1, 2)}) == Measured(at=NOW, lowest=-1, highest=3)
    assert measure("1 + 1", {"1": [1.0, "2"]}) == Measured(at=NOW, lowest=2, highest=2)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ([], "no data"),
        (vector(1, "NaN"), "not finite"),
        (vector("+Inf"), "not finite"),
        ([1.0, "NaN"], "not finite"),
        ([1.0, "text"], "not a number"),
        ([{"metric": {}, "values": [[1.0, "1"]]}], "not a number"),
        ([{"metric": {}, "histogram": [1.0, {}]}], "not a number"),
        ([{"metric": {}, "value": "1"}], "not a number"),
        ({"odd": 1}, "not a number"),
        (None, "not a number"),
    ],
)
def test_anything_but_finite_numbers_is_missing(result: object, reason: str) -> None:
    found = values_of(result)
    assert isinstance(found, Missing)
    assert found.reason == reason


def test_what_is_not_finite_is_named() -> None:
    found = values_of(vector(1, "NaN"))
    assert isinstance(found, Missing)
    assert 'pod="p1"' in found.detail


def test_canary_and_stable_are_asked_alike_and_at_once() -> None:
    query = 'a{pod=~"{{pods}}"}'
    found = measure(query, {"web-2": vector(3, 2), "web-1": vector(1, 2)}, max_ratio=1.2)
    assert found == Measured(at=NOW, lowest=2, highest=3, stable=2)


@pytest.mark.parametrize(
    ("canary", "stable", "reason"),
    [
        (vector(1), vector(0), "no ratio"),
        (vector(1), vector(-1), "negative"),
        (vector(-1), vector(1), "negative"),
        (vector(1), [], "no data"),
        ([], vector(1), "no data"),
        (Missing("timeout", "slow"), vector(1), "timeout"),
    ],
)
def test_a_ratio_that_means_nothing_is_missing(canary: Any, stable: Any, reason: str) -> None:
    found = measure('a{pod=~"{{pods}}"}', {"web-2": canary, "web-1": stable}, max_ratio=1.2)
    assert isinstance(found, Missing)
    assert found.reason == reason


def test_nothing_on_both_sides_is_a_ratio() -> None:
    found = measure('a{pod=~"{{pods}}"}', {"web-2": vector(0), "web-1": vector(0)}, max_ratio=1.2)
    assert found == Measured(at=NOW, lowest=0, highest=0, stable=0)


def test_without_pods_nothing_is_asked() -> None:
    """An expression of no names matches what has no such label: another workload, or all."""
    answers = Answers({})
    nobody = frozenset[str]()
    for query, canary, stable, bounds in (
        ('a{pod=~"{{canaryPods}}"}', nobody, OTHER, {"maximum": 1.0}),
        ('a{pod=~"{{stablePods}}"}', ONE, nobody, {"maximum": 1.0}),
        ('a{pod=~"{{pods}}"}', ONE, nobody, {"max_ratio": 1.0}),
    ):
        found = asyncio.run(read_guard(answers, guard(query, **bounds), canary, stable, NOW))
        assert isinstance(found, Missing)
        assert found.reason == "no pods"
    assert answers.asked == []


def test_a_guard_that_got_past_the_door_is_missing_with_the_reason() -> None:
    found = measure("a[5m]", {})
    assert isinstance(found, Missing)
    assert found.reason == "guard not usable"
