"""What may stand in a scenario file, as data: for messages and for the reference."""

import functools
import json
from collections.abc import Iterator
from typing import Any

from controller.simulation.scenarios.marked_yaml import Path
from controller.simulation.scenarios.spans import written
from controller.simulation.scenarios.spec import ScenarioSpec


def node_at(path: Path) -> dict[str, Any]:
    """The part of the schema that is about a path."""
    schema = whole()
    node = schema
    for part in path:
        record = resolved(node, schema)
        if isinstance(part, int):
            node = record.get("items", {})
        else:
            node = record.get("properties", {}).get(part, _values(record))
    said = {"description": node["description"]} if "description" in node else {}
    return resolved(node, schema) | said


def resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A node behind its reference; of an optional one, that which may be given."""
    for choice in node.get("anyOf", ()):
        if choice.get("type") != "null":
            return resolved(choice, schema)
    reference = str(node.get("$ref", ""))
    found: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]] if reference else node
    return found


def _values(record: dict[str, Any]) -> dict[str, Any]:
    """What each value of a record with free names is; {} when the names are not free."""
    other = record.get("additionalProperties")
    return other if isinstance(other, dict) else {}


@functools.cache
def whole() -> dict[str, Any]:
    """The schema of a scenario file."""
    return ScenarioSpec.model_json_schema()


def fields() -> Iterator[tuple[str, str, str, str]]:
    """Field, type, default and meaning of all that may stand in a scenario file."""
    yield from _rows("", whole())


def _rows(path: str, record: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    schema = whole()
    for name, field in record["properties"].items():
        where = f"{path}.{name}" if path else name
        node = resolved(field, schema)
        below = resolved(node.get("items") or _values(node) or node, schema)
        required = "required" if name in record.get("required", ()) else _default(field, node)
        yield where, _type(node), required, str((node | field).get("description", ""))
        if where == "stable":
            # The same as those of `canary`, which come next.
            continue
        if "properties" in below:
            routes = ".<route>" if where == "traffic.routes" else ""
            yield from _rows(where + ("[]" if "items" in node else routes), below)


def _default(field: dict[str, Any], node: dict[str, Any]) -> str:
    default = field.get("default")
    if default is None or default == {} or "properties" in node:
        return ""
    if node.get("type") == "duration":
        return written(default)
    if default == "":
        return ""
    return f"{default:g}" if isinstance(default, float) else json.dumps(default)


def _type(node: dict[str, Any]) -> str:
    if "enum" in node:
        return " or ".join(node["enum"])
    kind = {"object": "record", "array": "list"}.get(node["type"], node["type"])
    ends = [f"{node[key]:g}" if key in node else "" for key in ("minimum", "maximum")]
    return f"{kind}, {ends[0]} to {ends[1]}" if any(ends) else kind
