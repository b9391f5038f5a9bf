"""The bot when Slack fails: what was said is recognised, what was not is said later or refused."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from controller.adapters.slack.bot import SlackBot
from controller.adapters.slack.web import Pace
from controller.domain.status import Notice, NoticeKind
from controller.engine.ports import Refused, Unavailable
from tests.adapters.slack import moods
from tests.adapters.slack.moods import Mood
from tests.adapters.slack.slackd import slackd
from tests.adapters.slack.story import (
    HASTY_SECONDS,
    HOLDING,
    PASSED,
    REF,
    ROLLED_BACK,
    STARTED,
    STORY,
    bot,
    notice,
)
from tests.adapters.slack.workspace import Message


def keys(messages: Sequence[Message]) -> list[str]:
    return [message["metadata"]["event_payload"]["notice"] for message in messages]


@pytest.mark.parametrize(
    "mood", [moods.lost, moods.done_but_500, moods.done_but_internal_error, moods.garbles]
)
def test_a_post_whose_answer_was_lost_is_recognised(mood: Mood) -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack) as said:
            for one in STORY:
                slack.feels(mood, "chat.postMessage")
                for _ in range(4):
                    try:
                        await said.send(REF, one)
                        break
                    except Unavailable:
                        continue
            channel = slack.channel("#exams")
            (root,) = channel.roots()
            assert keys(channel.replies(root)) == [HOLDING.key, ROLLED_BACK.key]

    asyncio.run(story())


async def until_taken(said: SlackBot, one: Notice) -> None:
    """As the courier does."""
    for _ in range(20):
        try:
            return await said.send(REF, one)
        except Unavailable:
            continue
    raise AssertionError("never taken")


def test_a_post_that_is_carried_out_after_we_gave_up_is_recognised() -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack, answer_seconds=HASTY_SECONDS) as said:
            slack.feels(moods.late(0.4), "chat.postMessage")
            with pytest.raises(Unavailable):
                await said.send(REF, STARTED)
            await until_taken(said, STARTED)
            # Whatever was still on its way has arrived by then.
            await asyncio.sleep(0.6)
            assert len(slack.channel("#exams").messages) == 1

    asyncio.run(story())


def test_notices_of_one_release_that_come_at_once_make_one_message() -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack) as said:
            async with asyncio.TaskGroup() as group:
                for one in (STARTED, PASSED, HOLDING):
                    group.create_task(said.send(REF, one))
            (root,) = slack.channel("#exams").roots()
            assert root["text"].startswith("✋")

    asyncio.run(story())


def test_an_older_notice_undoes_nothing_that_a_newer_one_said() -> None:
    async def story() -> None:
        async with slackd() as slack:
            async with bot(slack) as said:
                await said.send(REF, ROLLED_BACK)
            async with bot(slack) as said:
                await said.send(REF, PASSED)
            (root,) = slack.channel("#exams").roots()
            assert root["text"].startswith("⏪")

    asyncio.run(story())


def test_a_new_process_finds_the_message_and_says_nothing_again() -> None:
    async def story() -> None:
        async with slackd() as slack:
            for one in (*STORY, *STORY[1:]):
                async with bot(slack) as said:
                    await said.send(REF, one)
            channel = slack.channel("#exams")
            (root,) = channel.roots()
            assert keys(channel.replies(root)) == [HOLDING.key, ROLLED_BACK.key]

    asyncio.run(story())


def test_a_message_is_found_far_up_in_a_busy_channel() -> None:
    async def story() -> None:
        async with slackd() as slack:
            async with bot(slack) as said:
                await said.send(REF, STARTED)
            channel = slack.channel("#exams")
            for number in range(900):
                channel.messages.append(
                    {"type": "message", "text": f"{number}", "ts": slack.tick()}
                )
            async with bot(slack) as said:
                await said.send(REF, HOLDING)
            assert len([m for m in channel.roots() if "metadata" in m]) == 1

    asyncio.run(story())


def test_without_the_scope_to_read_it_says_once_what_to_grant_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        async with slackd() as slack:
            slack.scopes = frozenset({"chat:write"})
            async with bot(slack) as said:
                for one in STORY:
                    await said.send(REF, one)
                await said.send(REF, notice(NoticeKind.STARTED, 90, release="two"))
            assert len(slack.channel("#exams").roots()) == 2

    caplog.set_level(logging.WARNING)
    asyncio.run(story())
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("controller.")]
    assert [line for line in lines if "channels:read" in line]
    assert len(lines) <= 2


def test_a_deleted_message_is_made_anew() -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack) as said:
            await said.send(REF, STARTED)
            slack.channel("#exams").messages.clear()
            await said.send(REF, HOLDING)
            (root,) = slack.channel("#exams").roots()
            assert root["text"].startswith("✋")

    asyncio.run(story())


def test_a_short_rate_limit_is_waited_for() -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack) as said:
            slack.feels(moods.limited(0), "chat.postMessage")
            await said.send(REF, STARTED)
            assert len(slack.channel("#exams").messages) == 1

    asyncio.run(story())


def test_a_long_rate_limit_is_left_to_the_courier_and_kept_meanwhile() -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack) as said:
            slack.feels(moods.limited(60), "chat.postMessage")
            for _ in range(3):
                with pytest.raises(Unavailable, match="s of silence"):
                    await said.send(REF, STARTED)
            assert slack.count("chat.postMessage") == 1

    asyncio.run(story())


def test_a_channel_gets_no_more_than_one_write_in_its_spacing() -> None:
    async def story() -> None:
        async with slackd() as slack:
            slack.spacing_seconds = 0.1
            async with bot(slack, pace=Pace(spacing=0.12, patience=0, settling=0)) as said:
                for one in STORY:
                    await said.send(REF, one)
            assert len(slack.channel("#exams").messages) == 3

    asyncio.run(story())


@pytest.mark.parametrize("mood", [moods.fails(503), moods.hangs, moods.resets])
def test_a_slack_that_is_away_is_tried_again_later(mood: Mood) -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack, answer_seconds=HASTY_SECONDS) as said:
            slack.feels(mood, "chat.postMessage")
            with pytest.raises(Unavailable):
                await said.send(REF, STARTED)
            await until_taken(said, STARTED)
            assert len(slack.channel("#exams").messages) == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("invalid_auth", "install the app again"),
        ("channel_not_found", "correct the name"),
        ("not_in_channel", "/invite"),
        ("is_archived", "unarchive it"),
        ("missing_scope", "add it"),
        ("msg_too_long", "a bug of canary-controller"),
        ("restricted_action", "ask an administrator"),
        ("what_is_this", "docs.slack.dev"),
    ],
)
def test_a_refusal_says_what_to_do(code: str, remedy: str) -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack) as said:
            slack.feels(moods.refuses(code), "chat.postMessage")
            if code == "channel_not_found":
                slack.feels(moods.refuses(code), "chat.postMessage")
                # A name may have become another channel's: it is looked up again, once.
                with pytest.raises(Unavailable):
                    await said.send(REF, STARTED)
                slack.channels.clear()
            elif code == "msg_too_long":
                slack.feels(moods.refuses(code), "chat.postMessage")
            await said.send(REF, STARTED)

    with pytest.raises(Refused, match=remedy) as caught:
        asyncio.run(story())
    assert code in str(caught.value)


def test_what_cannot_be_shown_as_it_looks_is_said_in_plain_text() -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack) as said:
            slack.feels(moods.refuses("invalid_blocks"), "chat.postMessage")
            await said.send(REF, STARTED)
            (root,) = slack.channel("#exams").messages
            assert root["blocks"] == []
            assert root["text"].startswith("🐤")

    asyncio.run(story())


def test_the_token_is_in_no_error_and_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def story() -> None:
        async with slackd() as slack, bot(slack, token="xoxb-verysecret") as said:
            with pytest.raises(Refused) as caught:
                await said.send(REF, STARTED)
            assert "verysecret" not in repr(caught.value)
            assert "verysecret" not in repr(said)
            assert caught.value.__cause__ is None

    asyncio.run(story())
    assert "verysecret" not in caplog.text


def test_what_is_not_slack_is_said_to_be_not_slack() -> None:
    async def story(mood: Mood) -> None:
        async with slackd() as slack, bot(slack) as said:
            slack.feels(mood, "*", times=9)
            await said.send(REF, STARTED)

    for status in (200, 302, 404):
        with pytest.raises(Refused, match="check slack_api_url"):
            asyncio.run(story(moods.fails(status)))
    with pytest.raises(Unavailable, match="check slack_api_url"):
        asyncio.run(story(moods.babbles))
