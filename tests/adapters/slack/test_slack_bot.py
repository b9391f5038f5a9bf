"""The bot against a local Slack: one message per release, nothing doubled, nothing lost."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from controller.adapters.slack.channels import Channels
from controller.adapters.slack.web import Pace
from controller.domain.status import Notice, NoticeKind
from tests.adapters.slack.clicks import buttons
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
    assert "<@U0ADA> <!subteam^S0EXAMS> <!here> a person is needed: the buttons" in texts(called[0])


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


def test_where_nobody_listens_to_clicks_there_are_no_buttons_but_a_command() -> None:
    async def story() -> None:
        async with slackd() as slack, bot(slack, interactive=False) as said:
            await said.send(REF, STARTED)
            await said.send(REF, HOLDING)
            (root,) = slack.channel("#exams").roots()
            (reply,) = slack.channel("#exams").replies(root)
            assert list(buttons(root)) == ["Open the release"]
            assert "`kubectl canary promote exam-api -n exams` (or `resume`, `rollback`)" in texts(
                root
            )
            assert "buttons" not in texts(reply)

    asyncio.run(story())


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
