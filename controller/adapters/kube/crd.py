"""The CustomResourceDefinition of a Canary, generated from the model and from the status records.

What the API server checks: types, ranges, and the rules between fields. What it cannot do for
every client is refuse a misspelt field: a structural schema *prunes* what it does not know, and
only a client that asks for strict field validation (`kubectl apply` does; plain API calls and
some GitOps tools do not) is refused. `model.parse_policy` therefore checks everything again.
"""

from typing import Any, Final

from controller.adapters.kube.names import GROUP, KIND, PLURAL, VERSION
from controller.adapters.kube.schema import Schema, lenient, structural
from controller.adapters.kube.spec import CanarySpec
from controller.adapters.kube.status_codec import STATUS

_STATUS_FIELDS: Final = {
    "phase": "Where the current or last release is.",
    "since": "When the phase began.",
    "observedGeneration": "Generation of the spec that this status was decided on.",
    "gate": "What keeps a changed template from starting pods by itself: Policy (the admission "
    "policy pauses the write) or Catch (the controller pauses after it).",
    "stable": "The template that was promoted last: what a worse canary is rolled back to.",
    "recentStables": "Fingerprints of the stable templates before it; a return to one of them is "
    "let through at once.",
    "release": "The release under way, or the last one.",
    "verdict": "What all findings say together.",
    "message": "What is going on, in one sentence.",
    "findings": "The comparisons of canary and stable, with their evidence.",
    "uncovered": "Segments of stable's traffic that the canary was not exercised on.",
    "rejected": "Templates that were rolled back; applied again, they are held without pods.",
    "skipped": "The skip annotation that let a change through; it does so once.",
    "history": "Releases that ended, the latest last.",
    "outbox": "Messages to people that were not delivered yet.",
    "intentDone": "Id of the last command that was carried out.",
    "commands": "What people asked for last, and what became of it; the latest last.",
    "mounts": "ConfigMaps and Secrets that stable uses, by name and version, as they were when it "
    "was promoted; never their contents.",
    "conditions": "Conditions by the Kubernetes API conventions: Ready, Progressing, Degraded and "
    "MetricsAvailable.",
}

_COLUMNS: Final = (
    ("Target", "string", ".spec.targetRef.name", "The Deployment"),
    ("Phase", "string", ".status.phase", "Where the release is"),
    ("Step", "integer", ".status.release.step", "The step it is on, counted from 0"),
    ("Canary", "string", ".status.release.canary.images[0]", "The canary's first image"),
    ("Verdict", "string", ".status.verdict", "What the findings say together"),
    ("Age", "date", ".metadata.creationTimestamp", "When the Canary was created"),
)


def crd() -> dict[str, Any]:
    """The CustomResourceDefinition, in JSON types."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "labels": {"app.kubernetes.io/name": "canary-controller"},
        },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["can"],
                "categories": ["all"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _schema()},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": name, "type": kind, "jsonPath": path, "description": what}
                        for name, kind, path, what in _COLUMNS
                    ],
                }
            ],
        },
    }


def _schema() -> Schema:
    return {
        "type": "object",
        "description": "A Canary holds the rolling updates of one Deployment at a few canary pods, "
        "compares them with stable, and promotes the release or rolls it back.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(CanarySpec.model_json_schema()),
            "status": _status(),
        },
    }


def _status() -> Schema:
    schema = lenient(structural(STATUS.json_schema()))
    fields = schema["properties"]
    assert set(fields) == set(_STATUS_FIELDS), "every field of the status is described"
    for name, what in _STATUS_FIELDS.items():
        fields[name]["description"] = what
    schema["description"] = "What the controller remembers. Written by the controller alone."
    return schema
