"""The body of the webhook: a notice in JSON, and the schema that documents it.

New fields may come; none goes, and none changes its meaning, without another version.
"""

import json
from typing import Any, Final

from controller.domain.records import Ref
from controller.domain.status import Notice, NoticeKind

VERSION: Final = "v1"

_TEXT: Final = {"type": "string"}


def _said(schema: dict[str, Any], what: str) -> dict[str, Any]:
    return {**schema, "description": what}


SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Notice of canary-controller",
    "type": "object",
    "required": [
        "version",
        "key",
        "kind",
        "at",
        "canary",
        "headline",
        "facts",
        "findings",
        "log",
        "release",
        "revision",
        "step",
        "asks",
        "url",
    ],
    "properties": {
        "version": _said({"const": VERSION}, "of this schema"),
        "key": _said(_TEXT, "of the notice; the same in every repeat"),
        "kind": _said({"enum": [kind.value for kind in NoticeKind]}, "what happened"),
        "at": _said({"type": "string", "format": "date-time"}, "when it happened, in UTC"),
        "canary": {
            "type": "object",
            "required": ["namespace", "name"],
            "properties": {"namespace": _TEXT, "name": _TEXT},
            "description": "the Canary object",
        },
        "headline": _said(_TEXT, "what happened, in a sentence"),
        "facts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "value"],
                "properties": {"name": _TEXT, "value": _TEXT},
            },
            "description": "in reading order",
        },
        "findings": _said({"type": "array", "items": _TEXT}, "what was compared, in sentences"),
        "log": _said(_TEXT, "last words of the container that crashed last; may be empty"),
        "release": _said(_TEXT, "the same for all notices of a release; empty: of none"),
        "revision": _said(
            _TEXT, "fingerprint of the canary's template, as the REST API takes it; may be empty"
        ),
        "step": _said({"type": ["integer", "null"], "minimum": 1}, "which step, counted from 1"),
        "asks": _said({"type": "boolean"}, "whether nothing moves on without a person"),
        "url": _said({"type": ["string", "null"]}, "the release in the dashboard, when known"),
    },
}


def body(ref: Ref, notice: Notice, dashboard_url: str | None) -> bytes:
    """The notice as it is sent and signed."""
    page = f"{dashboard_url}/canaries/{ref.namespace}/{ref.name}" if dashboard_url else None
    said = {
        "version": VERSION,
        "key": notice.key,
        "kind": notice.kind.value,
        "at": notice.at.isoformat(),
        "canary": {"namespace": ref.namespace, "name": ref.name},
        "headline": notice.headline,
        "facts": [{"name": name, "value": value} for name, value in notice.facts],
        "findings": list(notice.findings),
        "log": notice.log,
        "release": notice.release,
        "revision": notice.revision,
        "step": notice.step,
        "asks": notice.asks,
        "url": page,
    }
    # ASCII: half a character, which a log may hold, is not UTF-8.
    return json.dumps(said, separators=(",", ":")).encode()
