"""What a browser sends with its session counts only when one of our own pages sent it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import pytest

from controller.adapters.http.csrf import is_own
from controller.adapters.http.doorway import Doorway
from controller.adapters.http.sessions import COOKIE
from tests.adapters.http.gatehouse import Plan, opened, routes, served_app, visited

URL: Final = "https://canary.example"
HOST: Final = "canary.example"


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


@pytest.mark.parametrize(
    ("site", "origin", "own"),
    [
        ("same-origin", None, True),
        ("same-origin", URL, True),
        # A page with a strict referrer policy hides its origin from itself.
        ("same-origin", "null", True),
        (None, URL, True),
        (None, "https://CANARY.example", True),
        (None, "https://canary.example:443", True),
        ("same-site", None, False),
        ("cross-site", None, False),
        ("none", None, False),
        ("", None, False),
        ("Same-Origin", None, False),
        ("same-origin", "https://evil.example", False),
        ("cross-site", URL, False),
        (None, None, False),
        (None, "null", False),
        (None, "", False),
        (None, "https://evil.example", False),
        (None, "https://canary.example.evil.example", False),
        (None, "https://evil.example/canary.example", False),
        (None, "https://canary.example:8443", False),
        (None, "https://canary.example@evil.example", False),
        (None, "https://evil.example@canary.example", False),
        (None, "ftp://canary.example", False),
        (None, "https://canary.example:port", False),
        (None, "https://[canary", False),
        (None, "https://" + "a" * 400, False),
    ],
)
def test_what_a_browser_says_of_where_a_request_comes_from(
    site: str | None, origin: str | None, own: bool
) -> None:
    said = {"host": HOST, "sec-fetch-site": site, "origin": origin}
    headers = {name: value for name, value in said.items() if value is not None}
    assert is_own(headers, None) is own
    assert is_own(headers | {"host": "10.0.0.1:8080"}, URL) is own


def test_a_page_behind_a_proxy_or_a_forwarded_port_is_ours() -> None:
    for host, origin in (
        ("canary.example", "https://canary.example"),
        ("canary.example:443", "https://canary.example"),
        ("localhost:8080", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
    ):
        assert is_own({"host": host, "origin": origin}, URL)
    # The address that people have of us is known with its scheme.
    assert not is_own({"host": "10.0.0.1", "origin": "http://canary.example"}, URL)
    assert not is_own({"host": "", "origin": "https://canary.example"}, None)


def test_nothing_that_another_site_sends_with_a_session_is_acted_on() -> None:
    async def story() -> None:
        async with opened() as house:
            await house.sign_in("ada-1")
            for headers in (
                {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
                {"sec-fetch-site": "same-site"},
                {"origin": "https://evil.example"},
                {"origin": "null"},
                {},
            ):
                said = {"cookie": f"{COOKIE}={house.cookie}", **headers}
                response = await house.http.post("/act", headers=said)
                assert response.status_code == 403
                assert response.json()["type"] == "/docs#problem-cross-site"
                ended = await house.http.post("/session/end", headers=said)
                assert ended.status_code == 403
                assert "set-cookie" not in ended.headers
            assert (await house.browse("/act", "POST")).is_success

    run(story())


def test_another_site_signs_nobody_in_as_somebody_else() -> None:
    async def story() -> None:
        async with opened() as house:
            for headers in ({"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "none"}):
                response = await house.sign_in("eve-1", **headers)
                assert response.status_code == 403
                assert "set-cookie" not in response.headers
                assert 'role="alert"' in response.text
            assert house.authority.asked == []

    run(story())


def test_old_browsers_show_the_origin_and_scripts_bring_a_token() -> None:
    async def story() -> None:
        async with opened() as house:
            await house.sign_in("ada-1")
            own = f"http://{house.http.base_url.host}:{house.http.base_url.port}"
            said = {"cookie": f"{COOKIE}={house.cookie}", "origin": own}
            assert (await house.http.post("/act", headers=said)).is_success
            # No page of another site can add this header without asking us first.
            bearer = {"authorization": "Bearer ada-1", "origin": "https://evil.example"}
            assert (await house.http.post("/act", headers=bearer)).is_success

    run(story())


def test_a_token_sent_over_plain_http_from_another_machine_is_not_used() -> None:
    async def story() -> None:
        async with opened(Plan(url=URL)) as house:
            response = await house.http.post(
                "/session",
                data={"token": "ada-1"},
                headers={"origin": "http://canary.example", "host": "canary.example"},
            )
            assert response.status_code == 400
            assert "travelled unprotected" in response.text
            assert "set-cookie" not in response.headers
            assert house.authority.asked == []

    run(story())


async def answers(requests: list[tuple[str, dict[str, str]]]) -> list[int]:
    """What the demo answers to each."""
    async with visited(served_app(routes(Doorway.open()))) as http:
        return [
            (
                await http.request(method, "/who" if method == "GET" else "/act", headers=headers)
            ).status_code
            for method, headers in requests
        ]


def test_the_demo_lets_this_machine_in_and_no_name_that_points_at_it() -> None:
    async def story() -> None:
        good: list[tuple[str, dict[str, str]]] = [
            ("GET", {}),
            ("GET", {"host": "localhost:8080"}),
            ("GET", {"host": "[::1]:8080"}),
            ("POST", {}),
            ("POST", {"sec-fetch-site": "same-origin"}),
            ("POST", {"host": "localhost:8080", "origin": "http://localhost:8080"}),
        ]
        assert await answers(good) == [200] * len(good)
        bad = [
            ("GET", {"host": "evil.example"}),
            ("GET", {"host": "localhost.evil.example"}),
            ("GET", {"host": "127.0.0.1.evil.example:8080"}),
            ("GET", {"host": "evil@localhost"}),
            ("GET", {"host": "10.0.0.1"}),
            ("GET", {"x-forwarded-for": "127.0.0.1"}),
            ("GET", {"forwarded": "for=127.0.0.1"}),
            ("POST", {"sec-fetch-site": "cross-site"}),
            ("POST", {"sec-fetch-site": "same-site"}),
            ("POST", {"origin": "https://evil.example"}),
            ("POST", {"origin": "http://localhost:3000", "host": "localhost:8080"}),
            ("POST", {"origin": "null"}),
        ]
        assert await answers(bad) == [403] * len(bad)

    run(story())


def test_in_the_demo_everybody_is_the_demo_s_person() -> None:
    async def story() -> None:
        async with visited(served_app(routes(Doorway.open()))) as http:
            assert (await http.get("/who")).json() == {"name": "demo", "via": "the demo"}

    run(story())
