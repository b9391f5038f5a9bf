"""JSON patches and merge patches, as an API server carries them out."""

import copy
from typing import Any

Object = dict[str, Any]


def patched_by(known: Object, patch: Any, content_type: str) -> Object | None:
    """The object after a JSON patch or a merge patch; None if a test of the patch fails."""
    found = copy.deepcopy(known)
    if content_type != "application/json-patch+json":
        result: Object = merged(found, patch)
        return result
    try:
        return found if all(stepped(found, step) for step in patch) else None
    except KeyError:
        return None


def stepped(found: Object, step: Object) -> bool:
    """Carry out one step of a JSON patch; False if it was a test that fails."""
    names = [name.replace("~1", "/").replace("~0", "~") for name in step["path"].split("/")[1:]]
    *parents, last = names
    for parent in parents:
        found = found[parent]
    if step["op"] == "test":
        return bool(found[last] == step["value"])
    if step["op"] == "remove":
        del found[last]
    else:
        found[last] = step["value"]
    return True


def merged(known: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(known) if isinstance(known, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
