"""From the JSON schema that pydantic writes to the structural one that Kubernetes takes."""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

# Taken over as they are; everything else is either translated below or a bug in a model.
_KEPT: Final = frozenset(
    {
        "type",
        "format",
        "description",
        "enum",
        "default",
        "nullable",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "pattern",
        "required",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-validations",
    }
)
# `additionalProperties: false` is what a structural schema does by itself: unknown fields are
# pruned, or refused under strict field validation. Writing it beside properties is not allowed.
_DROPPED: Final = frozenset({"title", "$defs"})

# A field of a status is what we wrote ourselves. A schema that polices it could only do harm:
# the schema of an older release, left in place by an upgrade, would refuse or prune our memory.
_POLICING: Final = frozenset({"enum", "default", "required"})


def structural(schema: Mapping[str, Any]) -> Schema:
    """The schema with references inlined and in the subset that a CRD may use.

    An object that may be left out gets the default `{}`, so that the defaults within it appear.
    """
    return _translated(schema, schema.get("$defs", {}))


def lenient(node: Schema) -> Schema:
    """The structural schema without what refuses or prunes: for a status."""
    relaxed: Schema = {key: value for key, value in node.items() if key not in _POLICING}
    for key in ("items", "additionalProperties"):
        if key in relaxed:
            relaxed[key] = lenient(relaxed[key])
    if "properties" in relaxed:
        relaxed["properties"] = {
            name: lenient(field) for name, field in relaxed["properties"].items()
        }
        relaxed["x-kubernetes-preserve-unknown-fields"] = True
    return relaxed


def _translated(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """One node of the schema. Words beside a reference win over the words of what it refers to."""
    node = dict(node)
    while "$ref" in node:
        target = definitions[node.pop("$ref").rpartition("/")[2]]
        node = {**target, **node}
    if "anyOf" in node:
        return _translated(_or_null(node), definitions)
    required = node.get("required", ())
    done: Schema = {}
    for key, value in node.items():
        if key == "properties":
            done[key] = {
                name: _field(field, definitions, optional=name not in required)
                for name, field in value.items()
            }
        elif key not in _DROPPED:
            done.update(_keyword(key, value, definitions))
    # Absent says the same as null, and needs no default.
    if "default" in done and done["default"] is None:
        del done["default"]
    return done


def _keyword(key: str, value: Any, definitions: Mapping[str, Any]) -> Schema:
    """What one keyword of the schema becomes."""
    match key:
        case "items":
            return {"items": _translated(value, definitions)}
        case "prefixItems":
            return {"items": _alike(value, definitions)}
        case "additionalProperties":
            return {} if value is False else {key: _translated(value, definitions)}
        case "const":
            return {"enum": [value]}
        case _:
            assert key in _KEPT, f"a structural schema has no {key}"
            return {key: value}


def _field(field: Mapping[str, Any], definitions: Mapping[str, Any], *, optional: bool) -> Schema:
    done = _translated(field, definitions)
    if optional and "properties" in done and "default" not in done and not done.get("nullable"):
        done["default"] = {}
    return done


def _or_null(node: Schema) -> Schema:
    """A union with null, which is the only union we use, as a nullable node."""
    others = [option for option in node.pop("anyOf") if option != {"type": "null"}]
    assert len(others) == 1, f"a structural schema has no unions: {others}"
    return {**others[0], **node, "nullable": True}


def _alike(items: list[Mapping[str, Any]], definitions: Mapping[str, Any]) -> Schema:
    """The one schema of a tuple's items."""
    done = [_translated(item, definitions) for item in items]
    assert all(item == done[0] for item in done), "a structural schema has no mixed tuples"
    return done[0]
