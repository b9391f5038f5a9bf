"""The bot against a local Slack: one message per release, nothing doubled, nothing lost."""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from controller.adapters.slack.channels import Channels
from controller.adapters.slack.web import Pace
from controller.domain.status import Notice, NoticeKind
from controller.engine.ports import Refused, Unavailable
from tests.adapters.slack import moods
from tests.adapters.slack.clicks import buttons
from tests.adapters.slack.moods import Mood
from tests.adapters.slack.slackd import Slackd, slackd
from tests.adapters.slack.story import (
    FAST,
    HOLDING,
    PASSED,
    PROMOTED,
    REF,
    ROLLED_BACK,
    STARTED,
    STORY,
    bot,
    notice,
)
from tests.adapters.slack.workspace import Message


def told(*notices: Notice, pace: Pace = FAST) -> Slackd:
    """What Slack holds after one process said these."""

    async def story() -> Slackd:
        async with slackd() as slack, bot(slack, pace=pace) as said:
            for one in notices:
                await said.send(REF, one)
            return slack

    return asyncio.run(story())


async def until_taken(slack: Slackd, notices: Sequence[Notice], *, restarts: bool = False) -> None:
    """As the courier does: again and again, in order; perhaps by a new process each time."""
    for one in notices:
        for _ in range(20):
            try:
                async with bot(slack) as said:
                    await said.send(REF, one)
                break
            except Unavailable:
                continue
        else:
            raise AssertionError("never taken")


def texts(message: Message) -> str:
    return json.dumps(message["blocks"], ensure_ascii=False)


def keys(messages: Sequence[Message]) -> list[str]:
    return [message["metadata"]["event_payload"]["notice"] for message in messages]


def test_a_release_is_one_message_that_is_kept_up_to_date_with_its_story_in_the_thread() -> None:
    slack = told(*STORY)
    channel = slack.channel("#exams")
    (root,) = channel.roots()
    assert root["text"].startswith("⏪ exam-api: revision 42, RolledBack")
    assert keys(channel.replies(root)) == [HOLDING.key, ROLLED_BACK.key]
    assert "nil LTI context" in texts(channel.replies(root)[-1])
    assert "nil LTI context" not in texts(root)


def test_a_step_that_passed_only_updates_the_message() -> None:
    slack = told(STARTED, PASSED)
    (root,) = slack.channel("#exams").messages
    assert root["text"].startswith("👣")


def test_two_releases_are_two_messages() -> None:
    slack = told(STARTED, notice(NoticeKind.STARTED, 60, release="two"))
    assert len(slack.channel("#exams").roots()) == 2


def test_the_whole_channel_hears_of_what_needs_a_person_and_of_a_rollback() -> None:
    slack = told(STARTED, PASSED, HOLDING, PROMOTED)
    channel = slack.channel("#exams")
    broadcast = [m for m in channel.messages if m.get("subtype") == "thread_broadcast"]
    assert keys(broadcast) == [HOLDING.key]


def test_people_are_called_once_and_only_when_one_is_needed() -> None:
    slack = told(STARTED, HOLDING, ROLLED_BACK)
    called = [m for m in slack.channel("#exams").messages if "<@U0ADA>" in texts(m)]
    assert keys(called) == [HOLDING.key]
    assert "<@U0ADA> <!subteam^S0EXAMS> <!here>" in texts(called[0])


def test_what_has_not_the_shape_of_a_mention_calls_nobody() -> None:
    slack = told(notice(NoticeKind.HOLDING, mentions=("everyone", "U1> <!channel", "<!here>")))
    assert "<!" not in json.dumps(slack.channel("#exams").messages)


def test_a_message_that_is_made_for_a_question_asks_it_itself() -> None:
    slack = told(HOLDING)
    (root,) = slack.channel("#exams").roots()
    (reply,) = slack.channel("#exams").replies(root)
    assert "<@U0ADA>" in texts(root)
    assert "subtype" not in reply


def test_buttons_say_what_can_be_done_and_go_when_the_release_is_over() -> None:
    def shown(*notices: Notice) -> list[str]:
        (root,) = told(*notices).channel("#exams").roots()
        return list(buttons(root))

    assert shown(STARTED) == ["Promote", "Hold", "Roll back", "Open the release"]
    assert shown(STARTED, HOLDING) == ["Promote", "Resume", "Roll back", "Open the release"]
    assert shown(STARTED, ROLLED_BACK) == ["Try again", "Open the release"]
    assert shown(STARTED, PROMOTED) == ["Open the release"]


def test_a_button_names_what_it_is_meant_for_and_asks_before_it_does_it() -> None:
    (root,) = told(HOLDING).channel("#exams").roots()
    promote, back = buttons(root)["Promote"], buttons(root)["Roll back"]
    value: dict[str, Any] = json.loads(promote["value"])
    assert value["ref"] == "exams/exam-api"
    assert (value["revision"], value["step"]) == (HOLDING.revision, 2)
    assert "goes on from step 2" in promote["confirm"]["text"]["text"]
    assert "stable gets all pods" in back["confirm"]["text"]["text"]
    assert back["style"] == "danger"
    # To stop a release must not fail because it moved on to the next step.
    assert "step" not in json.loads(back["value"])


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


def test_a_post_that_is_carried_out_after_we_gave_up_is_recognised() -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack) as said:
            slack.feels(moods.late(0.4), "chat.postMessage")
            with pytest.raises(Unavailable):
                await said.send(REF, STARTED)
            await said.send(REF, STARTED)
            assert len(slack.channel("#exams").messages) == 1

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
            assert root["text"].startswith("⏪"), "an older notice must not undo a newer one"

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


def test_the_canarys_channel_wins_over_its_namespaces_and_that_over_the_default(
    tmp_path: Any,
) -> None:
    table = tmp_path / "channels.yaml"
    table.write_text('exams: "#exam-deploys"\n')

    async def story() -> list[int]:
        async with slackd("#deploys", "#exam-deploys", "#own") as slack:
            async with bot(slack, Channels.load("#deploys", table)) as said:
                await said.send(REF, notice(NoticeKind.STARTED, channel="#own"))
                await said.send(REF, notice(NoticeKind.STARTED, release="two"))
                table.write_text("other: C0CHANNEL01\n")
                await said.send(REF, notice(NoticeKind.STARTED, release="three"))
            return [len(slack.channel(n).messages) for n in ("#own", "#exam-deploys", "#deploys")]

    assert asyncio.run(story()) == [1, 1, 1]


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
        async with slackd() as slack, bot(slack) as said:
            slack.feels(mood, "chat.postMessage")
            with pytest.raises(Unavailable):
                await said.send(REF, STARTED)
            await said.send(REF, STARTED)
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
            await said.send(REF, STARTED)

    with pytest.raises(Refused, match=remedy) as caught:
        asyncio.run(story())
    assert code in str(caught.value)


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

    with pytest.raises(Refused, match="check slack_api_url"):
        asyncio.run(story(moods.fails(404)))
