"""A person's command, as it stands in an annotation of the Canary."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

from controller.adapters.kube.names import INTENT_ANNOTATION
from controller.domain.records import Intent, IntentAction, Problem

VALUE_CHARACTERS_MAX: Final = 2_000
_ID_CHARACTERS: Final = 16
_SHOWN_CHARACTERS_MAX: Final = 60

_FIELD: Final = f"metadata.annotations[{INTENT_ANNOTATION}]"
_ACTIONS: Final = {action.value: action for action in IntentAction}
_KEYS: Final = ("action", "id", "revision", "step", "by", "via", "reason")
_ALLOWED: Final = ", ".join(_ACTIONS)
_REMEDY: Final = (
    f"Write one of {_ALLOWED}, with a reason after it if you like "
    '("rollback because the shop is slow"); remove the annotation to ask for nothing'
)


def read_intent(annotations: Mapping[str, str]) -> Intent | Problem | None:
    """The command that the annotations carry; None when nothing is asked.

    The value is a bare word with an optional reason after it, or the JSON that `write_intent`
    makes. Without an id of its own, the id is derived from the value: the same text is the same
    command, however often it is read.
    """
    value = annotations.get(INTENT_ANNOTATION, "").strip()
    if not value:
        return None
    if len(value) > VALUE_CHARACTERS_MAX:
        return _problem(value, f"is longer than {VALUE_CHARACTERS_MAX} characters", _REMEDY)
    return _from_json(value) if value.startswith("{") else _from_words(value)


def write_intent(intent: Intent) -> str:
    """The annotation's value for a command, as JSON."""
    assert intent.id, "an intent without an id could be carried out twice"
    said = {
        "action": intent.action.value,
        "id": intent.id,
        "revision": intent.revision,
        "step": "" if intent.step is None else str(intent.step),
        "by": intent.by,
        "via": intent.via,
        "reason": intent.reason,
    }
    # As it is said: escapes would make six characters of one, and the value has a limit.
    named = {name: text for name, text in said.items() if text}
    return json.dumps(named, separators=(",", ":"), ensure_ascii=False)


def _from_words(value: str) -> Intent | Problem:
    word, _, rest = value.partition(" ")
    action = _ACTIONS.get(word.rstrip(":,.").lower())
    if action is None:
        return _problem(value, "does not begin with a command", _REMEDY)
    reason = re.sub(r"^(because\s+|[-:,]\s*)", "", rest.strip(), flags=re.IGNORECASE)
    return Intent(action=action, id=_derived(value), reason=reason)


def _from_json(value: str) -> Intent | Problem:
    try:
        said = json.loads(value, object_pairs_hook=_once)
    # Deep nesting ends in a RecursionError, which is the writer's fault like any other bad JSON.
    except (ValueError, RecursionError):
        return _problem(value, "begins like JSON and is not", _REMEDY)
    wrong = _wrong(said)
    if wrong is not None:
        return _problem(value, *wrong)
    return Intent(
        action=_ACTIONS[said["action"]],
        id=said.get("id") or _derived(value),
        revision=said.get("revision", ""),
        step=int(said["step"]) if said.get("step") else None,
        by=said.get("by") or "unknown",
        via=said.get("via", ""),
        reason=said.get("reason", ""),
        keyed=bool(said.get("id")),
    )


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A member said twice would be read in one way by us and in another by an admission policy."""
    said = dict(pairs)
    if len(said) < len(pairs):
        raise ValueError("a key is there twice")
    return said


def _wrong(said: dict[str, object]) -> tuple[str, str] | None:
    """What is wrong with a command in JSON, and the remedy."""
    for name, text in said.items():
        # A misspelt "revision" must not turn into a command against whatever runs.
        if name not in _KEYS:
            return f"has the unknown key {_shown(name)}", f"The keys are {', '.join(_KEYS)}"
        if not isinstance(text, str):
            return f"has a {name} that is not a text", f"Write {name} in quotes"
        if name == "step" and text and not (text.isascii() and text.isdecimal()):
            return "has a step that is no number", "Write the step's number, counted from 1"
    if said.get("action") not in _ACTIONS:
        return "has no action that is known", f"The actions are {_ALLOWED}"
    return None


def _derived(value: str) -> str:
    return hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:_ID_CHARACTERS]


def _problem(value: str, wrong: str, remedy: str) -> Problem:
    return Problem(
        reason="IntentUnreadable",
        field=_FIELD,
        message=f"{_shown(value)} {wrong}",
        remedy=remedy,
    )


def _shown(text: str) -> str:
    short = text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "…"
    return json.dumps(short, ensure_ascii=False)
