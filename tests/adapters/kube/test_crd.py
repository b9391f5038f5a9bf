"""The CRD is what an API server takes, and says what the model says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from controller.adapters.kube.crd import crd
from controller.adapters.kube.manifests import manifests
from controller.adapters.kube.model import parse_policy
from controller.adapters.kube.schema import structural
from controller.domain.policy import Policy

DEPLOY: Final = Path(__file__).resolve().parents[3] / "deploy"
SPEC: Final = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
STATUS: Final = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a structural schema, with its path."""
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


def filled(schema: dict[str, Any], value: object) -> object:
    """The value with its defaults, as the API server fills them in."""
    if isinstance(value, dict):
        defaults = {
            name: field["default"]
            for name, field in schema.get("properties", {}).items()
            if "default" in field and name not in value
        }
        return {
            name: filled(schema["properties"][name], item)
            for name, item in {**value, **defaults}.items()
        }
    if isinstance(value, list):
        return [filled(schema["items"], item) for item in value]
    return value


def test_the_manifest_reads_back_as_the_crd() -> None:
    assert yaml.safe_load(manifests()["crd.yaml"]) == crd()


@pytest.mark.parametrize(("path", "node"), [*nodes(SPEC, "spec"), *nodes(STATUS, "status")])
def test_the_schema_is_structural(path: str, node: dict[str, Any]) -> None:
    assert not node.keys() & {"$ref", "$defs", "anyOf", "oneOf", "const", "prefixItems", "title"}
    assert node.get("x-kubernetes-int-or-string") or node["type"] in {
        "object",
        "array",
        "string",
        "integer",
        "number",
        "boolean",
    }
    assert not ("properties" in node and "additionalProperties" in node)


@pytest.mark.parametrize(("path", "node"), [*nodes(SPEC, "spec")])
def test_everything_a_person_writes_has_a_limit(path: str, node: dict[str, Any]) -> None:
    """Rules are costed at the largest value that the schema allows."""
    match node.get("type"):
        case "string":
            assert "maxLength" in node or "enum" in node
        case "array":
            assert "maxItems" in node
        case "integer" | "number":
            assert {"minimum", "maximum"} <= node.keys()
        case _:
            assert "properties" in node or node.get("type") != "object"


@pytest.mark.parametrize(("path", "node"), [*nodes(SPEC, "spec")])
def test_every_field_is_explained(path: str, node: dict[str, Any]) -> None:
    if not path.endswith("[]"):
        assert len(node["description"]) > 20


def test_a_default_is_told_in_the_description() -> None:
    told = [
        node["description"]
        for path, node in nodes(SPEC, "spec")
        if "minimum" in node and "default" in node
    ]
    assert told
    assert all("efault" in text for text in told)


def test_a_filled_up_canary_means_what_the_six_lines_meant() -> None:
    sample = yaml.safe_load((DEPLOY / "sample" / "canary.yaml").read_text(encoding="utf-8"))
    full = filled(SPEC, sample["spec"])
    assert full != sample["spec"]
    assert filled(SPEC, full) == full
    assert parse_policy(full, lambda source: None) == Policy(target="exam")


def test_a_part_that_is_written_is_filled_up_like_one_that_is_not() -> None:
    spec = {"targetRef": {"name": "exam"}, "analysis": {"requests": {"disabled": True}}}
    full = filled(SPEC, spec)
    assert parse_policy(full, lambda source: None) == Policy(target="exam", requests=None)


def test_default_steps_keep_the_rules_before_they_are_filled_up() -> None:
    """The API server refuses a CRD whose defaults break its rules, or lack what these read."""
    for step in SPEC["properties"]["steps"]["default"]:
        assert step.keys() == SPEC["properties"]["steps"]["items"]["properties"].keys()


def test_guards_are_merged_by_their_names_and_no_two_share_one() -> None:
    guards = SPEC["properties"]["analysis"]["properties"]["guards"]
    assert guards["x-kubernetes-list-type"] == "map"
    assert guards["x-kubernetes-list-map-keys"] == ["name"]
    assert guards["items"]["required"] == ["name", "query"]


def test_what_excludes_something_else_has_no_default() -> None:
    """The API server fills defaults in before it checks the rules."""
    requests = SPEC["properties"]["analysis"]["properties"]["requests"]["properties"]
    query = requests["query"]["properties"]
    for field in (requests["preset"], requests["segmentBy"], query["status"], query["failed"]):
        assert "default" not in field


def test_absent_and_null_are_the_same_where_null_is_allowed() -> None:
    assert SPEC["properties"]["analysis"]["properties"]["errorRate"]["properties"]["ratio"][
        "nullable"
    ]
    assert not [path for path, node in nodes(SPEC, "spec") if node.get("default", 0) is None]


def test_a_status_is_never_refused_or_pruned() -> None:
    """An upgrade leaves the older CRD in place; what we remember must survive it."""
    for path, node in nodes(STATUS, "status"):
        assert not node.keys() & {"enum", "required", "default"}, path
        if "properties" in node:
            assert node["x-kubernetes-preserve-unknown-fields"], path


def test_the_status_is_a_subresource_with_columns() -> None:
    version = crd()["spec"]["versions"][0]
    assert version["subresources"] == {"status": {}}
    columns = [column["name"] for column in version["additionalPrinterColumns"]]
    assert columns == ["Target", "Phase", "Step", "Canary", "Verdict", "Age"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "patternProperties": {}},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
    ],
)
def test_what_a_crd_cannot_say_is_a_bug_in_the_model(schema: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="structural schema has no"):
        structural(schema)
