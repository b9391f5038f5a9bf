"""Who somebody is and what they may do, asked over the wire."""

import asyncio
import json
import logging
from collections.abc import Coroutine
from typing import Any, Final

import pytest
from aiohttp import web

from controller.adapters.kube.reviews import KubeReviews
from controller.engine.ports import Person, Refused, Unavailable, Verb
from tests.adapters.kube.apiserver import refusal
from tests.adapters.kube.authority import AUDIENCE, Authority, Issued, holding

ADA: Final = Person(name="ada", uid="uid-ada", groups=("teachers",))


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


def test_a_token_for_us_is_its_owner_s() -> None:
    async def story() -> None:
        authority = Authority()
        extra = {"authentication.kubernetes.io/credential-id": ["JTI=1"]}
        authority.issue("t", "ada", groups=["teachers", "system:authenticated"], extra=extra)
        async with holding(authority) as client:
            assert await KubeReviews(client, AUDIENCE).whose("t") == Person(
                name="ada",
                uid="uid-ada",
                groups=("teachers", "system:authenticated"),
                extra={"authentication.kubernetes.io/credential-id": ("JTI=1",)},
            )
        (asked,) = authority.asked
        assert asked["spec"] == {"token": "t", "audiences": [AUDIENCE]}

    run(story())


def test_a_token_that_is_not_valid_or_for_another_service_is_nobody_s() -> None:
    async def story() -> None:
        authority = Authority()
        authority.tokens["other"] = Issued({"username": "ada"}, frozenset({"vault"}))
        authority.tokens["nameless"] = Issued({"uid": "7"})
        async with holding(authority) as client:
            reviews = KubeReviews(client, AUDIENCE)
            assert await reviews.whose("unknown") is None
            assert await reviews.whose("other") is None
            assert await reviews.whose("nameless") is None

    run(story())


def test_a_server_that_knows_nothing_of_audiences_vouches_for_nobody() -> None:
    async def story() -> None:
        authority = Authority(aware=False)
        authority.issue("t", "ada")
        async with holding(authority) as client:
            assert await KubeReviews(client, AUDIENCE).whose("t") is None

    run(story())


@pytest.mark.parametrize(
    "status",
    [
        None,
        {},
        {"authenticated": False, "user": {"username": "ada"}, "audiences": [AUDIENCE]},
        {"authenticated": True, "audiences": [AUDIENCE]},
        {"authenticated": True, "user": {"username": "ada"}, "audiences": []},
        {"authenticated": True, "user": {"username": "ada"}, "audiences": ["canary"]},
        {"authenticated": True, "user": {"username": ""}, "audiences": [AUDIENCE]},
    ],
)
def test_half_a_yes_is_a_no(status: Any) -> None:
    async def story() -> None:
        authority = Authority(raw=json.dumps({"status": status}).encode())
        async with holding(authority) as client:
            assert await KubeReviews(client, AUDIENCE).whose("t") is None

    run(story())


def test_rights_are_asked_for_as_the_person_that_the_token_showed() -> None:
    async def story() -> None:
        authority = Authority()
        authority.grant("teachers", "promote", namespace="exams")
        person = Person(name="ada", uid="u", groups=("teachers",), extra={"scopes": ("a", "b")})
        async with holding(authority) as client:
            reviews = KubeReviews(client, AUDIENCE)
            assert await reviews.allowed(person, Verb.PROMOTE, "exams", "api")
            assert not await reviews.allowed(person, Verb.PROMOTE, "", "")
            assert not await reviews.allowed(person, Verb.ROLLBACK, "exams", "api")
        assert authority.asked[0]["spec"] == {
            "user": "ada",
            "uid": "u",
            "groups": ["teachers"],
            "extra": {"scopes": ["a", "b"]},
            "resourceAttributes": {
                "group": "canary-controller.io",
                "version": "v1alpha1",
                "resource": "canaries",
                "verb": "promote",
                "namespace": "exams",
                "name": "api",
            },
        }

    run(story())


@pytest.mark.parametrize(
    "status", [None, {}, {"allowed": False}, {"allowed": True, "denied": True}]
)
def test_only_a_plain_yes_allows(status: Any) -> None:
    async def story() -> None:
        authority = Authority(raw=json.dumps({"status": status}).encode())
        async with holding(authority) as client:
            assert not await KubeReviews(client, AUDIENCE).allowed(ADA, Verb.GET, "exams", "")

    run(story())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(403, "Forbidden", "cannot create tokenreviews"), Refused),
        (refusal(401, "Unauthorized"), Refused),
        (refusal(429, "TooManyRequests"), Unavailable),
        (refusal(500, "InternalError"), Unavailable),
        (web.Response(status=502, text="<html>Bad gateway"), Unavailable),
    ],
)
def test_a_server_that_does_not_answer_the_question_is_no_yes(
    answer: web.Response, kind: type[Exception]
) -> None:
    async def story() -> None:
        async with holding(Authority(fault=answer)) as client:
            reviews = KubeReviews(client, AUDIENCE)
            with pytest.raises(kind):
                await reviews.whose("t")
            with pytest.raises(kind):
                await reviews.allowed(ADA, Verb.GET, "exams", "")

    run(story())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"status":[]}',
        b'{"status":{"allowed":"yes"}}',
        b'{"status":{"authenticated":"yes"}}',
    ],
)
def test_what_cannot_be_read_is_no_yes(body: bytes) -> None:
    async def story() -> None:
        async with holding(Authority(raw=body)) as client:
            reviews = KubeReviews(client, AUDIENCE)
            for question in (
                reviews.whose("a-secret"),
                reviews.allowed(ADA, Verb.GET, "exams", ""),
            ):
                answers = await asyncio.gather(question, return_exceptions=True)
                assert answers[0] in (None, False) or isinstance(answers[0], Unavailable)
                assert "a-secret" not in repr(answers)

    run(story())


def test_the_token_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        authority = Authority()
        authority.issue("a-secret", "ada")
        async with holding(authority) as client:
            assert await KubeReviews(client, AUDIENCE).whose("a-secret") is not None
            authority.fault = refusal(500, "InternalError", "it broke")
            with pytest.raises(Unavailable):
                await KubeReviews(client, AUDIENCE).whose("a-secret")

    with caplog.at_level(logging.DEBUG):
        run(story())
    assert "a-secret" not in caplog.text
