"""What a person may write in a Canary, and what they are told when they may not."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.adapters.kube.model import parse_policy
from controller.domain.policy import (
    COUNTED,
    CoverageRule,
    DeathCause,
    ErrorRate,
    Guard,
    Limits,
    Mode,
    OnInconclusive,
    OwnQuery,
    Policy,
    RequestSource,
    Restarts,
    Rewrite,
    RollbackStrategy,
    SegmentRules,
    Share,
    SlowRequests,
    Step,
)
from controller.domain.records import Problem

SMALLEST: dict[str, Any] = {"targetRef": {"name": "exam"}}


def every_preset(policy: Policy) -> Problem | None:
    return None


def parsed(**fields: object) -> Policy:
    policy = parse_policy(SMALLEST | fields, every_preset)
    assert isinstance(policy, Policy), policy
    return policy


def refused(**fields: object) -> Problem:
    problem = parse_policy(SMALLEST | fields, every_preset)
    assert isinstance(problem, Problem), problem
    return problem


def guarding(*guards: Mapping[str, object]) -> dict[str, object]:
    """Fields of a spec with these guards; what is not said of one is that of a queue."""
    return {"analysis": {"guards": [{"name": "queue", "query": "length", **g} for g in guards]}}


def test_six_lines_are_a_whole_policy_with_the_defaults_of_the_domain() -> None:
    assert parse_policy(SMALLEST, every_preset) == Policy(target="exam")


def test_every_field_reaches_the_policy() -> None:
    policy = parsed(
        mode="Observe",
        steps=[
            {"canary": 2, "minDuration": "90s", "maxDuration": "1h30m", "approval": True},
            {"canary": "100%", "minDuration": "0s"},
        ],
        analysis={
            "requests": {
                "preset": "istio",
                "segmentBy": "",
                "podLabel": "pod_name",
                "segments": {
                    "rewrites": [{"pattern": "/[0-9]+", "to": "/{id}"}],
                    "deny": ["/healthz"],
                    "allow": ["/lti/.*"],
                    "most": 7,
                },
            },
            "errorRate": {
                "ratio": 2,
                "difference": 0.001,
                "promoteRatio": 3,
                "promoteDifference": 0.01,
            },
            "slowRequests": {
                "threshold": "1s500ms",
                "ratio": 1.2,
                "difference": 0.01,
                "promoteRatio": 2,
                "promoteDifference": 0.1,
            },
            "restarts": {
                "extraPerPodDay": 4,
                "containers": ["server"],
                "counted": ["Crash", "Evicted", "Crash"],
            },
            "limits": {"restarts": 0, "errorRate": 0.05, "minRequests": 40},
            "guards": [
                {"name": "queue", "query": "length", "max": 5, "min": -1, "for": "2m"},
                {"name": "orders", "query": 'sum(o{pod=~"{{pods}}"})', "maxRatio": 1.5},
            ],
            "history": "36h",
            "coverage": {"minRequests": 29, "ignorableShare": 0.01},
            "falseRollbackMax": 0.001,
        },
        onInconclusive="Continue",
        rollback={"strategy": "Freeze", "window": 0},
        bake="1h",
    )
    assert policy == Policy(
        target="exam",
        mode=Mode.OBSERVE,
        steps=(
            Step(
                canary=Share(pods=2),
                min_duration=timedelta(seconds=90),
                max_duration=timedelta(minutes=90),
                approval=True,
            ),
            Step(canary=Share(percent=100), min_duration=timedelta(0)),
        ),
        requests=RequestSource(
            preset="istio",
            segment_by="",
            pod_label="pod_name",
            segments=SegmentRules(
                rewrites=(Rewrite(pattern="/[0-9]+", to="/{id}"),),
                deny=("/healthz",),
                allow=("/lti/.*",),
                most=7,
            ),
        ),
        error_rate=ErrorRate(ratio=2, difference=0.001, promote_ratio=3, promote_difference=0.01),
        slow_requests=SlowRequests(
            threshold=timedelta(milliseconds=1500),
            ratio=1.2,
            difference=0.01,
            promote_ratio=2,
            promote_difference=0.1,
        ),
        restarts=Restarts(
            extra_per_pod_day=4,
            containers=("server",),
            counted=(DeathCause.CRASH, DeathCause.EVICTED),
        ),
        limits=Limits(restarts=0, error_rate=0.05, min_requests=40),
        guards=(
            Guard(
                name="queue",
                query="length",
                maximum=5,
                minimum=-1,
                lasting=timedelta(minutes=2),
            ),
            Guard(name="orders", query='sum(o{pod=~"{{pods}}"})', max_ratio=1.5),
        ),
        history=timedelta(hours=36),
        coverage=CoverageRule(min_requests=29, ignorable_share=0.01),
        false_rollback_max=0.001,
        on_inconclusive=OnInconclusive.CONTINUE,
        rollback=RollbackStrategy.FREEZE,
        rollback_window=0,
        bake=timedelta(hours=1),
    )


def test_an_own_query_takes_the_place_of_a_preset() -> None:
    whole = {
        "requests": "http_total",
        "errors": "http_failed_total",
        "segment": "route",
        "histogram": "http_ms_bucket",
        "unit": "ms",
    }
    assert parsed(analysis={"requests": {"query": whole}}).requests == RequestSource(
        query=OwnQuery(
            requests="http_total",
            errors="http_failed_total",
            segment="route",
            histogram="http_ms_bucket",
            unit="ms",
        )
    )
    said = {"requests": "http_total", "status": "result", "failed": "error|timeout"}
    assert parsed(analysis={"requests": {"query": said}}).requests == RequestSource(
        query=OwnQuery(requests="http_total", status="result", failed="error|timeout")
    )


def test_requests_can_be_left_out_of_the_judgement() -> None:
    assert parsed(analysis={"requests": {"disabled": True, "preset": "istio"}}).requests is None


@pytest.mark.parametrize(
    ("fields", "path", "said"),
    [
        ({"steps": [{"canary": 1}, {"canary": "150%"}]}, "spec.steps[1].canary", '"150%"'),
        ({"steps": [{"canary": 0}]}, "spec.steps[0].canary", "0 is not a number of pods from 1"),
        ({"steps": [{"canary": True}]}, "spec.steps[0].canary", "true is neither"),
        ({"steps": [{"canary": "25"}]}, "spec.steps[0].canary", "not a percentage"),
        ({"steps": [{"canary": "025%"}]}, "spec.steps[0].canary", "not a percentage"),
        ({"steps": [{"canary": 5}, {"canary": 3}]}, "spec.steps[1].canary", "3 is less than the 5"),
        (
            {"steps": [{"canary": "50%"}, {"canary": 1}, {"canary": "9%"}]},
            "spec.steps[2].canary",
            "9% is less than the 50%",
        ),
        ({"steps": []}, "spec.steps", "is empty"),
        ({"steps": [{"canary": 1}] * 21}, "spec.steps", "at most 20"),
        ({"steps": [{}]}, "spec.steps[0].canary", "is missing"),
        (
            {"steps": [{"canary": 1, "maxDuration": "10s"}]},
            "spec.steps[0].maxDuration",
            '"10s" is shorter than minDuration "60s"',
        ),
        ({"bake": "ten minutes"}, "spec.bake", '"ten minutes" is not a duration'),
        ({"bake": ""}, "spec.bake", '"" is not a duration'),
        ({"bake": 600}, "spec.bake", "600 is not a duration"),
        ({"bake": "48h"}, "spec.bake", "not between 0s and 24h"),
        ({"mode": "Watch"}, "spec.mode", '"Watch" is not known'),
        ({"analysis": None}, "spec.analysis", "null is not an object"),
        ({"analysis": {"errorRate": {"ratio": 0.5}}}, "spec.analysis.errorRate.ratio", "0.5"),
        ({"rollback": {"window": True}}, "spec.rollback.window", "true"),
        (
            {"analysis": {"requests": {"preset": "istio", "query": {"requests": "x"}}}},
            "spec.analysis.requests.query",
            'excludes preset, which is "istio"',
        ),
        (
            {
                "analysis": {
                    "requests": {"segmentBy": "", "query": {"requests": "x", "segment": "r"}}
                }
            },
            "spec.analysis.requests.segmentBy",
            'is said beside query.segment "r"',
        ),
        (
            {"analysis": {"requests": {"query": {"requests": "x", "errors": "y", "failed": "z"}}}},
            "spec.analysis.requests.query.errors",
            "excludes status and failed",
        ),
        (
            {"analysis": {"requests": {"query": {"requests": "x", "unit": "us"}}}},
            "spec.analysis.requests.query.unit",
            "not known",
        ),
        (
            {"analysis": {"slowRequests": {}}},
            "spec.analysis.slowRequests.threshold",
            "is missing",
        ),
        (
            {"analysis": {"slowRequests": {"threshold": "0.5s"}}},
            "spec.analysis.slowRequests.threshold",
            '"0.5s" is not a duration',
        ),
        (
            {"analysis": {"slowRequests": {"threshold": "2h"}}},
            "spec.analysis.slowRequests.threshold",
            "not between 1ms and 1h",
        ),
        (
            {"analysis": {"slowRequests": {"threshold": "1s"}, "requests": {"disabled": True}}},
            "spec.analysis.slowRequests",
            "cannot be judged",
        ),
        (
            {
                "analysis": {
                    "slowRequests": {"threshold": "1s"},
                    "requests": {"query": {"requests": "x"}},
                }
            },
            "spec.analysis.slowRequests",
            "requests.query has no histogram",
        ),
        (
            {"analysis": {"limits": {"errorRate": 0.1}, "requests": {"disabled": True}}},
            "spec.analysis.limits.errorRate",
            "cannot be judged",
        ),
        (
            {"analysis": {"restarts": {"counted": ["Crsh"]}}},
            "spec.analysis.restarts.counted[0]",
            '"Crsh" is not known',
        ),
        ({"analysis": {"restarts": {"counted": []}}}, "spec.analysis.restarts.counted", "is empty"),
        ({"analysis": {"history": "169h"}}, "spec.analysis.history", "not between 0s and 168h"),
        (guarding({}), "spec.analysis.guards[0].max", 'guard "queue" has no bound'),
        (guarding({"max": 1, "min": 2}), "spec.analysis.guards[0].min", "2 is more than max 1"),
        (guarding({"maxRatio": 1}), "spec.analysis.guards[0].query", "no {{pods}} in the query"),
        (
            guarding({"max": 1, "query": 'x{pod=~"{{pods}}"}'}),
            "spec.analysis.guards[0].query",
            "there is no maxRatio",
        ),
        (
            guarding({"max": 1, "query": 'x{pod=~"{{canary}}"}'}),
            "spec.analysis.guards[0].query",
            "{{canary}} is not known",
        ),
        (guarding({"max": 1, "name": "Q"}), "spec.analysis.guards[0].name", "not a valid name"),
        (guarding({"max": 1}, {"max": 2}), "spec.analysis.guards[1].name", '"queue" is taken'),
        (guarding(*({"max": 1} for _ in range(11))), "spec.analysis.guards", "at most 10"),
        ({"targetRef": {"name": "Exam"}}, "spec.targetRef.name", "not a valid name"),
        ({"targetRef": {"name": "a", "kind": "StatefulSet"}}, "spec.targetRef.kind", "not known"),
    ],
)
def test_a_problem_names_the_path_and_the_value(
    fields: dict[str, object], path: str, said: str
) -> None:
    problem = refused(**fields)
    assert problem.field == path
    assert said in problem.message
    assert problem.remedy


@pytest.mark.parametrize(
    ("fields", "path", "remedy"),
    [
        ({"stepz": []}, "spec.stepz", "Did you mean steps?"),
        (
            {"steps": [{"canary": 1, "maxDuraton": "5m"}]},
            "spec.steps[0].maxDuraton",
            "Did you mean maxDuration?",
        ),
        (
            {"analysis": {"requests": {"segment_by": "route"}}},
            "spec.analysis.requests.segment_by",
            "Did you mean segmentBy?",
        ),
        (guarding({"maximum": 1}), "spec.analysis.guards[0].maximum", "Did you mean max?"),
        (
            {"analysis": {"slowRequest": {}}},
            "spec.analysis.slowRequest",
            "Did you mean slowRequests?",
        ),
        (
            {"rollback": {"zzz": 1}},
            "spec.rollback.zzz",
            "Known here: strategy, window",
        ),
    ],
)
def test_a_typo_is_refused_with_the_nearest_name(
    fields: dict[str, object], path: str, remedy: str
) -> None:
    problem = refused(**fields)
    assert (problem.field, problem.remedy) == (path, remedy)


def test_several_errors_are_counted_and_the_first_is_told() -> None:
    problem = refused(bake="x", mode="y")
    assert problem.field == "spec.mode"
    assert problem.message.endswith("(1 more after it)")


@pytest.mark.parametrize("spec", [None, [], "spec", 3, {}])
def test_what_is_no_spec_at_all_is_a_problem(spec: object) -> None:
    assert isinstance(parse_policy(spec, every_preset), Problem)


def test_what_the_metrics_cannot_answer_is_the_source_s_problem() -> None:
    problem = Problem(
        reason="PresetUnknown", field="spec.analysis.requests.preset", message="no", remedy="yes"
    )
    asked: list[Policy] = []

    def refuse(policy: Policy) -> Problem:
        asked.append(policy)
        return problem

    assert parse_policy(SMALLEST, refuse) is problem
    assert asked == [Policy(target="exam")]


def test_a_long_value_is_not_repeated_whole() -> None:
    assert len(refused(bake="x" * 100_000).message) < 200


def test_what_is_not_even_json_is_shown_as_it_is() -> None:
    assert refused(bake={1}).message.startswith("{1} is not a duration")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
names = st.sampled_from(["targetRef", "mode", "steps", "analysis", "rollback", "bake", "canary"])


@settings(deadline=None)
@given(st.dictionaries(names, json | st.dictionaries(names, json) | st.just(SMALLEST)))
def test_no_spec_makes_the_parser_raise(spec: dict[str, object]) -> None:
    assert isinstance(parse_policy(SMALLEST | spec, every_preset), Policy | Problem)


@settings(deadline=None)
@given(st.from_regex(r"\A([0-9]{1,2}h)?([0-9]{1,3}m)?([0-9]{1,4}s)?\Z"))
def test_a_duration_is_the_sum_of_its_parts(text: str) -> None:
    policy = parse_policy(SMALLEST | {"bake": text}, every_preset)
    seconds = {"h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"([0-9]+)([hms])", text)
    expected = timedelta(seconds=sum(int(count) * seconds[unit] for count, unit in parts))
    if text and expected <= timedelta(hours=24):
        assert isinstance(policy, Policy)
        assert policy.bake == expected
    else:
        assert isinstance(policy, Problem)


def test_what_counts_as_a_crash_by_default_is_what_the_domain_says() -> None:
    policy = parse_policy({"targetRef": {"name": "exam"}}, lambda _: None)
    assert isinstance(policy, Policy)
    assert policy.restarts.counted == COUNTED
