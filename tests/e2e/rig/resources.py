"""Where each kind lives in the Kubernetes API."""

from __future__ import annotations

from typing import Any, Final

API_VERSIONS: Final = {
    "Pod": "v1",
    "Service": "v1",
    "Node": "v1",
    "Namespace": "v1",
    "Event": "v1",
    "ConfigMap": "v1",
    "Secret": "v1",
    "ServiceAccount": "v1",
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "Lease": "coordination.k8s.io/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "MutatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
    "MutatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
    "Canary": "canary-controller.io/v1alpha1",
}
CLUSTER_WIDE: Final = frozenset(
    {
        "Node",
        "Namespace",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)


def path(kind: str, name: str = "", *, namespace: str = "", subresource: str = "") -> str:
    """`kind` is a name of the table, or in full: `group/version/Kind`."""
    version, _, kind = kind.rpartition("/")
    version = version or API_VERSIONS[kind]
    parts = ["api" if version == "v1" else "apis", version]
    if namespace and kind not in CLUSTER_WIDE:
        parts += ["namespaces", namespace]
    parts += [plural(kind), name, subresource]
    return "/" + "/".join(part for part in parts if part)


def path_of(manifest: dict[str, Any], *, namespace: str = "", collection: bool = False) -> str:
    meta = manifest["metadata"]
    return path(
        f"{manifest['apiVersion']}/{manifest['kind']}",
        "" if collection else meta["name"],
        namespace=meta.get("namespace", namespace),
    )


def plural(kind: str) -> str:
    lower = kind.lower()
    if lower.endswith("y"):
        return lower[:-1] + "ies"
    return lower + ("es" if lower.endswith("s") else "s")
