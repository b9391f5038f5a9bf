"""Somebody with certain verbs on canaries, as the API server sees them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.rig.api import ApiError, KubeApi
from tests.e2e.rig.world import World
from tests.e2e.stage import GROUP, Object

INTENT: Final = f"{GROUP}/intent"


@dataclass
class Clerk:
    """Somebody with verbs on canaries in one namespace."""

    api: KubeApi
    user: str
    namespace: str

    def annotate(self, value: str | None) -> str:
        """Empty when it was taken, else what the server said."""
        return self.patch({"metadata": {"annotations": {INTENT: value}}})

    def patch(self, body: Any, **how: Any) -> str:
        try:
            self.api.patch("Canary", "exam", body, self.namespace, **how)
        except ApiError as error:
            if error.status not in {403, 422}:
                raise
            return str(error)
        return ""

    def say(self, action: str, **more: str) -> str:
        """As `kubectl canary` writes it."""
        said = {"action": action, "id": "k1", "revision": "f", "by": self.user, **more}
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


CLIENTS: Final[list[KubeApi]] = []


def client(config: Path) -> KubeApi:
    CLIENTS.append(KubeApi(config))
    return CLIENTS[-1]


def canary(**metadata: Any) -> Object:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": "exam", **metadata},
        "spec": {"targetRef": {"name": "exam"}},
    }


def is_guarded(world: World, namespace: str) -> bool:
    """Policies come into force some time after they were written."""
    try:
        world.api.apply(canary(labels={"team": "a"}), namespace)
        nonsense = {"metadata": {"annotations": {INTENT: "nonsense"}}}
        world.api.patch("Canary", "exam", nonsense, namespace)
    except ApiError as error:
        return "is not a command" in str(error)
    clear = {"metadata": {"annotations": {INTENT: None}}}
    world.api.patch("Canary", "exam", clear, namespace)
    return False


def clerk(world: World, namespace: str, *verbs: str, role: str = "") -> Clerk:
    """A ServiceAccount with these verbs, or a ClusterRole that we ship."""
    rules = [{"apiGroups": [GROUP], "resources": ["canaries"], "verbs": list(verbs)}]
    name = f"clerk-{abs(hash((verbs, role))) % 10**8}"
    how: Object = {"cluster_role": role} if role else {"rules": rules}
    path = world.service_account(name, namespace, **how)
    user = f"system:serviceaccount:{namespace}:{name}"
    found = Clerk(client(path), user, namespace)
    wanted = "get" if role else verbs[0]
    world.wait_until(lambda: may(world, user, wanted, namespace), 30, "RBAC to know the account")
    return found


def may(world: World, user: str, verb: str, namespace: str) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "resourceAttributes": {
                "group": GROUP,
                "resource": "canaries",
                "verb": verb,
                "namespace": namespace,
            },
        },
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    allowed: bool = world.api.request("POST", path, body=review).json()["status"]["allowed"]
    return allowed
