"""People's clicks become commands: who it is, what they ask for, and an answer for everybody."""

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol

import aiohttp

from controller.adapters.slack.answers import Answers, response_base
from controller.adapters.slack.blocks import clip, escape
from controller.adapters.slack.board import Shown, note
from controller.adapters.slack.bot import Line
from controller.adapters.slack.buttons import AFTERWARDS, LABELS
from controller.adapters.slack.interactions import Click, Forged, Unreadable, read, verify
from controller.adapters.slack.people import People
from controller.domain.records import IntentAction
from controller.engine.commands import Asked, Receipt
from controller.engine.ports import Clock, Conflict, Person, Refused, Unavailable

CLICKS_WAITING_MAX: Final = 200
SAYINGS_WAITING_MAX: Final = 200
WORKERS: Final = 4
ASK_SECONDS_MAX: Final = 20.0
NOTE_SECONDS_MAX: Final = 60.0
NOTED_MAX: Final = 1000
LOG_PAUSE: Final = timedelta(minutes=1)
REASON_CHARACTERS_MAX: Final = 1500
ASKED_TO: Final[Mapping[IntentAction, str]] = {
    IntentAction.PROMOTE: "asked to promote it",
    IntentAction.PROMOTE_FULL: "asked to promote it to all pods",
    IntentAction.HOLD: "asked to hold it",
    IntentAction.ROLLBACK: "asked to roll it back",
    IntentAction.RESUME: "asked to compare it further",
    IntentAction.RETRY: "asked to let it be tried again",
}

log = logging.getLogger(__name__)


class Asking(Protocol):
    """Where commands are taken: the Desk, or who hands them on to it."""

    async def ask(self, asked: Asked) -> Receipt:
        """See Desk.ask."""
        ...


class Noting(Protocol):
    """Who writes on messages: the bot."""

    async def note(self, shown: Shown, said: str, left: tuple[IntentAction, ...]) -> None:
        """See SlackBot.note."""
        ...


@dataclass(slots=True)
class Conversation:
    """Takes what Slack posts, at once; does what it asks for, in its own time."""

    desk: Asking
    people: People
    clock: Clock
    answers: Answers
    secret: str = field(repr=False)
    bot: Noting | None = None
    _clicks: asyncio.Queue[Click] = field(default_factory=lambda: asyncio.Queue(CLICKS_WAITING_MAX))
    _noted: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _sayings: asyncio.Queue[Coroutine[Any, Any, None]] = field(
        default_factory=lambda: asyncio.Queue(SAYINGS_WAITING_MAX)
    )
    _logged_at: datetime | None = None

    def take(self, headers: Mapping[str, str], body: bytes) -> tuple[HTTPStatus, str]:
        """The answer to Slack, within milliseconds: a status, and words when it is not OK.

        Names of headers are lower case.
        """
        try:
            verify(self.secret, headers, body, self.clock.now())
            click = read(body)
        except Forged as forged:
            self._log_forged(forged)
            return HTTPStatus.UNAUTHORIZED, str(forged)
        except Unreadable as wrong:
            return HTTPStatus.UNPROCESSABLE_ENTITY, str(wrong)
        if click is None:
            return HTTPStatus.OK, ""
        if self._clicks.full():
            return HTTPStatus.SERVICE_UNAVAILABLE, "too many clicks wait: try again in a moment"
        self._clicks.put_nowait(click)
        return HTTPStatus.OK, ""

    def _log_forged(self, forged: Forged) -> None:
        """Now and then: whoever sends us rubbish must not fill the log."""
        now = self.clock.now()
        if self._logged_at is None or now - self._logged_at >= LOG_PAUSE:
            self._logged_at = now
            log.warning("Slack: a request was turned away: %s", forged)

    async def run(self) -> None:
        """Work off the clicks for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())
                group.create_task(self._say())

    async def _work(self) -> None:
        while True:
            click = await self._clicks.get()
            try:
                await self._answer(click)
            except Exception:
                # The next click is another one.
                log.exception("Slack: a click was not answered: this is a bug")

    async def _answer(self, click: Click) -> None:
        try:
            person = self.people.person(click.user)
        except Refused as broken:
            log.error("Slack: %s", broken)  # noqa: TRY400 - no bug
            why = f"the table of Slack users cannot be used: tell the administrator. {broken}"
            self._then(self._whisper(click, why))
            return
        if person is None:
            why = f"you are not known here yet: {self.people.how_to_add(click.user)}"
            self._then(self._whisper(click, why))
            return
        asked = _asked(click, person)
        try:
            async with asyncio.timeout(ASK_SECONDS_MAX):
                receipt = await self.desk.ask(asked)
        except TimeoutError:
            self._then(self._whisper(click, _away(asked, "it took too long")))
        except Unavailable as error:
            self._then(self._whisper(click, _away(asked, str(error))))
        except (Conflict, Refused) as no:
            self._then(self._whisper(click, str(no)))
        else:
            self._then(self._accepted(click, person, receipt))

    def _then(self, saying: Coroutine[Any, Any, None]) -> None:
        """Say something, in its own time: Slack may be slow, and the next click must not wait."""
        if self._sayings.full():
            saying.close()
            log.error("Slack: too much waits to be said: an answer to a click was dropped")
            return
        self._sayings.put_nowait(saying)

    async def _say(self) -> None:
        while True:
            saying = await self._sayings.get()
            try:
                await saying
            except Exception:
                log.exception("Slack: a click was not answered: this is a bug")

    async def _whisper(self, click: Click, why: str) -> None:
        text = f"Nothing was done: {clip(why, REASON_CHARACTERS_MAX)}"
        await self.answers.whisper(click.response_url, text)

    async def _accepted(self, click: Click, person: Person, receipt: Receipt) -> None:
        if receipt.done is not None or receipt.id in self._noted:
            what = receipt.done.answer if receipt.done else "it waits to be carried out"
            text = f"You asked for this before: {clip(what, REASON_CHARACTERS_MAX)}"
            await self.answers.whisper(click.response_url, text)
            return
        self._noted[receipt.id] = None
        if len(self._noted) > NOTED_MAX:
            self._noted.popitem(last=False)
        action = receipt.action
        when = f"{self.clock.now():%H:%M:%S} UTC"
        said = note(click.user, person.name, ASKED_TO[action], when)
        if not await self._written(click, said, AFTERWARDS[action]):
            done = f"{LABELS[action]}: taken as {escape(person.name)}. This message lags behind."
            await self.answers.whisper(click.response_url, done)

    async def _written(self, click: Click, said: str, left: tuple[IntentAction, ...]) -> bool:
        """Whether everybody can see who it was."""
        if self.bot is None:
            blocks = click.shown.noted(said, left)
            body = {"replace_original": True, "text": click.shown.text, "blocks": blocks}
            return await self.answers.say(click.response_url, body)
        try:
            async with asyncio.timeout(NOTE_SECONDS_MAX):
                await self.bot.note(click.shown, said, left)
        except (TimeoutError, Unavailable, Refused) as error:
            log.warning("Slack: a message does not say who clicked: %s", error)
            return False
        return True


def _asked(click: Click, person: Person) -> Asked:
    order = click.order
    return Asked(
        ref=order.canary(),
        action=order.action,
        person=person,
        via=f"Slack by {click.name} ({click.user}) in #{click.channel}",
        revision=order.revision,
        step=order.step,
        key=order.key,
    )


def _away(asked: Asked, why: str) -> str:
    ref = asked.ref
    return (
        f"the cluster does not answer ({why}). Try again in a moment, or from a terminal: "
        f"kubectl canary {asked.action.value.removesuffix('-full')} {ref.name} -n {ref.namespace}"
    )


@asynccontextmanager
async def connect(
    desk: Asking,
    people: People,
    clock: Clock,
    *,
    secret: str,
    line: Line | None = None,
    bot: Noting | None = None,
) -> AsyncIterator[Conversation]:
    """A conversation with its own session, which ends with the block; `run` is the caller's."""
    line = line or Line()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=WORKERS),
        timeout=aiohttp.ClientTimeout(total=line.timeout_seconds),
        trust_env=line.proxy_from_environment,
    ) as session:
        answers = Answers(session, response_base(line.api_url), random.SystemRandom())
        yield Conversation(desk, people, clock, answers, secret, bot)
