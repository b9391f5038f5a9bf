"""Clicks become commands: over HTTP, with a local Slack, and a desk that answers as it is told."""

import asyncio
import logging
from pathlib import Path

import pytest

from controller.adapters.clock import SystemClock
from controller.adapters.slack import conversation as talk
from controller.adapters.slack.bot import Line
from controller.adapters.slack.people import People
from controller.domain.records import IntentAction
from controller.engine.commands import Absent, Forbidden, Moved
from controller.engine.ports import Conflict, Person, Unavailable
from tests.adapters.slack import moods
from tests.adapters.slack.clicks import buttons, click, signed
from tests.adapters.slack.office import TABLE, Desk, office, texts
from tests.adapters.slack.slackd import slackd
from tests.adapters.slack.story import HOLDING, REF, ROLLED_BACK, SECRET, STARTED, bot


def test_a_click_becomes_a_command_of_the_mapped_person_and_the_message_says_who(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk()) as here:
            await here.bot.send(REF, HOLDING)
            answer = await here.press("Promote")
            assert (answer.status_code, answer.content) == (200, b"")
            await here.until(
                lambda: [t for t in [texts(here.root())] if "asked to promote it" in t], 1
            )
            (asked,) = here.desk.asked
            groups = ("release-managers", "system:authenticated")
            assert asked.person == Person(name="ada@example.org", groups=groups)
            assert (asked.ref, asked.action) == (REF, IntentAction.PROMOTE)
            assert (asked.revision, asked.step) == (HOLDING.revision, 2)
            assert asked.via == "Slack by ada (U0ADA) in #exams"
            assert "<@U0ADA> (ada@example.org) asked to promote it" in texts(here.root())
            assert list(buttons(here.root())) == ["Roll back", "Open the release"]
            assert here.slack.said == []

    asyncio.run(story())


def test_a_slack_that_is_slow_keeps_no_click_from_the_desk(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk()) as here:
            await here.bot.send(REF, HOLDING)
            # The bot has its hands full: nothing can be written on its message.
            thread = next(iter(here.bot._threads.values()))
            async with thread.lock:
                for label in ("Promote", "Resume", "Roll back") * 3:
                    await here.press(label)
                await here.until(lambda: here.desk.asked, 9)

    asyncio.run(story())


def test_the_next_notice_keeps_who_did_it_and_shows_what_can_be_done_now(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk()) as here:
            await here.bot.send(REF, STARTED)
            await here.press("Roll back")
            await here.until(
                lambda: [t for t in [texts(here.root())] if "asked to roll it back" in t], 1
            )
            assert list(buttons(here.root())) == ["Open the release"]
            await here.bot.send(REF, ROLLED_BACK)
            assert "asked to roll it back" in texts(here.root())
            assert list(buttons(here.root())) == ["Try again", "Open the release"]

    asyncio.run(story())


def test_the_same_request_again_acts_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk()) as here:
            await here.bot.send(REF, HOLDING)
            url = here.slack.response_url("one")
            request = signed(SECRET, click(here.root(), "Promote", response_url=url))
            for _ in range(3):
                assert (await here.post(*request)).status_code == 200
            heard = await here.heard(2)
            assert len({asked.id for asked in here.desk.asked}) == 1
            assert all("asked for this before" in said["body"]["text"] for said in heard)
            assert texts(here.root()).count("asked to promote it") == 1

    asyncio.run(story())


def test_who_is_in_no_table_is_told_what_to_ask_the_administrator_for(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk()) as here:
            await here.bot.send(REF, HOLDING)
            await here.press("Promote", user="U0GRACE")
            (heard,) = await here.heard()
            text = heard["body"]["text"]
            assert heard["body"]["response_type"] == "ephemeral"
            assert heard["body"]["replace_original"] is False
            for part in ("Nothing was done", "U0GRACE: {user:", "users.yaml", "administrator"):
                assert part in text
            assert here.desk.asked == []
            # Read again as soon as the file changes: nobody has to restart anything.
            here.table.write_text(TABLE + "U0GRACE: {user: grace}\n")
            await here.press("Promote", user="U0GRACE")
            await here.until(lambda: here.desk.asked, 1)

    asyncio.run(story())


def test_a_broken_table_lets_nobody_in_and_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk()) as here:
            await here.bot.send(REF, HOLDING)
            here.table.write_text("U0ADA: ada, and more\n")
            await here.press("Promote")
            (heard,) = await here.heard()
            assert "the table of Slack users cannot be used" in heard["body"]["text"]
            assert here.desk.asked == []

    asyncio.run(story())


@pytest.mark.parametrize(
    ("no", "words"),
    [
        (Forbidden("ada may not promote exams/exam-api: ask for the verb <promote>"), "the verb"),
        (Moved("exams/exam-api runs revision 43 at step 1: look at it"), "runs revision 43"),
        (Absent("there is no Canary exams/exam-api"), "there is no Canary"),
        (Conflict("bob asked for hold just before"), "bob asked for hold"),
        (Unavailable("connection refused"), "kubectl canary promote exam-api -n exams"),
    ],
)
def test_a_no_of_the_desk_is_whispered_in_plain_words(
    tmp_path: Path, no: Exception, words: str
) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk(no)) as here:
            await here.bot.send(REF, HOLDING)
            before = texts(here.root())
            assert (await here.press("Promote")).status_code == 200
            (heard,) = await here.heard()
            assert heard["body"]["text"].startswith("Nothing was done")
            assert words in heard["body"]["text"]
            assert "<" not in heard["body"]["text"]
            assert texts(here.root()) == before

    asyncio.run(story())


def test_forged_old_and_unreadable_requests_are_turned_away(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk()) as here:
            await here.bot.send(REF, HOLDING)
            payload = click(here.root(), "Promote")
            headers, body = signed("wrong", payload)
            forged = await here.post(headers, body)
            now = SystemClock().now().timestamp()
            old = await here.post(*signed(SECRET, payload, at=now - 360))
            bare = await here.post({}, body)
            other = await here.post(*signed(SECRET, {"type": 1, "actions": 2}))
            payload["actions"][0]["value"] = "?"
            unreadable = await here.post(*signed(SECRET, payload))
            large = await here.post(headers, b"x" * 600_000)
            codes = [r.status_code for r in (forged, old, bare, other, unreadable, large)]
            assert codes == [401, 401, 401, 200, 422, 413]
            assert forged.headers["content-type"] == "application/problem+json"
            assert "Signing Secret" in forged.json()["detail"]
            assert here.desk.asked == []

    asyncio.run(story())


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/actions/T000/one",
        "http://169.254.169.254/latest/meta-data",
        "https://hooks.slack.com@evil.example/",
        "http://127.0.0.1:1/actions",
        "file:///etc/passwd",
        "http://[::1",
        "",
    ],
)
def test_answers_go_to_slack_and_nowhere_else(
    tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk(Moved("moved"))) as here:
            await here.bot.send(REF, HOLDING)
            await here.press("Promote", response_url=url)
            await here.until(lambda: [r for r in caplog.records if "not Slack's" in r.message], 1)
            assert here.slack.said == []

    caplog.set_level(logging.WARNING)
    asyncio.run(story())


def test_an_answer_is_tried_again_when_slack_is_busy(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk(Moved("moved"))) as here:
            await here.bot.send(REF, HOLDING)
            here.slack.feels(moods.fails(503), "response_url")
            await here.press("Promote")
            assert len(await here.heard()) == 1

    asyncio.run(story())


def test_without_a_bot_the_message_is_replaced_at_the_response_address(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk(), with_bot=False) as here:
            await here.bot.send(REF, HOLDING)
            await here.press("Promote")
            (heard,) = await here.heard()
            body = heard["body"]
            assert body["replace_original"] is True
            assert "<@U0ADA> (ada@example.org) asked to promote it" in texts(body)
            assert list(buttons(body)) == ["Roll back", "Open the release"]

    asyncio.run(story())


def test_who_clicked_on_the_message_of_another_process_is_said_in_its_thread(
    tmp_path: Path,
) -> None:
    """It may have been brought up to date since: what the person saw must not come back."""

    async def story() -> None:
        async with office(tmp_path, Desk()) as here, bot(here.slack) as another:
            await another.send(REF, HOLDING)
            seen = here.root()
            await another.send(REF, ROLLED_BACK)
            painted = here.root()
            await here.press_on(seen, "Resume")
            (said,) = await here.until(lambda: here.thread("asked to compare it further"), 1)
            assert said["thread_ts"] == painted["ts"]
            assert here.root() == painted

    asyncio.run(story())


def test_who_clicked_is_told_when_the_message_cannot_be_changed(tmp_path: Path) -> None:
    async def story() -> None:
        async with office(tmp_path, Desk()) as here:
            await here.bot.send(REF, HOLDING)
            here.slack.feels(moods.refuses("is_archived"), "chat.update", times=9)
            await here.press("Promote")
            (heard,) = await here.heard()
            assert "taken as ada@example.org" in heard["body"]["text"]

    asyncio.run(story())


def test_the_signing_secret_is_in_no_repr(tmp_path: Path) -> None:
    async def story() -> None:
        async with slackd() as slack:
            table = tmp_path / "users.yaml"
            table.write_text(TABLE)
            people = People.load(table)
            line = Line(api_url=slack.api_url)
            async with talk.connect(
                Desk(), people, SystemClock(), secret=SECRET, line=line
            ) as conversation:
                assert SECRET not in repr(conversation)

    asyncio.run(story())
