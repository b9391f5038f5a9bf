"""Answers to a click, at the address that Slack named for them; and at no other."""

import asyncio
import logging
import random
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

ATTEMPTS_MAX: Final = 4
PAUSE_FIRST_SECONDS: Final = 0.5
TEXT_CHARACTERS_MAX: Final = 3000
_HOOKS: Final = {
    "slack.com": "https://hooks.slack.com",
    "slack-gov.com": "https://hooks.slack-gov.com",
}

log = logging.getLogger(__name__)


def response_base(api_url: str) -> str:
    """Where response addresses are: Slack's own host; for a stand-in of Slack, at the stand-in."""
    parts = urlsplit(api_url)
    return _HOOKS.get(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")


@dataclass(slots=True)
class Answers:
    """Posts to response addresses below `base`. Time limits and proxy are the session's."""

    session: aiohttp.ClientSession
    base: str
    dice: random.Random

    async def say(self, url: str, body: dict[str, Any]) -> bool:
        """Whether Slack took it. Tries a few times; what fails is logged, without the address."""
        if not self._is_slacks(url):
            log.warning("Slack: no answer was sent: the address to answer at is not Slack's")
            return False
        reason = ""
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                # Full jitter, so that those who failed together do not come back together.
                pause = self.dice.uniform(0.1, PAUSE_FIRST_SECONDS * 2**attempt)
                await asyncio.sleep(pause)
            reason, again = await self._post(url, body)
            if not reason:
                return True
            if not again:
                break
        log.warning("Slack: an answer to a click was not taken: %s", reason)
        return False

    async def whisper(self, url: str, text: str) -> bool:
        """To the person who clicked, and nobody else."""
        said = text[:TEXT_CHARACTERS_MAX]
        return await self.say(
            url, {"response_type": "ephemeral", "replace_original": False, "text": said}
        )

    async def _post(self, url: str, body: dict[str, Any]) -> tuple[str, bool]:
        """What went wrong, if anything, and whether to try again."""
        try:
            async with self.session.post(url, json=body, allow_redirects=False) as answer:
                status = answer.status
        except TimeoutError:
            return "Slack did not answer in time", True
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            return type(error).__name__, True
        if status == HTTPStatus.OK:
            return "", False
        busy = status == HTTPStatus.TOO_MANY_REQUESTS
        return f"Slack answered {status}", busy or status >= HTTPStatus.INTERNAL_SERVER_ERROR

    def _is_slacks(self, url: str) -> bool:
        """The payload is signed, but what is signed wrongly must not open doors in the cluster."""
        try:
            given, own = urlsplit(url), urlsplit(self.base)
            same = (given.scheme, given.hostname, given.port) == (
                own.scheme,
                own.hostname,
                own.port,
            )
        except ValueError:
            return False
        return same and given.username is None and given.password is None
