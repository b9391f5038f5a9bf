"""The canary ReplicaSet as we write it, so that the deployment controller takes it for its own."""

from collections.abc import Mapping
from typing import Any, Final

from controller.adapters.kube.fingerprint import HASH_LABEL, with_hash
from controller.domain.records import Workload

HASH_CHARACTERS: Final = 10
DESIRED_ANNOTATION: Final = "deployment.kubernetes.io/desired-replicas"
MAX_ANNOTATION: Final = "deployment.kubernetes.io/max-replicas"


def canary_hash(fingerprint: str) -> str:
    """The hash label of a template: the same template makes the same name, so a repeat is safe."""
    return fingerprint[:HASH_CHARACTERS]


def scaling_annotations(workload: Workload) -> dict[str, str]:
    """What the deployment controller scales by when N changes while two revisions run."""
    return {
        DESIRED_ANNOTATION: str(workload.replicas),
        MAX_ANNOTATION: str(workload.replicas + workload.max_surge),
    }


def canary_replica_set(
    deployment: Mapping[str, Any], workload: Workload, replicas: int
) -> dict[str, Any]:
    """A ReplicaSet of the Deployment's template, owned by the Deployment, with `replicas` pods.

    The deployment controller finds it by template equality, adopts it as the newest revision and
    copies the Deployment's annotations onto it by itself.
    """
    metadata, spec = deployment["metadata"], deployment["spec"]
    pod_template_hash = canary_hash(workload.fingerprint)
    template = with_hash(spec["template"], pod_template_hash)
    selector = spec["selector"]
    match_labels = {**(selector.get("matchLabels") or {}), HASH_LABEL: pod_template_hash}
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{pod_template_hash}",
            "namespace": metadata["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": scaling_annotations(workload),
            "ownerReferences": [owner],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": {**selector, "matchLabels": match_labels},
            "template": template,
        },
    }
