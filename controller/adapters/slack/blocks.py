"""How a notice looks in Slack: Block Kit, and plain text for where blocks cannot be shown."""

import re
from dataclasses import replace
from typing import Any, Final

from controller.domain.records import Ref
from controller.domain.status import Notice, NoticeKind

# Slack refuses a whole message for one text that is too long or empty.
HEADER_CHARACTERS_MAX: Final = 150
SECTION_CHARACTERS_MAX: Final = 3000
FIELD_CHARACTERS_MAX: Final = 2000
FIELDS_PER_SECTION_MAX: Final = 10
BLOCKS_MAX: Final = 50
# Ours: more than this nobody reads in a chat, and 2 sections of facts keep us far from 50 blocks.
FACTS_MAX: Final = 20
FINDING_CHARACTERS_MAX: Final = 600
MENTIONS_MAX: Final = 10
FALLBACK_CHARACTERS_MAX: Final = 3000

ELLIPSIS: Final = "…"
NOTHING: Final = "-"
FENCE: Final = "```"

EMOJI: Final[dict[NoticeKind, str]] = {
    NoticeKind.STARTED: "🐤",
    NoticeKind.STEP_PASSED: "👣",
    NoticeKind.HOLDING: "✋",
    NoticeKind.PROMOTED: "✅",
    NoticeKind.ROLLING_BACK: "🚨",
    NoticeKind.ROLLED_BACK: "⏪",
    NoticeKind.QUARANTINED: "🔒",
    NoticeKind.INTERRUPTED: "⚠️",
}

Block = dict[str, Any]

# What a release's message says all the time, its thread need not repeat.
_SAID_ABOVE: Final = frozenset({"Workload", "Canary", "Stable"})

# Colours and cursor moves of terminals, and the other control characters except tab and newline.
_ANSI: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]")
_USER: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
_GROUP: Final = re.compile(r"S[A-Z0-9]{2,20}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def escape(text: str) -> str:
    """Slack's three control characters as entities: no mention or link comes from a log line."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clip(text: str, characters_max: int) -> str:
    """The text escaped and cut to what Slack takes, never in the middle of an entity."""
    whole = escape(text)
    if len(whole) <= characters_max:
        return whole
    left = characters_max - len(ELLIPSIS)
    kept = 0
    for character in text:
        left -= len(escape(character))
        if left < 0:
            break
        kept += 1
    return escape(text[:kept]) + ELLIPSIS


def code(log: str, characters_max: int = SECTION_CHARACTERS_MAX) -> str:
    """A log as a code block; when it is too long its end wins: there it says what killed it."""
    text = _printable(log).strip("\n")
    left = characters_max - len(f"{FENCE}\n\n{FENCE}")
    whole = _defused(escape(text))
    if len(whole) > left:
        left -= len(ELLIPSIS)
        start = len(text)
        while start > 0 and (left := left - _width(text[start - 1])) >= 0:
            start -= 1
        whole = ELLIPSIS + _defused(escape(text[start:]))
    return f"{FENCE}\n{whole}\n{FENCE}"


def message(ref: Ref, notice: Notice, url: str | None = None) -> tuple[str, list[Block]]:
    """The plain text and the blocks of a notice that stands for itself; `url`: the dashboard."""
    small = context(ref, notice, url, key=notice.key)
    return plain(notice), _whole(notice, calling(notice), small)


def reply(
    ref: Ref, notice: Notice, url: str | None, called: list[Block]
) -> tuple[str, list[Block]]:
    """The plain text and the blocks of a notice in its release's thread."""
    facts = tuple(fact for fact in notice.facts if fact[0] not in _SAID_ABOVE)
    told = replace(notice, facts=facts)
    return plain(told), _whole(told, called, context(ref, notice, url))


def _whole(notice: Notice, called: list[Block], small: Block) -> list[Block]:
    blocks = [
        header(notice),
        *called,
        *fact_sections(notice),
        *finding_section(notice),
        *([section(code(notice.log))] if notice.log.strip() else []),
        small,
    ]
    assert len(blocks) <= BLOCKS_MAX
    return blocks


def plain(notice: Notice) -> str:
    """What notifications and screen readers say; without the log, which has no place there."""
    lines = [
        _title(notice),
        *(f"{name}: {value}" for name, value in notice.facts),
        *(f"• {finding}" for finding in notice.findings),
    ]
    return clip("\n".join(lines), FALLBACK_CHARACTERS_MAX)


def mentions(notice: Notice) -> str:
    """Who is called: nobody unless a person is needed, and nothing but what has Slack's shapes."""
    if not notice.asks:
        return ""
    return " ".join(filter(None, map(_mention, notice.mentions[:MENTIONS_MAX])))


def calling(notice: Notice, hint: str = "") -> list[Block]:
    """A line for those who are called, when a person is needed."""
    if not notice.asks:
        return []
    called = mentions(notice)
    needed = f"{called} a person is needed" if called else "A person is needed"
    return [section(f"{needed}{hint}")]


def page(ref: Ref, dashboard_url: str) -> str:
    """Where the dashboard shows this Canary."""
    return f"{dashboard_url}/canaries/{ref.namespace}/{ref.name}"


def _mention(who: str) -> str:
    if who in {"here", "channel"}:
        return f"<!{who}>"
    if _USER.fullmatch(who):
        return f"<@{who}>"
    return f"<!subteam^{who}>" if _GROUP.fullmatch(who) else ""


def _title(notice: Notice) -> str:
    return f"{EMOJI[notice.kind]} {one_line(notice.headline) or notice.kind.value}"


def header(notice: Notice) -> Block:
    """The headline."""
    text = clip(_title(notice), HEADER_CHARACTERS_MAX)
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def fact_sections(notice: Notice) -> list[Block]:
    """The facts, in two columns."""
    fields = [mrkdwn(_fact(name, value)) for name, value in notice.facts[:FACTS_MAX]]
    return [
        {"type": "section", "fields": fields[at : at + FIELDS_PER_SECTION_MAX]}
        for at in range(0, len(fields), FIELDS_PER_SECTION_MAX)
    ]


def _fact(name: str, value: str) -> str:
    title = clip(one_line(name) or NOTHING, HEADER_CHARACTERS_MAX)
    return f"*{title}*\n{clip(value.strip() or NOTHING, FIELD_CHARACTERS_MAX - len(title) - 3)}"


def finding_section(notice: Notice) -> list[Block]:
    """What was compared; nothing where nothing was."""
    lines: list[str] = []
    left = SECTION_CHARACTERS_MAX - 40  # room for "… and n more"
    for finding in notice.findings:
        line = f"• {clip(one_line(finding), FINDING_CHARACTERS_MAX)}"
        left -= len(line) + 1
        if left < 0:
            lines.append(f"{ELLIPSIS} and {len(notice.findings) - len(lines)} more")
            break
        lines.append(line)
    return [section("\n".join(lines))] if lines else []


def context(ref: Ref, notice: Notice, url: str | None = None, key: str = "") -> Block:
    """Small print: which Canary, when, and by what a repeat is known where one may come."""
    parts = [str(ref), f"{notice.at:%Y-%m-%d %H:%M:%S} UTC", *([f"key {key}"] if key else [])]
    text = " · ".join(clip(part, FINDING_CHARACTERS_MAX) for part in parts)
    link = f" · <{escape(page(ref, url))}|dashboard>" if url else ""
    return {"type": "context", "elements": [mrkdwn(text + link)]}


def section(text: str) -> Block:
    """A paragraph of text that was escaped."""
    return {"type": "section", "text": mrkdwn(text)}


def mrkdwn(text: str) -> Block:
    """Verbatim: Slack makes no links or mentions out of what only looks like them."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def one_line(text: str) -> str:
    """Without line breaks and what no screen shows."""
    return " ".join(_printable(text).split())


def _printable(text: str) -> str:
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", _ANSI.sub("", unix))


def _defused(text: str) -> str:
    """Three backticks would end the code block: a space of no width keeps them apart."""
    return re.sub(r"`(?=``)", "`\u200b", text)


def _width(character: str) -> int:
    """What a character takes of the room at most: a backtick may be given a companion."""
    return 2 if character == "`" else len(escape(character))
