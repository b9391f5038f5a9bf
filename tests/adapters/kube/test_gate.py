"""The gate's manifests; what they do to writes is seen on a real API server, in tests/e2e."""

from typing import Any, Final

import pytest

from controller.adapters.kube.gate import GATE_NAME, policy_manifests
from controller.adapters.kube.names import GATE_MARK, OPT_IN_LABEL, SKIP_ANNOTATION

USER: Final = "system:serviceaccount:canary-controller:canary-controller"


def spec() -> dict[str, Any]:
    policy, _ = policy_manifests(USER, "v1")
    found: dict[str, Any] = policy["spec"]
    return found


def condition(name: str) -> str:
    conditions = {c["name"]: str(c["expression"]) for c in spec()["matchConditions"]}
    return conditions[name]


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_policy_comes_with_the_binding_that_puts_it_in_force(version: Any) -> None:
    policy, binding = policy_manifests(USER, version)
    assert policy["kind"] == "MutatingAdmissionPolicy"
    assert binding["kind"] == "MutatingAdmissionPolicyBinding"
    assert binding["spec"]["policyName"] == policy["metadata"]["name"] == GATE_NAME
    assert {policy["apiVersion"], binding["apiVersion"]} == {
        f"admissionregistration.k8s.io/{version}"
    }


def test_a_broken_gate_stands_in_nobody_s_way() -> None:
    assert spec()["failurePolicy"] == "Ignore"


def test_only_updates_of_opted_in_deployments_match_and_no_subresource() -> None:
    constraints = spec()["matchConstraints"]
    assert constraints["objectSelector"]["matchExpressions"] == [
        {"key": OPT_IN_LABEL, "operator": "Exists"}
    ]
    (rule,) = constraints["resourceRules"]
    assert rule["operations"] == ["UPDATE"]
    assert rule["resources"] == ["deployments"]


def test_the_controller_itself_passes_whatever_its_name() -> None:
    policy, _ = policy_manifests('odd"name', "v1")
    expression = policy["spec"]["matchConditions"][0]["expression"]
    assert expression == 'request.userInfo.username != "odd\\"name"'


def test_a_change_of_the_template_is_what_is_held() -> None:
    expression = condition("template-changed-or-hold-forgotten")
    assert expression.startswith("object.spec.template != oldObject.spec.template ||")


def test_exceptions_are_named() -> None:
    assert "Recreate" in condition("rolling-update")
    assert GATE_MARK in condition("not-paused-by-a-person")
    assert SKIP_ANNOTATION in condition("not-let-through")
    assert condition("has-pods").count("replicas > 0") == 2


def test_the_write_is_paused_and_marked_with_its_own_generation() -> None:
    (mutation,) = spec()["mutations"]
    expression = mutation["applyConfiguration"]["expression"]
    assert "paused: true" in expression
    assert f'"{GATE_MARK}": string(oldObject.metadata.generation + 1)' in expression
