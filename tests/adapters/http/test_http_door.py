"""Bearer tokens: who is let in, what the others are told, and how often they may try."""

import asyncio
import logging
from collections.abc import Coroutine
from ipaddress import ip_address
from typing import Any, Final

import pytest

from controller.adapters.http.doorway_places import (
    FAILURES_MAX,
    PLACES_MAX,
    RECOVER_SECONDS,
    Failures,
)
from controller.engine import access
from tests.adapters.http.gatehouse import PROXIES, Clock, House, Plan, opened
from tests.adapters.kube.apiserver import refusal
from tests.adapters.kube.authority import Issued

PROBLEM: Final = "application/problem+json"


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


def test_a_valid_token_lets_its_owner_in() -> None:
    async def story() -> None:
        async with opened() as house:
            response = await house.who("ada-1")
            assert response.json() == {"name": "ada", "via": "REST API from 127.0.0.1"}
            act = await house.http.post("/act", headers={"authorization": "bearer ada-1"})
            assert act.status_code == 200

    run(story())


def test_no_token_is_401_and_says_how_to_get_one() -> None:
    async def story() -> None:
        async with opened() as house:
            response = await house.who()
            assert response.status_code == 401
            assert response.headers["content-type"] == PROBLEM
            assert response.headers["www-authenticate"] == 'Bearer realm="canary-controller"'
            problem = response.json()
            assert problem["type"] == "/docs#problem-unauthenticated"
            command = "kubectl create token NAME --audience=canary-controller"
            assert command in problem["detail"]
            assert house.authority.asked == []

    run(story())


def test_a_token_that_is_wrong_or_for_another_service_is_401() -> None:
    async def story() -> None:
        async with opened() as house:
            house.authority.tokens["other-1"] = Issued({"username": "ada"}, frozenset({"vault"}))
            for token in (
                "guess",
                "other-1",
                "not a token",
                "t\u00f6ken".encode().decode("latin-1"),
            ):
                response = await house.http.get(
                    "/who", headers=[(b"authorization", f"Bearer {token}".encode("latin-1"))]
                )
                assert response.status_code == 401
                assert 'error="invalid_token"' in response.headers["www-authenticate"]
                assert token not in response.text

    run(story())


@pytest.mark.parametrize(
    "said",
    [["Basic YWRhOjE="], ["Bearer"], ["Bearer,ada-1"], ["ada-1"], ["Bearer ada-1", "Bearer x"]],
)
def test_what_is_not_one_bearer_token_is_401(said: list[str]) -> None:
    async def story() -> None:
        async with opened() as house:
            headers = [("authorization", one) for one in said]
            response = await house.http.get("/who", headers=headers)
            assert response.status_code == 401
            assert 'error="invalid_request"' in response.headers["www-authenticate"]

    run(story())


def test_a_revoked_token_is_401_within_a_minute() -> None:
    async def story() -> None:
        async with opened() as house:
            assert (await house.who("ada-1")).is_success
            del house.authority.tokens["ada-1"]
            house.clock.wait(seconds=access.TOKEN_SECONDS)
            assert (await house.who("ada-1")).status_code == 401

    run(story())


def test_nobody_is_let_in_while_nobody_can_be_asked() -> None:
    async def story() -> None:
        async with opened() as house:
            house.authority.fault = refusal(403, "Forbidden", "cannot create tokenreviews")
            for _ in range(2 * FAILURES_MAX):
                response = await house.who("ada-1")
                assert response.status_code == 503
                assert response.headers["retry-after"] == "2"
                assert "cannot create tokenreviews" in response.json()["detail"]
            # It was nobody's failure but ours.
            house.authority.fault = None
            assert (await house.who("ada-1")).is_success

    run(story())


async def spend(house: House, **headers: str) -> None:
    for number in range(FAILURES_MAX):
        response = await house.who(f"guess-{number}", **headers)
        assert response.status_code == 401


def test_guessing_is_slowed_down() -> None:
    async def story() -> None:
        async with opened() as house:
            await spend(house)
            response = await house.who("guess")
            assert response.status_code == 429
            assert response.headers["retry-after"] == str(int(RECOVER_SECONDS))
            assert response.json()["type"] == "/docs#problem-too-many"
            count = len(house.authority.asked)
            assert (await house.who("eve-1")).status_code == 429
            assert len(house.authority.asked) == count
            # Without a token nothing is asked of anybody: that is always answered.
            assert (await house.who()).status_code == 401
            house.clock.wait(seconds=RECOVER_SECONDS)
            assert (await house.who("eve-1")).is_success
            assert (await house.who("guess")).status_code == 401
            assert (await house.who("guess-again")).status_code == 429

    run(story())


def test_an_address_that_guesses_is_on_record_once(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with opened() as house:
            await spend(house)
            for _ in range(5):
                await house.who("guess")

    with caplog.at_level(logging.INFO, "controller.audit"):
        run(story())
    assert len(caplog.records) == FAILURES_MAX
    assert "too many: the next one is looked at in 3 s" in caplog.records[-1].getMessage()
    assert "too many" not in caplog.records[-2].getMessage()


def test_many_guesses_at_once_do_not_pass_for_one() -> None:
    async def story() -> None:
        async with opened() as house:
            answers = await asyncio.gather(*(house.who(f"g{n}") for n in range(60)))
            said = [answer.status_code for answer in answers]
            assert said.count(401) == FAILURES_MAX
            assert said.count(429) == 60 - FAILURES_MAX

    run(story())


def test_a_token_that_is_known_to_be_good_is_not_locked_out_by_its_neighbours() -> None:
    async def story() -> None:
        async with opened() as house:
            assert (await house.who("ada-1")).is_success
            await spend(house)
            house.clock.wait(seconds=access.TOKEN_SECONDS / 100)
            assert (await house.who("guess")).status_code == 429
            assert (await house.who("ada-1")).is_success
            # Once it is revoked it is a guess like any other.
            del house.authority.tokens["ada-1"]
            house.clock.wait(seconds=FAILURES_MAX * RECOVER_SECONDS)
            await spend(house)
            assert (await house.who("ada-1")).status_code == 401
            assert (await house.who("ada-1")).status_code == 429

    run(story())


def test_each_address_behind_a_trusted_proxy_has_its_own_limit() -> None:
    async def story() -> None:
        async with opened(Plan(proxies=PROXIES)) as house:
            await spend(house, x_forwarded_for="192.0.2.1")
            assert (await house.who("g", x_forwarded_for="192.0.2.1")).status_code == 429
            assert (await house.who("g", x_forwarded_for="192.0.2.2")).status_code == 401
            # A network of IPv6 is one place.
            await spend(house, x_forwarded_for="2001:db8:1:2::1")
            other = "2001:db8:1:2:ffff::9"
            assert (await house.who("g", x_forwarded_for=other)).status_code == 429
            assert (await house.who("g", x_forwarded_for="2001:db8:1:3::1")).status_code == 401

    run(story())


def test_an_address_that_nobody_vouches_for_gives_no_new_limit() -> None:
    async def story() -> None:
        async with opened() as house:
            for number in range(FAILURES_MAX):
                await house.who(f"guess-{number}", x_forwarded_for=f"192.0.2.{number}")
            assert (await house.who("g", x_forwarded_for="198.51.100.1")).status_code == 429

    run(story())


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    clock = Clock()
    failures = Failures(clock)
    first = ip_address("10.0.0.0")
    for _ in range(FAILURES_MAX):
        failures.add(first)
    assert failures.wait_seconds(first) > 0
    for number in range(1, PLACES_MAX):
        failures.add(first + number)
    assert failures.wait_seconds(first) > 0
    failures.add(first + PLACES_MAX)
    assert failures.wait_seconds(first) == 0
    # Whose address nobody knows share one place.
    for _ in range(FAILURES_MAX):
        failures.add(None)
    clock.wait(hours=-1)
    assert failures.wait_seconds(None) > 0


FORWARDED: Final = {
    "192.0.2.1": "192.0.2.1",
    "198.51.100.7, 192.0.2.1": "192.0.2.1",
    "192.0.2.1, 10.1.2.3": "192.0.2.1",
    "evil, 192.0.2.1, 10.1.2.3,10.0.0.1": "192.0.2.1",
    "192.0.2.1:4711": "192.0.2.1",
    "[2001:db8::1]:4711": "2001:db8::1",
    "::ffff:192.0.2.1": "192.0.2.1",
    "2001:db8::1%eth0": "2001:db8::1",
    "unknown": "127.0.0.1",
    "192.0.2.1, unknown, 10.0.0.1": "10.0.0.1",
    "": "127.0.0.1",
    "10.0.0.5": "10.0.0.5",
    ", ".join(["192.0.2.1"] + ["10.0.0.1"] * 40): "10.0.0.1",
}


def test_where_a_caller_is_is_told_by_proxies_that_are_trusted() -> None:
    async def story() -> None:
        async with opened(Plan(proxies=PROXIES)) as house:
            for forwarded, place in FORWARDED.items():
                response = await house.who("ada-1", x_forwarded_for=forwarded)
                assert response.json()["via"] == f"REST API from {place}", forwarded

    run(story())


def test_several_headers_are_read_as_one_and_untrusted_ones_not_at_all() -> None:
    async def story() -> None:
        headers = [
            ("authorization", "Bearer ada-1"),
            ("x-forwarded-for", "198.51.100.7"),
            ("x-forwarded-for", "192.0.2.1"),
        ]
        for plan, place in ((Plan(proxies=PROXIES), "192.0.2.1"), (Plan(), "127.0.0.1")):
            async with opened(plan) as house:
                response = await house.http.get("/who", headers=headers)
                assert response.json()["via"] == f"REST API from {place}"

    run(story())


def test_refusals_are_on_record_and_tokens_are_not(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with opened() as house:
            await house.who("ada-1")
            await house.who("a-guess")
            await house.sign_in("another-guess")
            await house.sign_in("eve-1")
            await house.browse("/session/end", "POST")

    with caplog.at_level(logging.DEBUG):
        run(story())
    for token in ("ada-1", "a-guess", "another-guess", "eve-1"):
        assert token not in caplog.text
    audit = [record.getMessage() for record in caplog.records if record.name == "controller.audit"]
    assert audit == [
        "refused a token from 127.0.0.1",
        "refused a token from 127.0.0.1",
        "eve signed in at the dashboard from 127.0.0.1",
        "eve signed out at the dashboard from 127.0.0.1",
    ]
