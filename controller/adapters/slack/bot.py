"""The Notifier port by a Slack bot: one message per release, kept up to date, with a thread.

Nothing is said twice: what may have been said already is looked for before it is said again.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import aiohttp

from controller.adapters.slack.blocks import Block, calling, reply
from controller.adapters.slack.board import (
    HINT,
    Board,
    Shown,
    metadata,
    release_message,
    reply_metadata,
)
from controller.adapters.slack.channels import Channels
from controller.adapters.slack.finding import Finder
from controller.adapters.slack.web import (
    ANSWER_TIMEOUT_SECONDS,
    Body,
    Pace,
    Said,
    SlackApi,
    Unanswered,
)
from controller.domain.records import IntentAction, Ref
from controller.domain.status import Notice, NoticeKind
from controller.engine.ports import Unavailable

CONNECTIONS_MAX: Final = 8
THREADS_MAX: Final = 1000
WEB_API: Final = "https://slack.com/api"
# The message is gone: a person deleted it.
_GONE: Final = frozenset({"message_not_found", "thread_not_found", "cannot_reply_to_message"})
# It is there and stays as it is; the thread goes on.
_FIXED: Final = frozenset({"cant_update_message", "edit_window_closed"})
# Told to the whole channel: an edited message is news to nobody.
_LOUD: Final = frozenset({NoticeKind.ROLLED_BACK})
_NO_PREVIEWS: Final = {"unfurl_links": False, "unfurl_media": False}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How Slack is reached. With `proxy_from_environment`, HTTPS_PROXY and NO_PROXY are obeyed."""

    api_url: str = WEB_API
    proxy_from_environment: bool = False
    timeout_seconds: float = ANSWER_TIMEOUT_SECONDS
    pace: Pace = field(default_factory=Pace)


@dataclass(slots=True)
class Thread:
    """What is known of a release's message. No `ts`: not known; `sure`: there is none.

    `told` are the notices in its thread, None: to be looked up. `doubt_until` is when a call
    without an answer is through at the latest.
    """

    channel: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    channel_id: str = ""
    ts: str = ""
    sure: bool = False
    first: str = ""
    key: str = ""
    at: datetime | None = None
    notes: tuple[str, ...] = ()
    board: Board | None = None
    told: set[str] | None = None
    doubt_until: float = 0.0


@dataclass(slots=True)
class SlackBot:
    """Says every notice once. One at a time for each release, in the order they come.

    Not `interactive`: nobody listens to clicks, and there are no buttons.
    """

    api: SlackApi
    channels: Channels
    dashboard_url: str | None = None
    interactive: bool = True
    _finder: Finder = field(init=False)
    _threads: OrderedDict[tuple[str, str], Thread] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._finder = Finder(self.api)

    async def send(self, ref: Ref, notice: Notice) -> None:
        """Deliver, or raise Unavailable (try again later) or Refused (will never be taken)."""
        thread = self._thread(self.channels.of(ref, notice), notice.release or notice.key)
        async with thread.lock:
            try:
                await self._tell(thread, ref, notice)
            except Unanswered:
                loop = asyncio.get_running_loop()
                thread.doubt_until = loop.time() + self.api.pace.settling
                raise

    def forget(self) -> None:
        """Another process spoke in our place, or will: what is known is looked up again."""
        for place, thread in list(self._threads.items()):
            if not thread.lock.locked():
                del self._threads[place]

    async def note(self, shown: Shown, said: str, left: tuple[IntentAction, ...]) -> None:
        """Write on a message who did what, and what can be done since. Raises as `send` does.

        Where another process may paint it by now, or we did before our start, it is said in the
        message's thread: what the person saw is old, and must not take the place of what is new.
        """
        place = (shown.channel, shown.ts)
        known = (t for t in self._threads.values() if (t.channel_id, t.ts) == place)
        thread = next(known, None) or Thread(shown.channel)
        async with thread.lock:
            if thread.board is None:
                body = {"thread_ts": shown.ts, "text": said, **_NO_PREVIEWS}
                await self.api.write("chat.postMessage", shown.channel, body)
            elif said not in thread.notes:
                board = replace(thread.board, notes=(*thread.notes, said), left=left)
                await self._show(thread, board)

    def _thread(self, channel: str, release: str) -> Thread:
        """Of a bounded number; one that is forgotten is found again in the channel."""
        place = (channel, release)
        thread = self._threads.setdefault(place, Thread(channel))
        self._threads.move_to_end(place)
        if len(self._threads) > THREADS_MAX:
            idle = (p for p, t in self._threads.items() if p != place and not t.lock.locked())
            oldest = next(idle, None)
            if oldest is not None:
                del self._threads[oldest]
        return thread

    async def _tell(self, thread: Thread, ref: Ref, notice: Notice) -> None:
        if not thread.ts and not await self._found(thread, notice):
            await self._open(thread, ref, notice)
        elif thread.key != notice.key and (thread.at is None or thread.at <= notice.at):
            try:
                board = Board(ref=ref, notice=notice, first=thread.first, notes=thread.notes)
                await self._show(thread, board)
            except Said as no:
                if no.code not in _GONE:
                    raise
                await self._open(thread, ref, notice)
        if _has_reply(notice, is_first=thread.first == notice.key):
            await self._reply(thread, ref, notice)

    async def _found(self, thread: Thread, notice: Notice) -> bool:
        """Look for the release's message, once what is in doubt has come to rest."""
        if thread.sure:
            return False
        await self._settle(thread)
        thread.channel_id = await self._finder.channel_id(thread.channel)
        if not thread.channel_id:
            return False
        found = await self._finder.release(thread.channel_id, notice)
        thread.sure = found is None
        if found is None:
            return False
        thread.ts, thread.first, thread.key = found.ts, found.first, found.key
        thread.at, thread.notes, thread.told = found.at, found.notes, None
        return True

    async def _open(self, thread: Thread, ref: Ref, notice: Notice) -> None:
        """Post the release's message."""
        board = Board(ref=ref, notice=notice, first=notice.key, notes=thread.notes)
        text, blocks = self._painted(board)
        body = {"text": text, "blocks": blocks, "metadata": metadata(board)}
        thread.ts = ""
        try:
            answer = await self._post(thread, body)
        except Unanswered:
            thread.sure = False
            raise
        thread.ts = str(answer["ts"])
        thread.channel_id = str(answer.get("channel") or thread.channel_id)
        self._finder.learn(thread.channel, thread.channel_id)
        thread.first, thread.told = notice.key, set()
        self._remember(thread, board)

    async def _show(self, thread: Thread, board: Board) -> None:
        """Bring the release's message up to date."""
        text, blocks = self._painted(board)
        try:
            await self._change(thread.channel_id, thread.ts, text, blocks, metadata(board))
        except Said as no:
            if no.code not in _FIXED:
                raise
            log.warning("Slack: the message of %s stays as it is: %s", board.ref, no)
        self._remember(thread, board)

    async def _reply(self, thread: Thread, ref: Ref, notice: Notice) -> None:
        """Say a notice in the thread; to the whole channel when a person is needed."""
        if thread.told is None:
            await self._settle(thread)
            thread.told = await self._finder.replies(thread.channel_id, thread.ts)
        if notice.key in thread.told:
            return
        # The message that was made for this notice is news to the channel by itself.
        news = thread.first != notice.key
        called = calling(notice, HINT if self.interactive else "") if news else []
        text, blocks = reply(ref, notice, self.dashboard_url, called)
        body: Body = {"text": text, "blocks": blocks, "metadata": reply_metadata(notice)}
        body["thread_ts"] = thread.ts
        if (notice.asks or notice.kind in _LOUD) and news:
            body["reply_broadcast"] = True
        try:
            await self._post(thread, body)
        except Unanswered:
            thread.told = None
            raise
        except Said as no:
            if no.code in _GONE:
                # At the next try there is a new message, and the notice in its thread.
                thread.ts, thread.key, thread.sure, thread.told = "", "", True, None
                raise Unavailable(f"the message of {ref} is gone; a new one is made") from None
            raise
        thread.told.add(notice.key)

    async def _post(self, thread: Thread, body: dict[str, Any]) -> Body:
        where = thread.channel_id or thread.channel
        try:
            return await self.api.write("chat.postMessage", where, {**body, **_NO_PREVIEWS})
        except Said as no:
            if no.code == "channel_not_found" and self._finder.forget(thread.channel):
                raise Unavailable(f"{thread.channel} is another channel by now") from None
            raise

    async def _change(
        self,
        channel: str,
        ts: str,
        text: str,
        blocks: list[Block],
        known: dict[str, Any],
    ) -> None:
        body: Body = {"ts": ts, "text": text, "blocks": blocks, "metadata": known}
        await self.api.write("chat.update", channel, body)

    def _painted(self, board: Board) -> tuple[str, list[Block]]:
        return release_message(board, self.dashboard_url, interactive=self.interactive)

    async def _settle(self, thread: Thread) -> None:
        left = thread.doubt_until - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)

    def _remember(self, thread: Thread, board: Board) -> None:
        thread.key, thread.at = board.notice.key, board.notice.at
        thread.notes, thread.board = board.notes, board


def _has_reply(notice: Notice, *, is_first: bool) -> bool:
    """A step that passed is only worth the update; so is what its own message says in full."""
    if notice.kind is NoticeKind.STEP_PASSED:
        return False
    return not is_first or bool(notice.findings or notice.log.strip())


@asynccontextmanager
async def connect(
    token: str,
    channels: Channels,
    *,
    dashboard_url: str | None = None,
    line: Line | None = None,
    interactive: bool = True,
) -> AsyncIterator[SlackBot]:
    """A bot with its own session, which ends with the block. See SlackBot."""
    line = line or Line()
    # Messages are minutes apart: a kept connection would only be one that has died meanwhile.
    connector = aiohttp.TCPConnector(force_close=True, limit=CONNECTIONS_MAX)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=line.timeout_seconds),
        trust_env=line.proxy_from_environment,
    ) as session:
        api = SlackApi(token, line.api_url, session, line.pace)
        yield SlackBot(api, channels, dashboard_url, interactive)
