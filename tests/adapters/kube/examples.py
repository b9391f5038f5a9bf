"""Objects as an API server writes them, with what is needed and some of what is not."""

from typing import Any

Object = dict[str, Any]
NAMESPACE = "exams"
CREATED = "2026-01-01T00:00:00Z"


def metadata(name: str, **more: Any) -> Object:
    """As the API server adds to every object."""
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "creationTimestamp": CREATED,
        "resourceVersion": "1",
    } | more


def owner(kind: str, name: str) -> list[Object]:
    """A controlling owner."""
    reference = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"uid-{name}"}
    return [reference | {"controller": True, "blockOwnerDeletion": True}]


def template(image: str = "exam:v1", pod_template_hash: str | None = None) -> Object:
    """A pod template, as a ReplicaSet carries it when it has the hash label."""
    labels = {"app": "exam"}
    if pod_template_hash:
        labels["pod-template-hash"] = pod_template_hash
    containers = [{"name": "server", "image": image, "resources": {}}]
    return {
        "metadata": {"creationTimestamp": None, "labels": labels},
        "spec": {"containers": containers, "restartPolicy": "Always"},
    }


def deployment(name: str = "exam", image: str = "exam:v1", **spec: Any) -> Object:
    """Ten replicas; `spec` overrides its members."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(
            name, generation=1, annotations={"deployment.kubernetes.io/revision": "1"}
        ),
        "spec": {
            "replicas": 10,
            "selector": {"matchLabels": {"app": "exam"}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "template": template(image),
        }
        | spec,
        "status": {"observedGeneration": 1, "replicas": 10, "updatedReplicas": 10},
    }


def replica_set(
    name: str, image: str = "exam:v1", *, replicas: int = 10, revision: int = 1, of: str = "exam"
) -> Object:
    """A revision of a Deployment."""
    pod_template_hash = name.rsplit("-", 1)[-1]
    carried = template(image, pod_template_hash)
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata(
            name,
            generation=1,
            labels=carried["metadata"]["labels"],
            annotations={"deployment.kubernetes.io/revision": str(revision)},
            ownerReferences=owner("Deployment", of),
        ),
        "spec": {"replicas": replicas, "template": carried},
        "status": {"replicas": replicas, "readyReplicas": replicas},
    }


def pod(name: str, of: str = "exam-aaaa", **status: Any) -> Object:
    """A running, Ready pod; `status` overrides the members of its status."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(name, ownerReferences=owner("ReplicaSet", of)),
        "spec": {"containers": [{"name": "server", "image": "exam:v1"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [container()],
        }
        | status,
    }


def node(name: str = "n1", **conditions: str) -> Object:
    """A node that is Ready and under no pressure; `conditions` are what differs."""
    healthy = {"MemoryPressure": "False", "DiskPressure": "False", "Ready": "True"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {key: value for key, value in metadata(name).items() if key != "namespace"},
        "status": {
            "conditions": [
                {"type": kind, "status": status} for kind, status in (healthy | conditions).items()
            ]
        },
    }


def container(restarts: int = 0, **state: Any) -> Object:
    """A container's status; running unless `state` says otherwise."""
    return {
        "name": "server",
        "ready": not state,
        "restartCount": restarts,
        "state": {"running": {"startedAt": CREATED}},
        "lastState": {},
    } | state


def canary(name: str = "exam", target: str = "exam", **more: Any) -> Object:
    """The smallest Canary; `more` are members of its metadata."""
    return {
        "apiVersion": "canary-controller.io/v1alpha1",
        "kind": "Canary",
        "metadata": metadata(name, generation=1, **more),
        "spec": {"targetRef": {"name": target}},
    }


def path_of(found: Object) -> str:
    """Where the API serves an object."""
    plural = {"Deployment": "deployments", "ReplicaSet": "replicasets", "Pod": "pods"}
    group, kind = found["apiVersion"], found["kind"]
    prefix = "/api/v1" if group == "v1" else f"/apis/{group}"
    place = plural.get(kind, "canaries")
    return (
        f"{prefix}/namespaces/{found['metadata']['namespace']}/{place}/{found['metadata']['name']}"
    )
