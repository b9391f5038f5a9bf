"""The Slack notifier against a real local server that speaks the webhook API, and its moods."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from controller.adapters.slack.log import LogNotifier
from controller.adapters.slack.webhook import SlackNotifier, connect
from controller.domain.records import Ref
from controller.domain.status import Notice, NoticeKind
from controller.engine.ports import Notifier, Refused, Unavailable

REF = Ref("exams", "exam-api")
SECRET_PATH = "/services/T0000/B0000/verysecret"
NOTICE = Notice(
    key="exam-api-7-RolledBack",
    kind=NoticeKind.ROLLED_BACK,
    at=datetime(2026, 11, 22, 10, 15, 30, tzinfo=UTC),
    headline="exam-api rolled back",
    facts=(("Stable", "revision 6"),),
    findings=("restarts: 3 crashes",),
    log="panic: nil LTI context\nexit 2",
)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(status: int, body: str, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=body, headers=named)

    return answer


async def hangs(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError("the client should have left")


async def resets(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@dataclass(slots=True)
class Slack:
    """Gives one answer after the other, the last for ever, and keeps what it was sent."""

    answers: list[Answer]
    received: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.received.append(await request.json())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@asynccontextmanager
async def slack(*answers: Answer) -> AsyncIterator[Slack]:
    world = Slack(list(answers))
    app = web.Application()
    app.router.add_post(SECRET_PATH, world.handle)
    app.router.add_get("/login", says(200, "<!DOCTYPE html><html>Sign in</html>"))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        world.url = f"http://127.0.0.1:{runner.addresses[0][1]}{SECRET_PATH}"
        yield world
    finally:
        await runner.cleanup()


def send(*answers: Answer, timeout_seconds: float = 5) -> list[dict[str, Any]]:
    """What Slack received when one notice was sent while it answered like this."""

    async def story() -> list[dict[str, Any]]:
        async with (
            slack(*answers) as world,
            connect(world.url, timeout_seconds=timeout_seconds) as notifier,
        ):
            await notifier.send(REF, NOTICE)
            return world.received

    return asyncio.run(story())


def test_a_notice_arrives_as_blocks_with_a_plain_text_for_notifications() -> None:
    (received,) = send(says(200, "ok"))
    assert received["text"].startswith("⏪ exam-api rolled back")
    assert received["blocks"][0]["type"] == "header"
    assert "exam-api-7-RolledBack" in json.dumps(received["blocks"])


def test_a_short_rate_limit_is_waited_for_and_the_notice_arrives() -> None:
    assert len(send(says(429, "rate_limited", Retry_After="0"), says(200, "ok"))) == 2


def test_a_second_rate_limit_is_left_to_the_outbox() -> None:
    with pytest.raises(Unavailable, match="429"):
        send(says(429, "rate_limited", Retry_After="0"))


def test_a_long_rate_limit_is_not_waited_for() -> None:
    with pytest.raises(Unavailable, match="3600 s of silence"):
        send(says(429, "rate_limited", Retry_After="3600"))


def test_a_rate_limit_with_a_date_is_waited_for_a_second() -> None:
    limited = says(429, "rate_limited", Retry_After="Sun, 22 Nov 2026 10:15:30 GMT")
    assert len(send(limited, says(200, "ok"))) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_slack_is_tried_again_later(status: int) -> None:
    with pytest.raises(Unavailable, match=f"Slack answered {status}"):
        send(says(status, "rollup_error"))


@pytest.mark.parametrize(
    ("status", "body", "remedy"),
    [
        (404, "no_service", "the webhook was revoked or never existed: make a new incoming"),
        (404, "", "the webhook was revoked"),
        (404, "channel_not_found", "channel was deleted"),
        (410, "channel_is_archived", "unarchive it"),
        (403, "action_prohibited", "an administrator restricts"),
        (403, "", "may post to its channel"),
        (400, "invalid_blocks", "a bug of canary-controller"),
        (400, "who knows", "check that slack_webhook_url is an incoming webhook"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, body: str, remedy: str) -> None:
    with pytest.raises(Refused, match=remedy) as caught:
        send(says(status, body))
    assert str(status) in str(caught.value)


def test_a_redirect_to_a_login_page_is_no_delivery() -> None:
    with pytest.raises(Refused, match="answered with a web page"):
        send(says(302, "", Location="/login"))


def test_a_hanging_slack_is_given_up() -> None:
    with pytest.raises(Unavailable, match="did not answer"):
        send(hangs, timeout_seconds=0.2)


def test_a_reset_connection_is_tried_again_later() -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        send(resets)


def test_a_slack_that_is_not_there_is_tried_again_later() -> None:
    async def story() -> None:
        async with slack(says(200, "ok")) as world:
            gone = world.url
        async with connect(gone) as notifier:
            await notifier.send(REF, NOTICE)

    with pytest.raises(Unavailable, match="cannot be reached"):
        asyncio.run(story())


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1" + SECRET_PATH, "nothing" + SECRET_PATH, "http://" + SECRET_PATH]
)
def test_the_webhooks_address_is_in_no_message_of_a_failure(url: str) -> None:
    async def story() -> None:
        async with connect(url) as notifier:
            await notifier.send(REF, NOTICE)

    with pytest.raises((Refused, Unavailable)) as caught:
        asyncio.run(story())
    error: BaseException | None = caught.value
    while error is not None:
        assert "verysecret" not in str(error)
        error = error.__cause__


def test_the_webhooks_address_is_in_no_log_line_at_any_level(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    send(says(429, "rate_limited", Retry_After="0"), says(200, "ok"))
    assert "verysecret" not in caplog.text


def test_a_proxy_in_the_environment_is_used_only_when_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nobody listens there: whoever goes through the proxy cannot arrive.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    async def story(*, proxied: bool) -> int:
        async with (
            slack(says(200, "ok")) as world,
            connect(world.url, proxy_from_environment=proxied) as notifier,
        ):
            await notifier.send(REF, NOTICE)
            return len(world.received)

    assert asyncio.run(story(proxied=False)) == 1
    with pytest.raises(Unavailable):
        asyncio.run(story(proxied=True))


def test_messages_may_be_sent_at_the_same_time() -> None:
    async def story() -> int:
        async with slack(says(200, "ok")) as world, connect(world.url) as notifier:
            async with asyncio.TaskGroup() as group:
                for _ in range(20):
                    group.create_task(notifier.send(REF, NOTICE))
            return len(world.received)

    assert asyncio.run(story()) == 20


def test_without_a_webhook_a_notice_is_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    asyncio.run(LogNotifier().send(REF, NOTICE))
    (record,) = caplog.records
    said = record.getMessage()
    assert "\n" not in said
    for fact in ("exams/exam-api", "RolledBack", "Stable: revision 6", "nil LTI context", "key "):
        assert fact in said


def test_both_notifiers_are_the_port() -> None:
    async def story() -> tuple[Notifier, Notifier]:
        async with connect("https://hooks.slack.com/services/T/B/x") as notifier:
            assert isinstance(notifier, SlackNotifier)
            return notifier, LogNotifier()

    assert asyncio.run(story())


def test_a_step_that_passed_is_no_message_of_its_own() -> None:
    async def story() -> int:
        async with slack(says(200, "ok")) as world, connect(world.url) as notifier:
            await notifier.send(REF, replace(NOTICE, kind=NoticeKind.STEP_PASSED))
            return len(world.received)

    assert asyncio.run(story()) == 0


def test_people_are_called_and_the_release_can_be_opened() -> None:
    asking = replace(NOTICE, kind=NoticeKind.HOLDING, asks=True, mentions=("U0ADA",))

    async def story() -> dict[str, Any]:
        async with (
            slack(says(200, "ok")) as world,
            connect(world.url, dashboard_url="https://canary.example") as notifier,
        ):
            await notifier.send(REF, asking)
            return world.received[0]

    blocks = asyncio.run(story())["blocks"]
    assert "<@U0ADA>" in blocks[1]["text"]["text"]
    (button,) = next(block for block in blocks if block["type"] == "actions")["elements"]
    assert button["url"] == "https://canary.example/canaries/exams/exam-api"
    assert "value" not in button
