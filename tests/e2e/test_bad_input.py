"""Bad input is refused at the door, or shown in a condition with field, reason and remedy."""

from typing import Any

import pytest

from tests.e2e.rig.api import ApiError
from tests.e2e.stage import Stage


def refused(stage: Stage, **spec: Any) -> str:
    """What the API server says to this spec, as `kubectl apply` would send it."""
    manifest = stage.manifest(**spec)
    where = f"/apis/canary-controller.io/v1alpha1/namespaces/{stage.namespace}/canaries"
    with pytest.raises(ApiError) as refusal:
        stage.world.api.request("POST", where, body=manifest, fieldValidation="Strict")
    return str(refusal.value)


def test_a_typo_is_refused_with_its_path(stage: Stage) -> None:
    assert "spec.onInconclusiv" in refused(stage, onInconclusiv="Hold")


def test_a_step_of_150_percent_is_refused(stage: Stage) -> None:
    assert "100" in refused(stage, steps=[{"canary": "150%"}])


def test_a_guard_without_a_bound_is_refused(stage: Stage) -> None:
    guards = [{"name": "queue", "query": "max(exam_queue)"}]
    assert "at least one of max, min and maxRatio" in refused(stage, analysis={"guards": guards})


def test_slow_requests_of_an_own_query_need_its_histogram(stage: Stage) -> None:
    analysis = {
        "requests": {"query": {"requests": "http_requests_total"}},
        "slowRequests": {"threshold": "500ms"},
    }
    assert "histogram" in refused(stage, analysis=analysis)


def condition(stage: Stage) -> dict[str, Any]:
    stage.world.deploy(stage.namespace, replicas=1)
    stage.controller.start()
    status = stage.wait_for(
        lambda s: any(
            c["type"] == "Ready" and c["status"] == "False" for c in s.get("conditions", [])
        ),
        30,
        "a condition",
    )
    found: dict[str, Any] = next(c for c in status["conditions"] if c["type"] == "Ready")
    return found


def test_an_unknown_preset_is_shown_with_the_known_ones(stage: Stage) -> None:
    stage.canary(analysis={"requests": {"preset": "opentelemetri"}})
    said = condition(stage)["message"]
    assert "spec.analysis.requests.preset" in said
    assert "opentelemetry" in said


def test_a_preset_whose_metrics_do_not_tell_pods_apart_is_shown_with_the_reason(
    stage: Stage,
) -> None:
    stage.canary(analysis={"requests": {"preset": "ingress-nginx"}})
    said = condition(stage)["message"]
    assert "spec.analysis.requests.preset" in said
    assert "pod" in said


def test_a_guard_that_is_no_promql_is_shown(stage: Stage) -> None:
    stage.canary(analysis={"guards": [{"name": "queue", "query": "max(exam_queue", "max": 1}]})
    said = condition(stage)["message"]
    assert "spec.analysis.guards" in said
    assert "queue" in said


def test_a_target_that_does_not_exist_is_shown(stage: Stage) -> None:
    stage.canary(targetRef={"name": "exma"})
    said = condition(stage)
    assert said["reason"] == "TargetNotFound"
    assert "spec.targetRef.name" in said["message"]
    assert "exma" in said["message"]


def test_recreate_is_shown_with_its_remedy(stage: Stage) -> None:
    deployment, _ = stage.world.manifests("recreated", replicas=1, strategy={"type": "Recreate"})
    stage.world.api.apply(deployment, stage.namespace)
    stage.canary(targetRef={"name": "recreated"})
    said = condition(stage)
    assert said["reason"] == "StrategyNotSupported"
    assert "RollingUpdate" in said["message"]
