"""The Notifier port over a Slack incoming webhook, whose address is a secret: it is never said."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import aiohttp
from slack_sdk.webhook import WebhookResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from controller.adapters.slack.blocks import message
from controller.adapters.slack.buttons import link
from controller.domain.records import Ref
from controller.domain.status import Notice, NoticeKind
from controller.engine.ports import Refused, Unavailable

ANSWER_TIMEOUT_SECONDS: Final = 5
# A longer wait is the outbox's business: it has a back-off, and a notice is not lost there.
RATE_LIMIT_WAIT_SECONDS_MAX: Final = 10.0
CONNECTIONS_MAX: Final = 4
ANSWER_CHARACTERS_MAX: Final = 200

_MAKE_ANOTHER: Final = (
    "make a new incoming webhook for the channel and put its address into slack_webhook_url"
)
# What Slack answers, and what a person can do about it.
REMEDIES: Final[Mapping[str, str]] = {
    "no_service": f"the webhook was revoked or never existed: {_MAKE_ANOTHER}",
    "no_active_hooks": f"the webhook was disabled: {_MAKE_ANOTHER}",
    "no_team": f"the webhook's workspace does not exist: {_MAKE_ANOTHER}",
    "team_disabled": "the Slack workspace is disabled: ask its owner, or use a webhook of another",
    "channel_not_found": f"the webhook's channel was deleted: {_MAKE_ANOTHER}",
    "channel_is_archived": "the webhook's channel is archived: unarchive it, "
    f"or {_MAKE_ANOTHER} of another channel",
    "action_prohibited": "an administrator restricts posting by webhooks: ask for an exception",
    "posting_to_general_channel_denied": "the webhook's owner may not post to #general: "
    f"allow it, or {_MAKE_ANOTHER} of another channel",
    "invalid_token": f"the webhook's address is incomplete or expired: {_MAKE_ANOTHER}",
    "invalid_blocks": "this is a bug of canary-controller: please report it with this line",
    "invalid_payload": "this is a bug of canary-controller: please report it with this line",
}
BY_STATUS: Final[Mapping[int, str]] = {
    HTTPStatus.FORBIDDEN: "check that the webhook may post to its channel",
    HTTPStatus.NOT_FOUND: REMEDIES["no_service"],
    HTTPStatus.GONE: f"the webhook's channel is archived or gone: {_MAKE_ANOTHER}",
}
CHECK_ADDRESS: Final = "check that slack_webhook_url is an incoming webhook's address"


class SlackNotifier:
    """Sends each notice as one message, without buttons: here nobody listens to clicks.

    Connection, proxy and time limits are the session's.
    """

    def __init__(
        self, url: str, session: aiohttp.ClientSession, dashboard_url: str | None = None
    ) -> None:
        # The vendor's log lines hold the address, some of them at INFO: none of them is wanted.
        quiet = logging.getLogger("slack_sdk.webhook")
        quiet.setLevel(logging.WARNING)
        # Its retry handlers wait without a limit and log the address; ours are below.
        self._client = AsyncWebhookClient(url, session=session, logger=quiet, retry_handlers=[])
        # It takes a proxy from the environment unasked and knows no NO_PROXY; the session does.
        self._client.proxy = None
        self._session = session
        self._dashboard_url = dashboard_url

    async def send(self, ref: Ref, notice: Notice) -> None:
        """Deliver, or raise Unavailable (try again later) or Refused (will never be taken).

        A step that passed is no message of its own, and nothing here can be updated.
        """
        if notice.kind is NoticeKind.STEP_PASSED:
            return
        answer = await self._post(ref, notice)
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            wait_seconds = _retry_after_seconds(answer)
            if wait_seconds > RATE_LIMIT_WAIT_SECONDS_MAX:
                raise Unavailable(f"Slack limits the rate and wants {wait_seconds:g} s of silence")
            await asyncio.sleep(wait_seconds)
            answer = await self._post(ref, notice)
        _check(answer)

    async def _post(self, ref: Ref, notice: Notice) -> WebhookResponse:
        assert not self._session.closed, "a closed session would be replaced without limits"
        text, blocks = message(ref, notice, self._dashboard_url)
        if self._dashboard_url:
            row = {"type": "actions", "elements": [link(ref, self._dashboard_url)]}
            blocks.insert(-1, row)
        try:
            return await self._client.send(text=text, blocks=blocks)
        except TimeoutError as error:
            raise Unavailable(f"Slack did not answer within {ANSWER_TIMEOUT_SECONDS} s") from error
        except aiohttp.InvalidURL:
            # Without its cause: that one holds the address.
            raise Refused(f"slack_webhook_url is not an address: {CHECK_ADDRESS}") from None
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            reason = _without(str(self._client.url), str(error) or type(error).__name__)
            raise Unavailable(f"Slack cannot be reached: {reason}") from None


@asynccontextmanager
async def connect(
    url: str,
    *,
    dashboard_url: str | None = None,
    proxy_from_environment: bool = False,
    timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
) -> AsyncIterator[SlackNotifier]:
    """A notifier with its own session, which ends with the block.

    With `proxy_from_environment`, HTTPS_PROXY and NO_PROXY are obeyed.
    """
    # Messages are minutes apart: a kept connection would only be one that has died meanwhile.
    connector = aiohttp.TCPConnector(force_close=True, limit=CONNECTIONS_MAX)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        trust_env=proxy_from_environment,
    ) as session:
        yield SlackNotifier(url, session, dashboard_url)


def _retry_after_seconds(answer: WebhookResponse) -> float:
    """Slack answers in whole seconds; anything else is taken for one."""
    stated = str(answer.headers.get("Retry-After", "1")).strip()
    return float(stated) if stated.isdecimal() else 1.0


def _check(answer: WebhookResponse) -> None:
    status = answer.status_code
    body = " ".join(str(answer.body or "").split())[:ANSWER_CHARACTERS_MAX]
    if status == HTTPStatus.OK:
        if body.lower().startswith(("<!doctype", "<html")):
            # A redirect to a login page ends as 200 as well.
            raise Refused(f"slack_webhook_url answered with a web page: {CHECK_ADDRESS}")
        return
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(f"Slack answered {status} {body}".rstrip())
    remedy = next((text for word, text in REMEDIES.items() if word in body), None)
    raise Refused(
        f"Slack answered {status} {body}: {remedy or BY_STATUS.get(status, CHECK_ADDRESS)}"
    )


def _without(url: str, text: str) -> str:
    return text.replace(url, "<slack_webhook_url>")
