"""Values of our chart, held against its schema, with the chart's defaults beneath them."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator

from tests.docs.pages import ROOT, text

FOLDER: Final = ROOT / "helm" / "canary-controller"


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(text(FOLDER / "values.schema.json")))


def wrong_values(given: Mapping[str, Any]) -> Iterator[str]:
    """What the chart would not take of these values, by their path."""
    defaults = yaml.safe_load(text(FOLDER / "values.yaml"))
    if not _schema().is_valid(defaults):
        yield "values.yaml and values.schema.json of the chart do not fit: make fix"
        return
    for error in _schema().iter_errors(_merged(defaults, given)):
        path = ".".join(str(key) for key in error.absolute_path)
        yield f"value {path or '(top)'}: {error.message}"


def _merged(below: Any, above: Any) -> Any:
    """As helm does it: mappings key by key, all else replaced."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {
        key: _merged(below[key], above[key])
        if key in below and key in above
        else above.get(key, below.get(key))
        for key in [*below, *(key for key in above if key not in below)]
    }
