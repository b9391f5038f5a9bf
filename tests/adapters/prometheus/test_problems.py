"""What Prometheus cannot be asked is said at the door, with the field and the remedy."""

from datetime import timedelta

import pytest

from controller.adapters.prometheus import PRESETS, problem_of
from controller.adapters.prometheus.presets import REFUSED
from controller.domain.policy import (
    OwnQuery,
    Policy,
    RequestSource,
    Rewrite,
    SegmentRules,
    SlowRequests,
)
from controller.domain.records import Problem

SLOW = SlowRequests(threshold=timedelta(milliseconds=500))


def policy(source: RequestSource | None, slow: SlowRequests | None = None) -> Policy:
    return Policy(target="exam-api", requests=source, slow_requests=slow)


def own(requests: str = "served_total", **others: str) -> RequestSource:
    return RequestSource(query=OwnQuery(requests=requests, **others))


def problem(source: RequestSource | None, slow: SlowRequests | None = None) -> Problem:
    found = problem_of(policy(source, slow))
    assert found is not None
    return found


def test_a_policy_that_can_be_asked_has_no_problem() -> None:
    for name in PRESETS:
        assert problem_of(policy(RequestSource(preset=name), SLOW)) is None
    assert problem_of(policy(None)) is None
    assert problem_of(policy(own(histogram='took_bucket{job="a"}', segment="path"), SLOW)) is None
    assert problem_of(policy(own('served_total{job=~"shop|exam",pod!=""}'))) is None


@pytest.mark.parametrize("name", REFUSED)
def test_a_source_that_does_not_know_the_pod_is_refused_with_the_reason(name: str) -> None:
    found = problem(RequestSource(preset=name))
    assert (found.reason, found.field) == ("PresetNotUsable", "spec.analysis.requests.preset")
    assert "pod" in found.message
    assert "opentelemetry" in found.remedy


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rate(served_total[5m])", "a function's result"),
        ("served_total[5m]", "a range of samples"),
        ("served_total[5m:1m]", "a subquery"),
        ("sum(served_total)", "an aggregation"),
        ("served_total * 2", "a calculation"),
        ("-served_total", "a calculation"),
        ("(served_total)", "in parentheses"),
        ("1", "a number"),
        ('"served"', "a string"),
        ("served_total offset 5m", "moves time"),
        ("served_total @ 5", "moves time"),
        ('served_total{a="1" or b="2"}', 'joins conditions with "or"'),
        ('{job="shop"}', "does not name one metric"),
        ('{__name__=~"served.*"}', "does not name one metric"),
        ('{"served.total"}', "not every Prometheus knows"),
        ('served_total{"a b"="x"}', "not every Prometheus knows"),
        ('served_total{a="1",a="2"}', "two values of a"),
        ('served_total{a=~"(?!x)"}', "is no PromQL"),
        ("served_total{", "is no PromQL"),
        ('served_total{pod="a"}', "chooses pods itself"),
        ('served_total{exported_pod=~"a.*"}', "chooses pods itself"),
        ("served_bucket", "counts something else"),
        ("-" * 100_000 + "served_total", "longer than"),
        ("served_total{" + 'job="shop",' * 200 + "}", "longer than"),
    ],
)
def test_what_is_no_plain_selector_is_refused(text: str, complaint: str) -> None:
    for role in ("requests", "errors"):
        found = problem(own(**{"requests": "served_total", role: text}))
        assert found.field == f"spec.analysis.requests.query.{role}"
        assert complaint in found.message
        assert found.remedy


def test_an_aggregate_is_to_be_recorded_by_a_rule() -> None:
    assert "rule" in problem(own("sum(served_total)")).remedy


def test_a_selector_of_the_histogram_leaves_the_bounds_to_us() -> None:
    assert "le" in problem(own(histogram='took_bucket{le="0.5"}')).message
    assert "_bucket" in problem(own(histogram="took_count")).remedy


def test_a_pod_label_that_was_named_may_not_be_chosen_by() -> None:
    source = RequestSource(query=OwnQuery(requests='served_total{host="a"}'), pod_label="host")
    assert "chooses pods itself" in problem(source).message


def test_labels_are_prometheus_labels() -> None:
    assert problem(own(status="http status")).field == "spec.analysis.requests.query.status"
    assert problem(own(segment="http-route")).field == "spec.analysis.requests.query.segment"


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=5).*",
        "(?<!4)00",
        r"(5)\1",
        "(?P<a>5)(?P=a)",
        "5++",
        "(?>5)",
        "(?x)5",
        "(5",
        "((a{99}){99}){99}",
    ],
)
def test_an_expression_that_is_not_re2s_is_refused(pattern: str) -> None:
    found = problem(own(failed=pattern))
    assert found.field == "spec.analysis.requests.query.failed"
    assert "RE2's syntax" in found.message
    rules = SegmentRules(deny=("/healthz", pattern))
    found = problem(RequestSource(segments=rules))
    assert found.field == "spec.analysis.requests.segments.deny[1]"


@pytest.mark.parametrize(
    "pattern",
    [
        "5..",
        "(?i)error",
        r"/users/\d+(/[^/]+)*",
        r"a\\1",
        "(a+)",
        "(5|4)..|-",
        "(a+b){2}",
        r"[(*+]+\(?=\*+",
        "[[:digit:]]+",
        r"5\z",
        "(5+)+",
        "(?:(?P<x>a|aa)b)+",
        "/.*/.*/.*/.*/edit",
    ],
)
def test_usual_expressions_are_fine(pattern: str) -> None:
    rules = SegmentRules(allow=(pattern,), rewrites=(Rewrite(pattern=pattern, to="$0$$"),))
    assert problem_of(policy(RequestSource(segments=rules))) is None


def test_a_rewrite_names_only_groups_that_there_are() -> None:
    rules = SegmentRules(rewrites=(Rewrite(pattern="/users/([0-9]+)", to="/u/$2"),))
    found = problem(RequestSource(segments=rules))
    assert found.field == "spec.analysis.requests.segments.rewrites[0].to"
    assert "$2" in found.message


def test_slow_requests_need_a_histogram() -> None:
    found = problem(own(), SLOW)
    assert found.field == "spec.analysis.slowRequests"
    assert "histogram" in found.remedy
    assert problem(None, SLOW).field == "spec.analysis.slowRequests"
