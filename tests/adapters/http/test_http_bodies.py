"""What may be in a command: JSON and nothing else, no surprises, no more than is needed."""

import asyncio
import json
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from fastapi import Request

from controller.adapters.http.bodies import BODY_BYTES_MAX, read
from controller.adapters.http.kinds import Kind
from controller.adapters.http.problems import Trouble
from controller.adapters.http.shapes_commands import OrderShape
from controller.simulation.loop import play
from tests.adapters.http.asking import POST, problem, raw, sent
from tests.adapters.http.ward import ONE, order, visited, ward


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "revision"),
        ({"revision": ""}, "revision"),
        ({"revision": 7}, "revision"),
        ({"revision": "a b"}, "revision"),
        (order(step=0), "step"),
        (order(step=True), "step"),
        (order(step="1"), "step"),
        (order(step=1.5), "step"),
        (order(reason="x" * 501), "reason"),
        (order(reason="\x1b[2J"), "reason"),
        (order(reason=None), "reason"),
        (order(full=True), "full"),
        (order(force=True), "force"),
        ([], "body"),
    ],
)
def test_wrong_input_is_named_by_its_field(body: Any, field: str) -> None:
    answer = sent(ward(), "hold", body)
    problem(answer, 422, "wrong-input")
    assert field in [one["field"] for one in answer.json()["errors"]]


@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "caf\xe9"])
def test_a_key_has_to_be_visible_and_short(key: str) -> None:
    async def story() -> httpx.Response:
        async with visited(ward()) as client:
            headers = {b"idempotency-key": key.encode("latin-1")}
            return await client.post(f"{ONE}/hold", json=order(), headers=headers)

    answer = asyncio.run(story())
    problem(answer, 422, "wrong-input")
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_command_without_a_key_is_not_taken() -> None:
    async def story() -> httpx.Response:
        async with visited(ward()) as client:
            return await client.post(f"{ONE}/hold", json=order())

    answer = asyncio.run(story())
    problem(answer, 422, "wrong-input")
    assert "Idempotency-Key" in answer.json()["detail"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b'{"revision": "B", "revision": "A"}',
        b'{"revision": "\xff"}',
        b'{"revision": "\\ud800"}',
        b'{"revision": "B", "step": NaN}',
        b"[" * 15_000,
        b'{"revision": "B", "step": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_not_plain_json_is_refused(content: bytes) -> None:
    problem(raw(ward(), content), 422, "wrong-input")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(media_type: str) -> None:
    body = json.dumps(order()).encode()
    detail = problem(raw(ward(), body, **{"content-type": media_type}), 415, "wrong-media-type")
    assert "application/json" in detail


def test_json_may_name_its_encoding() -> None:
    body = json.dumps(order()).encode()
    answer = raw(ward(), body, **{"content-type": "Application/JSON; charset=utf-8"})
    assert answer.status_code == HTTPStatus.ACCEPTED


def test_a_body_that_is_too_long_is_not_read() -> None:
    problem(raw(ward(), b" " * (BODY_BYTES_MAX + 1)), 413, "too-large")


def test_a_body_that_does_not_say_its_length_is_read_no_further_than_allowed() -> None:
    async def endless() -> Any:
        for _ in range(BODY_BYTES_MAX // 100):
            yield b" " * 1_000

    async def story() -> httpx.Response:
        async with visited(ward()) as client:
            return await client.post(
                f"{ONE}/hold",
                content=endless(),
                headers={"content-type": "application/json", **POST},
            )

    problem(asyncio.run(story()), 413, "too-large")


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def never() -> Any:
        return await asyncio.get_running_loop().create_future()

    headers = [(b"content-type", b"application/json")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, never)
    with pytest.raises(Trouble, match="did not arrive") as caught:
        play(read(request, OrderShape))
    assert caught.value.kind is Kind.TOO_SLOW
