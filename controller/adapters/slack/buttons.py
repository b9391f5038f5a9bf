"""The buttons of a release's message: what can be done, what it will do, what a click says."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from controller.adapters.slack.blocks import Block, clip, one_line, page
from controller.domain.records import IntentAction, Ref
from controller.domain.status import Notice, NoticeKind

OPEN: Final = "canary_open"
PREFIX: Final = "canary_"
KEY_CHARACTERS: Final = 32
SUBJECT_CHARACTERS_MAX: Final = 100
DIALOG_CHARACTERS_MAX: Final = 300

_RUNNING: Final = (IntentAction.PROMOTE, IntentAction.HOLD, IntentAction.ROLLBACK)
_HELD: Final = (IntentAction.PROMOTE, IntentAction.RESUME, IntentAction.ROLLBACK)
_OVER: Final = (IntentAction.RETRY,)
# What can be done after a notice; a release that is over can only be tried again.
ACTIONS: Final[Mapping[NoticeKind, tuple[IntentAction, ...]]] = {
    NoticeKind.STARTED: _RUNNING,
    NoticeKind.STEP_PASSED: _RUNNING,
    NoticeKind.HOLDING: _HELD,
    NoticeKind.PROMOTED: (),
    NoticeKind.ROLLING_BACK: (),
    NoticeKind.ROLLED_BACK: _OVER,
    NoticeKind.QUARANTINED: _OVER,
    NoticeKind.INTERRUPTED: (),
}
# What is left to do after a command was taken, until the next notice says it better.
AFTERWARDS: Final[Mapping[IntentAction, tuple[IntentAction, ...]]] = {
    IntentAction.PROMOTE: (IntentAction.ROLLBACK,),
    IntentAction.PROMOTE_FULL: (IntentAction.ROLLBACK,),
    IntentAction.RESUME: _RUNNING,
    IntentAction.HOLD: _HELD,
    IntentAction.ROLLBACK: (),
    IntentAction.RETRY: (),
}
LABELS: Final[Mapping[IntentAction, str]] = {
    IntentAction.PROMOTE: "Promote",
    IntentAction.PROMOTE_FULL: "Promote fully",
    IntentAction.HOLD: "Hold",
    IntentAction.ROLLBACK: "Roll back",
    IntentAction.RESUME: "Resume",
    IntentAction.RETRY: "Try again",
}
_EFFECTS: Final[Mapping[IntentAction, str]] = {
    IntentAction.PROMOTE: "goes on{step} without waiting for the comparison. It is still watched, "
    "and rolled back if it turns bad.",
    IntentAction.PROMOTE_FULL: "goes to all pods without waiting for the comparison. It is still "
    "watched, and rolled back if it turns bad.",
    IntentAction.HOLD: "stays where it is until a person promotes or resumes it. It is still "
    "watched, and rolled back if it turns bad.",
    IntentAction.ROLLBACK: "is taken back: stable gets all pods. Applied again, the same template "
    "is held without pods until a person lets it be tried again.",
    IntentAction.RESUME: "is compared further, and goes on by itself once the comparison allows "
    "it. It is rolled back if it turns bad.",
    IntentAction.RETRY: "is no longer quarantined: the same template may be released again, as a "
    "canary from the first step.",
}
_STYLES: Final = {IntentAction.PROMOTE: "primary", IntentAction.ROLLBACK: "danger"}
# A release that moved on to the next step is no reason not to stop it.
_OF_THE_STEP: Final = frozenset({IntentAction.PROMOTE, IntentAction.RESUME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is behind a button. `key` is the same for everybody who presses it."""

    ref: str
    action: IntentAction
    revision: str
    step: int | None = None
    key: str

    def canary(self) -> Ref:
        """Whose release it is. Raises ValueError when it is no Canary's name."""
        namespace, slash, name = self.ref.partition("/")
        if not (namespace and slash and name) or "/" in name:
            raise ValueError("ref is not namespace/name")
        return Ref(namespace, name)


_ORDER: Final = TypeAdapter(Order)


def order(ref: Ref, notice: Notice, action: IntentAction) -> Order:
    """The order that a button of this notice gives."""
    said = hashlib.sha256(f"{notice.key}\0{action.value}".encode()).hexdigest()[:KEY_CHARACTERS]
    step = notice.step if action in _OF_THE_STEP else None
    return Order(
        ref=str(ref), action=action, revision=notice.revision, step=step, key=f"slack-{said}"
    )


def read_order(value: str) -> Order:
    """What a click says. Raises ValueError when it is not what we wrote."""
    try:
        found = _ORDER.validate_json(value)
    except ValidationError as error:
        raise ValueError(f"the button holds no order: {error.errors()[0]['msg']}") from None
    found.canary()
    return found


def actions(
    ref: Ref, notice: Notice, left: tuple[IntentAction, ...] | None, url: str | None
) -> list[Block]:
    """The row of buttons; none where nothing can be done and nothing opened.

    `left` are those to show in place of what the notice's kind allows.
    """
    shown = ACTIONS[notice.kind] if left is None else left
    # What belongs to no release has nothing that a command could name.
    elements = [_button(ref, notice, action) for action in shown if notice.revision]
    elements += [link(ref, url)] if url else []
    return [{"type": "actions", "elements": elements}] if elements else []


def link(ref: Ref, dashboard_url: str) -> Block:
    """A button that opens the release's page."""
    return {
        "type": "button",
        "action_id": OPEN,
        "text": _plain("Open the release"),
        "url": page(ref, dashboard_url),
    }


def _button(ref: Ref, notice: Notice, action: IntentAction) -> Block:
    said = order(ref, notice, action)
    value = {"ref": said.ref, "action": action.value, "revision": said.revision, "key": said.key}
    if said.step is not None:
        value["step"] = said.step  # type: ignore[assignment]
    button: dict[str, Any] = {
        "type": "button",
        "action_id": f"{PREFIX}{action.value}",
        "text": _plain(LABELS[action]),
        "value": json.dumps(value, separators=(",", ":")),
        "confirm": _dialog(ref, notice, action),
    }
    return {**button, "style": _STYLES[action]} if action in _STYLES else button


def _dialog(ref: Ref, notice: Notice, action: IntentAction) -> Block:
    """States what will happen, and to what."""
    what = dict(notice.facts).get("Canary", "the release")
    subject = f"{ref}: {one_line(what)[:SUBJECT_CHARACTERS_MAX]}"
    step = f" from step {notice.step}" if notice.step is not None else ""
    text = f"{subject} {_EFFECTS[action].format(step=step)}"
    return {
        "title": _plain(f"{LABELS[action]}?"),
        "text": _plain(clip(text, DIALOG_CHARACTERS_MAX)),
        "confirm": _plain(LABELS[action]),
        "deny": _plain("Not now"),
        **({"style": _STYLES[action]} if action in _STYLES else {}),
    }


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
