"""Browsers: the session that a token gives, and how it ends."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Coroutine
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

from controller.adapters.http.doorway_places import FAILURES_MAX
from controller.adapters.http.sessions import (
    COOKIE,
    IDLE,
    SESSIONS_MAX,
    SESSIONS_OF_ONE_MAX,
    Sessions,
)
from controller.engine import access
from controller.engine.ports import Person
from tests.adapters.http.gatehouse import START, Clock, Plan, opened
from tests.adapters.kube.apiserver import refusal


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


def test_guessing_by_the_form_is_slowed_down() -> None:
    async def story() -> None:
        async with opened() as house:
            for number in range(FAILURES_MAX):
                await house.sign_in(f"guess-{number}")
            response = await house.sign_in("guess")
            assert response.status_code == 429
            assert int(response.headers["retry-after"]) > 0
            assert "Too many failed attempts" in response.text
            # Those who are signed in are not those who guess.
            house.clock.wait(minutes=1)
            await house.sign_in("ada-1")
            for number in range(FAILURES_MAX):
                await house.who(f"guess-{number}")
            assert (await house.who("guess")).status_code == 429
            assert (await house.browse()).is_success

    run(story())


def test_nobody_signs_in_while_nobody_can_be_asked_and_sessions_wait() -> None:
    async def story() -> None:
        async with opened() as house:
            await house.sign_in("ada-1")
            house.clock.wait(seconds=access.TOKEN_SECONDS)
            house.authority.fault = refusal(500, "InternalError", "etcd is away")
            assert (await house.browse()).status_code == 503
            response = await house.sign_in("eve-1")
            assert response.status_code == 503
            assert "etcd is away" in response.text
            house.authority.fault = None
            assert (await house.browse()).json()["name"] == "ada"

    run(story())


def test_a_session_ends_with_its_token() -> None:
    async def story() -> None:
        async with opened() as house:
            await house.sign_in("ada-1")
            del house.authority.tokens["ada-1"]
            house.clock.wait(seconds=access.TOKEN_SECONDS)
            response = await house.browse()
            assert response.status_code == 401
            assert response.json()["type"] == "/docs#problem-session-expired"
            # A token of that text that is valid again opens no session that was closed.
            house.authority.issue("ada-1", "ada")
            house.clock.wait(seconds=access.NO_SECONDS)
            assert (await house.browse()).status_code == 401

    run(story())


def test_a_session_is_no_longer_than_its_token_says() -> None:
    async def story() -> None:
        claims = {"exp": (START + timedelta(minutes=20)).timestamp()}
        coded = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        async with opened() as house:
            token = house.authority.issue(f"e30.{coded}.c2ln", "ada")
            response = await house.sign_in(token)
            assert SimpleCookie(response.headers["set-cookie"])[COOKIE]["max-age"] == "1200"
            house.clock.wait(minutes=20)
            assert (await house.browse()).status_code == 401
            assert len(house.doorway.sessions) == 0

    run(story())


def test_a_token_that_turns_out_to_be_another_s_ends_the_session() -> None:
    async def story() -> None:
        async with opened() as house:
            await house.sign_in("ada-1")
            house.authority.issue("ada-1", "eve")
            house.clock.wait(seconds=access.TOKEN_SECONDS)
            assert (await house.browse()).status_code == 401

    run(story())


def test_a_session_that_is_not_used_ends_and_the_longest_one_ends_too() -> None:
    async def story() -> None:
        async with opened(Plan(session=timedelta(hours=3))) as house:
            await house.sign_in("ada-1")
            house.clock.wait(seconds=IDLE.total_seconds())
            assert (await house.browse()).status_code == 401
            await house.sign_in("ada-1")
            for _ in range(5):
                house.clock.wait(minutes=30)
                assert (await house.browse()).is_success
            house.clock.wait(minutes=30)
            assert (await house.browse()).status_code == 401

    run(story())


def test_signing_out_ends_the_session_here_and_in_the_browser() -> None:
    async def story() -> None:
        async with opened() as house:
            await house.sign_in("ada-1")
            response = await house.browse("/session/end", "POST")
            assert (response.status_code, response.headers["location"]) == (303, "/sign-in?ended=1")
            morsel = SimpleCookie(response.headers["set-cookie"])[COOKIE]
            assert (morsel.value, morsel["max-age"], morsel["path"]) == ("", "0", "/")
            assert morsel["secure"]
            assert (await house.browse()).status_code == 401
            assert "You are signed out." in (await house.http.get("/sign-in?ended=1")).text
            # Twice is no harm.
            assert (await house.browse("/session/end", "POST")).status_code == 303

    run(story())


def test_a_made_up_session_is_none() -> None:
    async def story() -> None:
        async with opened() as house:
            for cookie in ("", "x", "a" * 65, "a" * 43, "\u00e9"):
                said = f"{COOKIE}={cookie}".encode()
                response = await house.http.get("/who", headers=[(b"cookie", said)])
                assert response.status_code == 401

    run(story())


def test_of_two_cookies_none_is_believed() -> None:
    async def story() -> None:
        async with opened() as house:
            await house.sign_in("ada-1")
            two = f"{COOKIE}={house.cookie}; {COOKIE}=other"
            assert (await house.http.get("/who", headers={"cookie": two})).status_code == 401
            beside = f"theme=dark; {COOKIE}={house.cookie}; x"
            assert (await house.http.get("/who", headers={"cookie": beside})).is_success
            for name in ("canary-session", "__host-canary-session", "x__Host-canary-session"):
                said = {"cookie": f"{name}={house.cookie}"}
                assert (await house.http.get("/who", headers=said)).status_code == 401

    run(story())


def test_sessions_are_bounded_for_one_and_for_all() -> None:
    clock = Clock()
    sessions = Sessions(clock, timedelta(hours=8))
    eve = Person(name="eve")
    others = sessions.begin(Person(name="ada"), "t", None)[0]
    own = [sessions.begin(eve, "t", None)[0] for _ in range(SESSIONS_OF_ONE_MAX + 5)]
    assert len(sessions) == SESSIONS_OF_ONE_MAX + 1
    assert [sessions.find(name) is not None for name in own] == [False] * 5 + [True] * 10
    assert sessions.find(others) is not None
    for number in range(SESSIONS_MAX + 10):
        sessions.begin(Person(name=f"p{number}"), "t", None)
    assert len(sessions) == SESSIONS_MAX
    clock.wait(hours=8)
    sessions.begin(eve, "t", None)
    assert len(sessions) == 1


def test_a_token_is_not_shown_by_what_holds_it() -> None:
    sessions = Sessions(Clock(), timedelta(hours=8))
    name, _ = sessions.begin(Person(name="ada"), "a-secret", None)
    assert "a-secret" not in repr(sessions.find(name))
    assert "a-secret" not in repr(sessions)
