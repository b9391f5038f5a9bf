"""The signed webhook against a real local server, which checks what a receiver should check."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest
from aiohttp import web

from controller.adapters.clock import SystemClock
from controller.adapters.webhook.body import SCHEMA, body
from controller.adapters.webhook.sender import WebhookNotifier, connect
from controller.domain.records import Ref
from controller.domain.status import Notice, NoticeKind
from controller.engine.ports import Notifier, Refused, Unavailable

REF = Ref("exams", "exam-api")
SECRET = "correct-horse-battery-staple"
PATH = "/hooks/verysecret"
NOTICE = Notice(
    key="exams/exam-api:0123456789ab:20261122T101530123:0:RolledBack",
    kind=NoticeKind.ROLLED_BACK,
    at=datetime(2026, 11, 22, 10, 15, 30, tzinfo=UTC),
    headline="exam-api: revision 42 was rolled back",
    facts=(("Stable", "revision 41"), ("Canary", "revision 42")),
    findings=("restarts: 3 crashes",),
    log="panic: nil LTI context \udce4\nexit 2",
    release="exams/exam-api:0123456789ab:20261122T101530123",
    revision="0123456789abcdef",
    step=1,
)


@dataclass(slots=True)
class Receiver:
    """Answers one status after the other, the last for ever, and keeps what was signed well."""

    statuses: list[int]
    headers: dict[str, str] = field(default_factory=dict)
    received: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    calls: int = 0
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        raw, timestamp = await request.read(), request.headers["X-Canary-Timestamp"]
        signed = hmac.new(SECRET.encode(), timestamp.encode() + b"." + raw, hashlib.sha256)
        assert request.headers["X-Canary-Signature"] == f"v1={signed.hexdigest()}"
        assert abs(SystemClock().now().timestamp() - int(timestamp)) < 300
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 200:
            self.received.append(json.loads(raw))
            self.keys.append(request.headers["Idempotency-Key"])
        if status == 0:
            await asyncio.sleep(30)
        return web.Response(status=status, headers=self.headers)


@asynccontextmanager
async def receiver(*statuses: int, **headers: str) -> AsyncIterator[tuple[Receiver, Notifier]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    world = Receiver(list(statuses), named)
    app = web.Application()
    app.router.add_post(PATH, world.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        world.url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
        async with connect(
            world.url,
            SECRET,
            SystemClock(),
            dashboard_url="https://canary.example",
            timeout_seconds=1,
        ) as notifier:
            yield world, notifier
    finally:
        await runner.cleanup()


def send(*statuses: int, notice: Notice = NOTICE, **headers: str) -> Receiver:
    async def story() -> Receiver:
        async with receiver(*statuses, **headers) as (world, notifier):
            await notifier.send(REF, notice)
            return world

    return asyncio.run(story())


def test_a_notice_arrives_whole_signed_and_with_its_key() -> None:
    world = send(200)
    (said,) = world.received
    assert world.keys == [NOTICE.key]
    assert said["kind"] == "RolledBack"
    assert said["canary"] == {"namespace": "exams", "name": "exam-api"}
    assert said["facts"][1] == {"name": "Canary", "value": "revision 42"}
    assert "nil LTI context" in said["log"]
    assert said["url"] == "https://canary.example/canaries/exams/exam-api"


def test_every_kind_of_notice_is_as_the_schema_says() -> None:
    for kind in NoticeKind:
        for notice in (
            replace(NOTICE, kind=kind),
            Notice(key="k", kind=kind, at=NOTICE.at, headline=""),
        ):
            jsonschema_rs.validate(SCHEMA, json.loads(body(REF, notice, None)))


def test_every_field_is_documented_and_required() -> None:
    said = json.loads(body(REF, NOTICE, None))
    assert list(said) == SCHEMA["required"] == list(SCHEMA["properties"])


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_anything_of_two_hundred_is_taken(status: int) -> None:
    assert send(status).calls == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_what_may_be_repeated_is_tried_again_later(status: int) -> None:
    with pytest.raises(Unavailable, match=str(status)):
        send(status)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, "receiver's log"),
        (401, "same webhook_secret"),
        (404, "check webhook_url"),
        (410, "the receiver is gone"),
        (413, "1 MiB"),
        (422, "receiver's log"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, remedy: str) -> None:
    with pytest.raises(Refused, match=remedy):
        send(status)


def test_redirects_are_not_followed() -> None:
    with pytest.raises(Refused, match="redirects are not followed"):
        send(307, Location="http://169.254.169.254/")


def test_a_receiver_that_wants_silence_gets_it() -> None:
    async def story() -> None:
        async with receiver(429, Retry_After="60") as (world, notifier):
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await notifier.send(REF, NOTICE)
            assert world.calls == 1

    asyncio.run(story())


def test_a_receiver_that_hangs_or_is_not_there_is_tried_again_later() -> None:
    with pytest.raises(Unavailable, match="in time"):
        send(0)

    async def story() -> None:
        async with connect(
            f"http://127.0.0.1:1{PATH}", SECRET, SystemClock(), timeout_seconds=1
        ) as notifier:
            await notifier.send(REF, NOTICE)

    with pytest.raises(Unavailable, match="cannot be reached"):
        asyncio.run(story())


def test_address_and_secret_are_in_no_error_log_line_or_repr(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    async def story(url: str) -> None:
        async with connect(url, SECRET, SystemClock(), timeout_seconds=1) as notifier:
            assert isinstance(notifier, WebhookNotifier)
            assert "verysecret" not in repr(notifier)
            assert SECRET not in repr(notifier)
            await notifier.send(REF, NOTICE)

    for url in (f"http://127.0.0.1:1{PATH}", f"http://{PATH}", f"nothing{PATH}"):
        with pytest.raises((Refused, Unavailable)) as caught:
            asyncio.run(story(url))
        assert "verysecret" not in str(caught.value)
        assert caught.value.__cause__ is None
    assert "verysecret" not in caplog.text


def test_a_key_that_no_header_may_hold_is_made_visible() -> None:
    world = send(200, notice=replace(NOTICE, key="a b\r\nX-Evil: 1ä"))
    assert world.keys == ["a_b__X-Evil:_1_"]
