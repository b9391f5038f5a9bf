"""The one message of a release: its state now, what to do about it, and who did what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from controller.adapters.slack.blocks import (
    BLOCKS_MAX,
    Block,
    calling,
    clip,
    context,
    escape,
    fact_sections,
    header,
    mrkdwn,
    plain,
    section,
)
from controller.adapters.slack.buttons import OPEN, PREFIX, actions
from controller.domain.records import IntentAction, Ref
from controller.domain.status import Notice, NoticeKind

RELEASE_EVENT: Final = "canary_release"
NOTICE_EVENT: Final = "canary_notice"
NOTES_MAX: Final = 5
NOTE_CHARACTERS_MAX: Final = 500

HINT: Final = ": the buttons are on the first message of this thread"

ADVICE: Final[Mapping[NoticeKind, str]] = {
    NoticeKind.HOLDING: "Look at what is said in the thread. *Promote* lets it go on as it is, "
    "*Resume* has it compared further, *Roll back* takes it back.",
    NoticeKind.ROLLED_BACK: "Fix what is said in the thread, and release that. The same template "
    "is held without pods until somebody lets it be tried again: *Try again*.",
    NoticeKind.QUARANTINED: "Release a template that is fixed. If this one is good after all, let "
    "it be tried again: *Try again*.",
}
_COMMANDS: Final[Mapping[NoticeKind, tuple[str, ...]]] = {
    NoticeKind.HOLDING: ("promote", "resume", "rollback"),
    NoticeKind.ROLLED_BACK: ("retry",),
    NoticeKind.QUARANTINED: ("retry",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What the message shows. `notes` say who did what; `left` what can be done since then.

    `first`: the notice that the message was made for, which calls people in it.
    """

    ref: Ref
    notice: Notice
    first: str
    notes: tuple[str, ...] = ()
    left: tuple[IntentAction, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message as the person who clicked saw it."""

    channel: str
    ts: str
    text: str
    blocks: tuple[Block, ...]

    def noted(self, said: str, left: tuple[IntentAction, ...]) -> list[Block]:
        """Its blocks with a line more, and with those of its buttons that still make sense."""
        kept = {OPEN, *(f"{PREFIX}{action.value}" for action in left)}
        blocks: list[Block] = []
        for block in self.blocks:
            if block.get("type") != "actions":
                blocks.append(block)
                continue
            elements = [e for e in block.get("elements", ()) if e.get("action_id") in kept]
            blocks += [{**block, "elements": elements}] if elements else []
        return [*blocks[: BLOCKS_MAX - 1], *noted((said,))]


def release_message(
    board: Board, url: str | None, *, interactive: bool = True
) -> tuple[str, list[Block]]:
    """The plain text and the blocks of a release's message; `url` is the dashboard's own.

    Not `interactive`: nobody listens to clicks, and there is nothing to click but the link.
    """
    notice, ref = board.notice, board.ref
    left = board.left if interactive else ()
    called = calling(notice) if board.first == notice.key else []
    blocks = [
        header(notice),
        *called,
        *fact_sections(notice),
        *advice(ref, notice),
        *actions(ref, notice, left, url),
        *noted(board.notes),
        context(ref, notice),
    ]
    return plain(notice), blocks


def advice(ref: Ref, notice: Notice) -> list[Block]:
    """What a person can do, and how from a terminal."""
    said = ADVICE.get(notice.kind)
    if said is None or not notice.revision:
        return []
    first, *others = _COMMANDS[notice.kind]
    command = escape(f"kubectl canary {first} {ref.name} -n {ref.namespace}")
    rest = f" (or {', '.join(f'`{other}`' for other in others)})" if others else ""
    return [section(f"*What to do*\n{said} From a terminal: `{command}`{rest}")]


def noted(notes: tuple[str, ...]) -> list[Block]:
    """Who did what, the latest last."""
    lines = [mrkdwn(note) for note in notes[-NOTES_MAX:]]
    return [{"type": "context", "elements": lines}] if lines else []


def note(user: str, name: str, what: str, when: str) -> str:
    """A line of who did what; `user` is a Slack id that was verified."""
    return f"<@{user}> " + clip(f"({name}) {what} · {when}", NOTE_CHARACTERS_MAX)


def metadata(board: Board) -> dict[str, Any]:
    """By what the message is found again, and what is needed to go on with it."""
    return {
        "event_type": RELEASE_EVENT,
        "event_payload": {
            "release": board.notice.release or board.notice.key,
            "first": board.first,
            "notice": board.notice.key,
            "at": board.notice.at.isoformat(),
            "notes": "\n".join(board.notes[-NOTES_MAX:]),
        },
    }


def reply_metadata(notice: Notice) -> dict[str, Any]:
    """By what a notice in the thread is found again."""
    return {
        "event_type": NOTICE_EVENT,
        "event_payload": {"release": notice.release, "notice": notice.key},
    }
