"""Identities for programs under test: a service account, its role, its token, its kubeconfig."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.rig import kubeconfig
from tests.e2e.rig.api import KubeApi

RBAC = "rbac.authorization.k8s.io"


def service_account(
    api: KubeApi,
    name: str,
    namespace: str,
    *,
    path: Path,
    cluster_role: str = "cluster-admin",
    rules: list[dict[str, Any]] | None = None,
) -> Path:
    """Writes a kubeconfig of a new account, bound to `cluster_role` or to a new role of `rules`."""
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}, namespace)
    full_name = f"{namespace}-{name}"
    if rules is not None:
        cluster_role = full_name
        api.apply(
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "ClusterRole",
                "metadata": {"name": full_name},
                "rules": rules,
            }
        )
    api.apply(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": full_name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": cluster_role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }
    )
    return kubeconfig.write(path, like=api.kubeconfig, token=api.token(name, namespace))
