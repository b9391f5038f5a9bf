"""Browsers: the sign-in page, its form, and where it leads."""

import asyncio
from collections.abc import Coroutine
from http.cookies import SimpleCookie
from typing import Any, Final

import pytest

from controller.adapters.http import openapi
from controller.adapters.http.sessions import (
    COOKIE,
)
from controller.adapters.http.sign_in import NEXT_CHARACTERS_MAX, safe_next
from tests.adapters.http.gatehouse import OWN, opened

FORM: Final = {"content-type": "application/x-www-form-urlencoded", **OWN}


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


def test_the_page_has_a_form_without_script_and_says_how_to_get_a_token() -> None:
    async def story() -> None:
        async with opened() as house:
            page = await house.http.get("/sign-in?next=/canaries/exams/api")
            assert page.status_code == 200
            assert '<form method="post" action="/session">' in page.text
            assert '<label for="token">' in page.text
            assert 'type="password" id="token" name="token" required' in page.text
            assert '<input type="hidden" name="next" value="/canaries/exams/api">' in page.text
            assert "kubectl create token" in page.text
            assert "--audience=canary-controller" in page.text
            assert "<script" not in page.text
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "form-action 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert page.headers["cache-control"] == "no-store"
            assert page.headers["x-content-type-options"] == "nosniff"
            # With no referrer at all, a browser would hide the origin of our own form from us.
            assert page.headers["referrer-policy"] == "same-origin"

    run(story())


def test_a_token_gives_a_session_whose_cookie_says_nothing() -> None:
    async def story() -> None:
        async with opened() as house:
            response = await house.sign_in("ada-1", "/canaries/exams/api?x=1")
            assert response.status_code == 303
            assert response.headers["location"] == "/canaries/exams/api?x=1"
            assert response.headers["cache-control"] == "no-store"
            morsel = SimpleCookie(response.headers["set-cookie"])[COOKIE]
            assert COOKIE.startswith("__Host-")
            assert COOKIE == openapi.COOKIE
            assert (morsel["path"], morsel["domain"]) == ("/", "")
            assert morsel["httponly"]
            assert morsel["secure"]
            assert morsel["samesite"].lower() == "strict"
            assert int(morsel["max-age"]) == 8 * 3600
            assert len(morsel.value) >= 43
            assert "ada" not in response.headers["set-cookie"]
            who = await house.browse()
            assert who.json() == {"name": "ada", "via": "dashboard from 127.0.0.1"}
            assert (await house.browse("/act", "POST")).status_code == 200

    run(story())


def test_a_pasted_token_may_have_line_breaks_and_spaces() -> None:
    async def story() -> None:
        async with opened() as house:
            assert (await house.sign_in(" ad\r\na-1\n ")).status_code == 303

    run(story())


def test_whoever_is_signed_in_is_led_on_and_gets_a_new_session_when_signing_in_again() -> None:
    async def story() -> None:
        async with opened() as house:
            await house.sign_in("ada-1")
            for path in ("/sign-in?next=/docs", "/session?next=/docs"):
                page = await house.browse(path)
                assert (page.status_code, page.headers["location"]) == (303, "/docs")
            first = house.cookie
            await house.sign_in("eve-1")
            assert house.cookie != first
            assert (await house.browse()).json()["name"] == "eve"
            house.cookie = first
            assert (await house.browse()).status_code == 401

    run(story())


def test_whoever_has_an_old_session_is_shown_the_form() -> None:
    async def story() -> None:
        async with opened() as house:
            house.cookie = "a" * 43
            page = await house.browse("/sign-in?next=/docs")
            assert page.status_code == 200
            assert "<form" in page.text

    run(story())


def test_a_link_from_another_site_finds_the_session_after_one_step_of_our_own() -> None:
    async def story() -> None:
        async with opened() as house:
            # The browser keeps a strict cookie to itself here.
            page = await house.http.get(
                "/sign-in?next=/canaries/exams/api", headers={"sec-fetch-site": "cross-site"}
            )
            step = "/sign-in?next=%2Fcanaries%2Fexams%2Fapi&amp;again=1"
            assert f'<meta http-equiv="refresh" content="0; url={step}">' in page.text
            assert f'<a href="{step}">' in page.text
            await house.sign_in("ada-1")
            following = await house.browse(step.replace("&amp;", "&"))
            assert following.headers["location"] == "/canaries/exams/api"
            # Whoever is not signed in gets the form then, and no second round.
            form = await house.http.get(
                step.replace("&amp;", "&"), headers={"sec-fetch-site": "cross-site"}
            )
            assert "<form" in form.text
            assert "http-equiv" not in form.text

    run(story())


def test_a_token_that_is_not_taken_is_said_to_be_so_and_not_repeated() -> None:
    async def story() -> None:
        async with opened() as house:
            response = await house.sign_in("guess-1", "/docs")
            assert response.status_code == 401
            assert response.headers["content-type"].startswith("text/html")
            assert 'role="alert"' in response.text
            assert "does not take this token" in response.text
            assert "guess-1" not in response.text
            assert 'name="next" value="/docs"' in response.text
            assert "set-cookie" not in response.headers
            empty = await house.sign_in(" ")
            assert empty.status_code == 422
            assert "Paste a token first" in empty.text

    run(story())


FORMS: Final[list[tuple[bytes, dict[str, str], int]]] = [
    (b"{}", {"content-type": "application/json"}, 415),
    (b"token=ada-1", {"content-type": ""}, 415),
    (b"token=" + b"x" * 70_000, {}, 413),
    (b"token=" + b"x" * 20_000, {}, 401),
    (b"&".join(b"a%d=1" % n for n in range(20)), {}, 422),
    (b"token=\xff", {}, 422),
    (b"token=%ff%00", {}, 401),
    (b"next=/docs", {}, 422),
    (b"", {}, 422),
    (b"token=ada-1&token=eve-1", {}, 303),
]


def test_any_form_gets_a_clear_answer() -> None:
    async def story() -> None:
        async with opened() as house:
            for body, headers, status in FORMS:
                said = {**FORM, **headers}
                response = await house.http.post("/session", content=body, headers=said)
                assert response.status_code == status, body[:40]
                if status != 303:
                    assert response.headers["content-type"].startswith("text/html")

    run(story())


ELSEWHERE: Final = [
    "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example",
    "/\t/evil.example", "/\n/evil.example", " //evil.example", "http:evil.example",
    "javascript:alert(1)", "evil.example", "@evil.example", "", "/a\\b", "/a\r\nX: y",
    "/\u2215evil.example", "///evil.example", "/sign-in", "/session/end", "/\x00", "/a b",
    "/sign-in?next=//evil.example", "/\x7f", "/" + "a" * NEXT_CHARACTERS_MAX,
]  # fmt: skip


def test_signing_in_leads_to_our_own_pages_only() -> None:
    async def story() -> None:
        async with opened() as house:
            for following in ELSEWHERE:
                response = await house.sign_in("ada-1", following)
                assert response.headers["location"] == "/", following

    assert {safe_next(following) for following in (*ELSEWHERE, None)} == {"/"}
    run(story())


@pytest.mark.parametrize(
    "following",
    [
        "/",
        "/docs",
        "/docs#problem-moved",
        "/canaries/exams/api?a=b&c=%2F",
        "/?phase=Holding",
        "/.x",
    ],
)
def test_a_path_of_ours_is_kept(following: str) -> None:
    assert safe_next(following) == following
