"""The gate: an admission policy that pauses a Deployment in the very write that changes it.

The operator installs it; the controller only looks whether it is there. A broken policy is ignored
by the API server, and the controller catches the rollout instead.
"""

import json
from typing import Any, Final, Literal

from controller.adapters.kube.names import GATE_MARK, GROUP, OPT_IN_LABEL, SKIP_ANNOTATION

GATE_NAME: Final = f"gate.{GROUP}"
"""Name of the MutatingAdmissionPolicy and of its binding."""

ApiVersion = Literal["v1", "v1beta1"]


def policy_manifests(
    service_account_username: str, api_version: ApiVersion
) -> list[dict[str, Any]]:
    """The MutatingAdmissionPolicy and its binding.

    `service_account_username` is the controller's own ("system:serviceaccount:<namespace>:<name>"),
    whose writes pass. `api_version` is v1 from Kubernetes 1.36 on, v1beta1 before.
    """
    group_version = f"admissionregistration.k8s.io/{api_version}"
    labels = {"app.kubernetes.io/name": "canary-controller", "app.kubernetes.io/component": "gate"}
    metadata = {"name": GATE_NAME, "labels": labels}
    policy = {
        "apiVersion": group_version,
        "kind": "MutatingAdmissionPolicy",
        "metadata": metadata,
        "spec": {
            # A policy that cannot be evaluated must not stand in the way of anybody's write.
            "failurePolicy": "Ignore",
            # A webhook may change the template after us; the mutation is harmless to repeat.
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": _constraints(),
            "matchConditions": [
                {"name": name, "expression": expression}
                for name, expression in _conditions(service_account_username).items()
            ],
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": _MUTATION},
                }
            ],
        },
    }
    binding = {
        "apiVersion": group_version,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": {"policyName": GATE_NAME},
    }
    return [policy, binding]


def _constraints() -> dict[str, Any]:
    """Updates of Deployments that carry the label before or after the write.

    Before *or* after: a `kubectl replace` drops the label that the controller had set, and must be
    held all the same. The status and scale subresources are resources of their own and never match.
    """
    return {
        "matchPolicy": "Equivalent",
        "objectSelector": {"matchExpressions": [{"key": OPT_IN_LABEL, "operator": "Exists"}]},
        "resourceRules": [
            {
                "apiGroups": ["apps"],
                "apiVersions": ["v1"],
                "operations": ["UPDATE"],
                "resources": ["deployments"],
                "scope": "Namespaced",
            }
        ],
    }


def _conditions(username: str) -> dict[str, str]:
    """What has to hold, by name, cheapest first."""
    return {
        "not-the-controller": f"request.userInfo.username != {json.dumps(username)}",
        # A manifest that replaces the object and knows nothing of our pause does not lift it. A
        # person who does (`kubectl rollout resume`) leaves the mark and is not held back.
        "template-changed-or-hold-forgotten": (
            f"object.spec.template != oldObject.spec.template || ({_held('oldObject')}"
            f" && !{_paused('object')} && !{_annotated('object', GATE_MARK)})"
        ),
        # Recreate ends every stable pod before the first of the next revision: no canary.
        "rolling-update": (
            "!has(object.spec.strategy) || !has(object.spec.strategy.type) "
            "|| object.spec.strategy.type != 'Recreate'"
        ),
        # Without pods before or after there is nothing to compare with.
        "has-pods": (
            "(!has(object.spec.replicas) || object.spec.replicas > 0) "
            "&& (!has(oldObject.spec.replicas) || oldObject.spec.replicas > 0)"
        ),
        # A pause without our mark is a person's, and theirs to lift.
        "not-paused-by-a-person": (f"!{_paused('object')} || {_annotated('object', GATE_MARK)}"),
        "not-let-through": f"!{_annotated('object', SKIP_ANNOTATION)}",
    }


def _annotated(which: str, name: str) -> str:
    return f"(has({which}.metadata.annotations) && '{name}' in {which}.metadata.annotations)"


def _paused(which: str) -> str:
    return f"(has({which}.spec.paused) && {which}.spec.paused)"


def _held(which: str) -> str:
    return f"{_paused(which)} && {_annotated(which, GATE_MARK)}"


# The generation that this write will have: it tells our pause of this template from an older one.
_MUTATION: Final = f"""\
Object{{
  metadata: Object.metadata{{
    annotations: {{"{GATE_MARK}": string(oldObject.metadata.generation + 1)}}
  }},
  spec: Object.spec{{paused: true}}
}}"""
