"""The Notifier port over a webhook of your own; its address and secret are never said."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import aiohttp

from controller.adapters.webhook.body import body
from controller.domain.records import Ref
from controller.domain.status import Notice
from controller.engine.ports import Clock, Refused, Unavailable

ANSWER_TIMEOUT_SECONDS: Final = 10.0
RETRY_AFTER_SECONDS_MAX: Final = 3600.0
CONNECTIONS_MAX: Final = 4
KEY_CHARACTERS_MAX: Final = 255
# Not the caller's fault, or not for long: what the standard says may be repeated.
_LATER: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
_REMEDIES: Final = {
    HTTPStatus.UNAUTHORIZED: "give both sides the same webhook_secret, and check their clocks",
    HTTPStatus.FORBIDDEN: "give both sides the same webhook_secret, and check their clocks",
    HTTPStatus.NOT_FOUND: "check webhook_url",
    HTTPStatus.GONE: "the receiver is gone: correct webhook_url, or take it out",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "let the receiver take bodies of 1 MiB",
}
_REDIRECTED: Final = "redirects are not followed: put the address that it leads to into webhook_url"
_REFUSED: Final = "look into the receiver's log"


def signature(secret: str, timestamp: str, said: bytes) -> str:
    """What the header X-Canary-Signature says of a body."""
    base = timestamp.encode() + b"." + said
    return "v1=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


@dataclass(slots=True)
class WebhookNotifier:
    """Posts each notice. Connection, proxy and time limits are the session's."""

    session: aiohttp.ClientSession
    clock: Clock
    url: str = field(repr=False)
    secret: str = field(repr=False)
    dashboard_url: str | None = None
    _silent_until: float = 0.0

    async def send(self, ref: Ref, notice: Notice) -> None:
        """Deliver, or raise Unavailable (try again later) or Refused (will never be taken)."""
        left = self._silent_until - asyncio.get_running_loop().time()
        if left > 0:
            raise Unavailable(f"the webhook wants {left:.0f} s of silence")
        said = body(ref, notice, self.dashboard_url)
        timestamp = str(int(self.clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": _visible(notice.key),
            "X-Canary-Timestamp": timestamp,
            "X-Canary-Signature": signature(self.secret, timestamp, said),
        }
        try:
            async with self.session.post(
                self.url, data=said, headers=headers, allow_redirects=False
            ) as answer:
                status, wait = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError:
            raise Unavailable("the webhook did not answer in time") from None
        except aiohttp.InvalidURL:
            # Without its cause: that one holds the address.
            raise Refused("webhook_url is not an address: check it") from None
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            reason = (str(error) or type(error).__name__).replace(self.url, "<webhook_url>")
            raise Unavailable(f"the webhook cannot be reached: {reason}") from None
        self._check(status, wait)

    def _check(self, status: int, wait: str) -> None:
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            stated = wait.strip()[:9]
            if stated.isascii() and stated.isdecimal():
                seconds = min(float(stated), RETRY_AFTER_SECONDS_MAX)
                self._silent_until = asyncio.get_running_loop().time() + seconds
            raise Unavailable(f"the webhook answered {status}")
        if status < HTTPStatus.BAD_REQUEST:
            raise Refused(f"the webhook answered {status}: {_REDIRECTED}")
        known = next((text for code, text in _REMEDIES.items() if code == status), _REFUSED)
        raise Refused(f"the webhook answered {status}: {known}")


@asynccontextmanager
async def connect(
    url: str,
    secret: str,
    clock: Clock,
    *,
    dashboard_url: str | None = None,
    proxy_from_environment: bool = False,
    timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
) -> AsyncIterator[WebhookNotifier]:
    """A notifier with its own session, which ends with the block.

    With `proxy_from_environment`, HTTPS_PROXY and NO_PROXY are obeyed.
    """
    # Notices are minutes apart: a kept connection would only be one that has died meanwhile.
    connector = aiohttp.TCPConnector(force_close=True, limit=CONNECTIONS_MAX)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        trust_env=proxy_from_environment,
    ) as session:
        yield WebhookNotifier(session, clock, url, secret, dashboard_url)


def _visible(key: str) -> str:
    """A header's value; the body has the key as it is."""
    return "".join(c if "!" <= c <= "~" else "_" for c in key)[:KEY_CHARACTERS_MAX]
