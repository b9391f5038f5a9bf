"""Finding again what was said before: channels by name, a release's message, replies in it."""

import logging
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from controller.adapters.slack.board import NOTICE_EVENT, RELEASE_EVENT
from controller.adapters.slack.web import Body, Said, SlackApi
from controller.domain.status import Notice

PAGE_MESSAGES: Final = 200
PAGES_MAX: Final = 25
LIST_CHANNELS: Final = 1000
NAMES_MAX: Final = 1000
# The clocks of Slack and of the cluster differ by less.
CLOCKS_DIFFER: Final = timedelta(hours=1)
# A release that we do not know the start of was not held for longer.
LOOK_BACK: Final = timedelta(days=14)

_ID: Final = re.compile(r"[CGD][A-Z0-9]{6,20}")
_STARTED: Final = re.compile(r":(\d{8}T\d{6})\d{3}$")
_HISTORY: Final = (
    "until then what is in doubt is said again: a message whose answer was lost may come twice, "
    "and so may the one of a release that was running when this process started"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A release's message that is there, as its metadata has it."""

    ts: str
    first: str
    key: str
    at: datetime
    notes: tuple[str, ...]


@dataclass(slots=True)
class Finder:
    """Looks into channels. What may not be looked into is told once, and taken for empty."""

    api: SlackApi
    _ids: dict[str, str] = field(default_factory=dict)
    _warned: set[tuple[str, str]] = field(default_factory=set)

    async def channel_id(self, channel: str) -> str:
        """The id of a channel, "" where only its name is known: posts work with that, too."""
        if _ID.fullmatch(channel):
            return channel
        name = channel.removeprefix("#")
        if name not in self._ids:
            async for found in self._pages("conversations.list", "channels", name):
                if found.get("name"):
                    self.learn(str(found["name"]), str(found["id"]))
                if name in self._ids:
                    break
        return self._ids.get(name, "")

    def learn(self, channel: str, channel_id: str) -> None:
        """What the answer to a post says of its channel."""
        if len(self._ids) >= NAMES_MAX:
            self._ids.clear()
        self._ids[channel.removeprefix("#")] = channel_id

    def forget(self, channel: str) -> bool:
        """A name may be another channel's by now. Whether an id was known."""
        return self._ids.pop(channel.removeprefix("#"), None) is not None

    async def release(self, channel: str, notice: Notice) -> Found | None:
        """The message of the notice's release."""
        oldest = f"{_begun(notice).timestamp():.6f}"
        wanted = notice.release or notice.key
        async for message in self._pages(
            "conversations.history", "messages", channel, oldest=oldest
        ):
            said = _payload(message, RELEASE_EVENT)
            if said.get("release") == wanted:
                return _found(str(message["ts"]), said)
        return None

    async def replies(self, channel: str, ts: str) -> set[str]:
        """The keys of the notices that are in a message's thread."""
        told = set()
        async for message in self._pages("conversations.replies", "messages", channel, ts=ts):
            told.add(str(_payload(message, NOTICE_EVENT).get("notice", "")))
        return told

    async def _pages(
        self, method: str, what: str, channel: str, **given: str
    ) -> AsyncIterator[Body]:
        """Everything that is there, page by page, up to a limit."""
        cursor = ""
        for _ in range(PAGES_MAX):
            more = {"cursor": cursor} if cursor else {}
            try:
                answer = await self._page(method, channel, {**given, **more})
            except Said as no:
                self._warn(method, channel, no)
                return
            for item in answer.get(what) or ():
                if isinstance(item, dict):
                    yield item
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return
        log.warning("Slack: %s of %s is longer than we read", method, channel)

    async def _page(self, method: str, channel: str, given: Mapping[str, str]) -> Body:
        if method != "conversations.list":
            said: Body = {"limit": PAGE_MESSAGES, "include_all_metadata": True, **given}
            return await self.api.read(method, channel, **said)
        listed: Body = {"limit": LIST_CHANNELS, "exclude_archived": True, **given}
        try:
            return await self.api.read(method, types="public_channel,private_channel", **listed)
        except Said as no:
            if no.code != "missing_scope":
                raise
        # Private channels need a scope of their own, which not every team grants.
        return await self.api.read(method, types="public_channel", **listed)

    def _warn(self, method: str, channel: str, no: Said) -> None:
        """Once per channel and reason: it does not change before somebody acts."""
        # A message or thread that is gone is no fault of anybody's.
        if no.code in {"thread_not_found", "message_not_found"} or len(self._warned) >= NAMES_MAX:
            return
        place = ("", no.code) if no.code == "missing_scope" else (channel, no.code)
        if place not in self._warned:
            self._warned.add(place)
            log.warning("Slack: %s for %s: %s; %s", method, channel, no, _HISTORY)


def _begun(notice: Notice) -> datetime:
    """No message of this release is older."""
    known = _STARTED.search(notice.release)
    if known is None:
        return notice.at - (LOOK_BACK if notice.release else CLOCKS_DIFFER)
    started = datetime.strptime(known.group(1), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return started - CLOCKS_DIFFER


def _payload(message: Mapping[str, Any], event: str) -> Mapping[str, Any]:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != event:
        return {}
    payload = metadata.get("event_payload")
    return payload if isinstance(payload, dict) else {}


def _found(ts: str, said: Mapping[str, Any]) -> Found:
    """Whatever cannot be read is taken for old: the message is brought up to date."""
    try:
        at = datetime.fromisoformat(str(said.get("at", "")))
    except ValueError:
        at = datetime.min.replace(tzinfo=UTC)
    notes = tuple(line for line in str(said.get("notes", "")).split("\n") if line)
    return Found(
        ts=ts,
        first=str(said.get("first", "")),
        key=str(said.get("notice", "")),
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        notes=notes,
    )
