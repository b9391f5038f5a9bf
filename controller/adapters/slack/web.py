"""Calls of Slack's Web API: paced, rate limits honoured, and every failure told apart.

What matters after a failure is whether the call may have been carried out all the same.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from controller.adapters.slack.remedies import remedy
from controller.engine.ports import Refused, Unavailable

ANSWER_TIMEOUT_SECONDS: Final = 5.0
WORD_CHARACTERS_MAX: Final = 60
RETRY_AFTER_SECONDS_MAX: Final = 3600.0
TRACKED_MAX: Final = 2000
# Slack could not tell us whether it did what it was asked to.
_UNSURE: Final = frozenset({"internal_error", "fatal_error", "request_timeout"})
_LATER: Final = frozenset({"service_unavailable", "team_added_to_org", "accesslimited"})
_LIMITED: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})

# The message as it looks is not taken; what it says still may be.
_UNSHOWN: Final = frozenset(
    {"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format"}
)

Body = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast we go, in seconds.

    `spacing` lies between two writes to one channel. `patience` is how long a rate limit is waited
    for in place; after that it is the outbox's business, which has a back-off. `settling` is
    how long a call without an answer may still be carried out.
    """

    spacing: float = 1.0
    patience: float = 10.0
    settling: float = 2.0


class Unanswered(Unavailable):
    """Nobody knows whether it was done."""


class Limited(Unavailable):
    """It was not done; Slack wants silence first."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Slack limits the rate and wants {seconds:g} s of silence")
        self.seconds = seconds


class Said(Refused):
    """It was not done. `code` is Slack's own word for why."""

    def __init__(self, code: str, needed: str = "") -> None:
        super().__init__(f"Slack answered {code}: {remedy(code, needed)}")
        self.code = code
        self.needed = needed


class SlackApi:
    """The calls. Connection, proxy and time limits are the session's."""

    def __init__(self, token: str, url: str, session: aiohttp.ClientSession, pace: Pace) -> None:
        # At DEBUG the vendor logs whole messages, last words included.
        quiet = logging.getLogger("slack_sdk.web")
        quiet.setLevel(logging.WARNING)
        # Its retry handlers wait without a limit, and repeat a post that may have been done.
        self._client = AsyncWebClient(
            token, base_url=url, session=session, logger=quiet, retry_handlers=[]
        )
        # It takes a proxy from the environment unasked and knows no NO_PROXY; the session does.
        self._client.proxy = None
        self._session = session
        self.pace = pace
        self._silent_until: dict[tuple[str, str], float] = {}
        self._next_write: dict[str, float] = {}

    async def write(self, method: str, channel: str, body: Body) -> Body:
        """Post or update. Raises Said, Limited, Unanswered or Unavailable."""
        await self._take_turn(channel)
        body = {**body, "channel": channel}
        try:
            return await self._patiently(method, channel, body)
        except Said as no:
            if no.code not in _UNSHOWN or not body.get("blocks"):
                raise
            log.warning("Slack: a message is sent as plain text: %s", no)
        return await self._patiently(method, channel, {**body, "blocks": []})

    async def read(self, method: str, channel: str = "", **given: Any) -> Body:
        """Look. Raises as `write` does."""
        place = {"channel": channel} if channel else {}
        return await self._patiently(method, channel, {**place, **given}, verb="GET")

    async def _patiently(
        self, method: str, channel: str, body: Body, *, verb: str = "POST"
    ) -> Body:
        """Once more after a silence that is short; a longer one is kept by whoever calls next."""
        place = (method, channel)
        await self._keep_silent(place)
        try:
            return await self._call(method, body, verb)
        except Limited as limit:
            self._silence(place, limit.seconds)
        await self._keep_silent(place)
        try:
            return await self._call(method, body, verb)
        except Limited as limit:
            self._silence(place, limit.seconds)
            raise

    async def _take_turn(self, channel: str) -> None:
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next_write.get(channel, now))
        self._next_write[channel] = turn + self.pace.spacing
        if len(self._next_write) > TRACKED_MAX:
            self._next_write = {c: at for c, at in self._next_write.items() if at > now}
        await asyncio.sleep(turn - now)

    def _silence(self, place: tuple[str, str], seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._silent_until) > TRACKED_MAX:
            self._silent_until = {p: at for p, at in self._silent_until.items() if at > now}
        self._silent_until[place] = now + seconds

    async def _keep_silent(self, place: tuple[str, str]) -> None:
        left = self._silent_until.get(place, 0.0) - asyncio.get_running_loop().time()
        if left > self.pace.patience:
            raise Limited(round(left, 1))
        if left > 0:
            await asyncio.sleep(left)
        self._silent_until.pop(place, None)

    async def _call(self, method: str, body: Body, verb: str) -> Body:
        assert not self._session.closed, "a closed session would be replaced without limits"
        given: Mapping[str, Any] = {"params": body} if verb == "GET" else {"json": body}
        try:
            answer = await self._client.api_call(method, http_verb=verb, **given)
        except SlackApiError as error:
            # Without its cause: that one holds the token, and prints the whole message.
            raise _failure(error.response) from None
        except aiohttp.ClientConnectorError as error:
            raise Unavailable(f"Slack cannot be reached: {error}") from None
        except TimeoutError:
            raise Unanswered("Slack did not answer in time") from None
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            reason = str(error) or type(error).__name__
            raise Unanswered(f"Slack did not answer: {reason}") from None
        except AttributeError:
            # The vendor looks for "ok" in what is no JSON, and falls over it.
            raise Unanswered("what answered is not Slack: check slack_api_url") from None
        data = answer.data
        return dict(data) if isinstance(data, dict) else {}


def _failure(answer: object) -> Unavailable | Refused:
    """What a call that went wrong means."""
    if not isinstance(answer, AsyncSlackResponse):
        return Unanswered("Slack's answer cannot be read")
    status = answer.status_code
    data = answer.data if isinstance(answer.data, dict) else {}
    code = str(data.get("error", ""))[:WORD_CHARACTERS_MAX]
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in _LIMITED:
        return Limited(_retry_after_seconds(answer.headers))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _UNSURE:
        return Unanswered(f"Slack answered {status} {code}".rstrip())
    if code in _LATER:
        return Unavailable(f"Slack answered {code}")
    if not code:
        return Refused(
            f"what answered {status} is not Slack's Web API: check slack_api_url, and the proxy "
            "that is in between"
        )
    return Said(code, str(data.get("needed", ""))[:WORD_CHARACTERS_MAX])


def _retry_after_seconds(headers: Mapping[str, Any]) -> float:
    """Slack answers in whole seconds; anything else is taken for one."""
    stated = next((v for k, v in headers.items() if k.lower() == "retry-after"), "1")
    text = str(stated).strip()[:9]
    seconds = float(text) if text.isascii() and text.isdecimal() else 1.0
    return min(seconds, RETRY_AFTER_SECONDS_MAX)
