"""All that a click meets, put together: a local Slack, our door, the table, and a desk."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from controller.adapters.clock import SystemClock
from controller.adapters.http.app import Health, build_app
from controller.adapters.http.slack_door import PATH, build_slack_door
from controller.adapters.slack import conversation as talk
from controller.adapters.slack.bot import Line, SlackBot
from controller.adapters.slack.people import People
from controller.domain.status import Command
from controller.engine.commands import Asked, Receipt
from tests.adapters.slack.clicks import click, signed
from tests.adapters.slack.slackd import Slackd, slackd
from tests.adapters.slack.story import SECRET, bot

TABLE = "U0ADA: {user: ada@example.org, groups: [release-managers]}\n"


@dataclass(slots=True)
class Desk:
    """Writes down what it is asked, once per id; or says no."""

    no: Exception | None = None
    asked: list[Asked] = field(default_factory=list)
    done: dict[str, Command] = field(default_factory=dict)

    async def ask(self, asked: Asked) -> Receipt:
        self.asked.append(asked)
        if self.no is not None:
            raise self.no
        return Receipt(id=asked.id, action=asked.action, done=self.done.get(asked.id))


@dataclass(slots=True)
class Office:
    """All that a click meets."""

    slack: Slackd
    desk: Desk
    bot: SlackBot
    client: httpx.AsyncClient
    table: Path

    async def press(self, label: str, **changes: Any) -> httpx.Response:
        """The button of the first message, by default by Ada."""
        return await self.press_on(self.root(), label, **changes)

    async def press_on(self, root: dict[str, Any], label: str, **changes: Any) -> httpx.Response:
        """The button of a message as somebody sees it, who may be behind."""
        url = self.slack.response_url("one")
        payload = click(root, label, **{"response_url": url, **changes})
        return await self.post(*signed(SECRET, payload))

    async def post(self, headers: dict[str, str], body: bytes) -> httpx.Response:
        return await self.client.post(PATH, headers=headers, content=body)

    async def heard(self, count: int = 1) -> list[dict[str, Any]]:
        """What was said at response addresses, once there is so much of it."""
        return await self.until(lambda: self.slack.said[:count], count)

    async def until(self, look: Callable[[], list[Any]], count: int) -> list[Any]:
        async with asyncio.timeout(10):
            while len(look()) < count:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
        return look()

    def root(self) -> dict[str, Any]:
        (root,) = self.slack.channel("#exams").roots()
        return copy.deepcopy(root)

    def thread(self, text: str) -> list[dict[str, Any]]:
        """The replies to the first message in which this is said."""
        replies = self.slack.channel("#exams").replies(str(self.root()["ts"]))
        return [reply for reply in replies if text in reply["text"]]


@asynccontextmanager
async def office(tmp_path: Path, desk: Desk, *, with_bot: bool = True) -> AsyncIterator[Office]:
    table = tmp_path / "users.yaml"
    table.write_text(TABLE)
    async with slackd() as slack, bot(slack) as said:
        line = Line(api_url=slack.api_url, timeout_seconds=2)
        async with talk.connect(
            desk,
            People.load(table),
            SystemClock(),
            secret=SECRET,
            line=line,
            bot=said if with_bot else None,
        ) as conversation:
            running = asyncio.create_task(conversation.run())
            health = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=lambda: ())
            app = build_app(health, CollectorRegistry(), build_slack_door(conversation.take))
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://canary") as client:
                yield Office(slack, desk, said, client, table)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def texts(message: dict[str, Any]) -> str:
    return json.dumps(message["blocks"], ensure_ascii=False)
