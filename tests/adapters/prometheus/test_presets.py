"""The rows are usable, and what cannot be counted is refused with a reason."""

import re

import pytest

from controller.adapters.prometheus import PRESETS
from controller.adapters.prometheus.problems import source_problem as problem_of
from controller.adapters.prometheus.queries import is_label
from controller.adapters.prometheus.selecting import (
    Ask,
    Selection,
    any_of,
    quoted,
    ranged,
    selector,
)
from controller.domain.policy import RequestSource


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_labels_and_a_pattern(name: str) -> None:
    preset = PRESETS[name]
    assert is_label(preset.counter)
    assert is_label(preset.status)
    assert preset.route == "" or is_label(preset.route)
    re.compile(preset.failed)
    assert problem_of(RequestSource(preset=name)) is None


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("opentelemetry", ("500", "503"), ("200", "404", "5", "")),
        ("fastapi-instrumentator", ("5xx", "500"), ("2xx", "4xx")),
        ("envoy", ("5",), ("2", "4", "50")),
        ("linkerd", ("failure",), ("success",)),
        ("grpc", ("Internal", "DeadlineExceeded"), ("OK", "NotFound", "Canceled")),
    ],
)
def test_a_preset_tells_errors_from_the_rest(
    name: str, bad: tuple[str, ...], good: tuple[str, ...]
) -> None:
    failed = re.compile(PRESETS[name].failed)
    assert all(failed.fullmatch(status) for status in bad)
    assert not any(failed.fullmatch(status) for status in good)


def test_an_unknown_preset_is_answered_with_the_known_ones() -> None:
    problem = problem_of(RequestSource(preset="opentelemtry"))
    assert problem is not None
    assert problem.field == "spec.analysis.requests.preset"
    assert all(name in problem.remedy for name in PRESETS)


def test_ingress_nginx_is_refused_because_it_does_not_know_the_pod() -> None:
    problem = problem_of(RequestSource(preset="ingress-nginx"))
    assert problem is not None
    assert "per serving pod" in problem.message


def test_a_label_that_is_a_piece_of_promql_is_refused() -> None:
    for source in (
        RequestSource(pod_label='pod=~".*"} or up{x'),
        RequestSource(segment_by="http route"),
        RequestSource(pod_label=""),
    ):
        assert problem_of(source) is not None
    assert problem_of(RequestSource(segment_by="", pod_label="k8s_pod_name")) is None


def test_names_are_matched_literally() -> None:
    assert any_of({"exam.api-1", "a|b"}) == r'"a\\|b|exam\\.api-1"'
    assert quoted('a"b\\c\nd') == r'"a\"b\\c\nd"'


def test_one_selector_finds_everybodys_pods() -> None:
    asks = [
        Ask(namespace="exams", pods=frozenset({"a", "b"}), start=100_000, at=120_500),
        Ask(namespace="shop", pods=frozenset({"c"}), start=101_000, at=121_000),
    ]
    selection = Selection(metric="m", matchers='x="y"')
    assert selector(selection, asks) == 'm{x="y",namespace=~"exams|shop",pod=~"a|b|c"}'
    assert ranged(selection, asks).endswith("[23s]")
