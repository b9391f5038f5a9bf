"""Signing in and out in a real browser: cookies, links from elsewhere, forms of other sites."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from controller.adapters.http.page import build_page
from controller.adapters.http.sessions import COOKIE
from tests.adapters.http.bookshelf import watching
from tests.adapters.http.gatehouse import House, Plan, opened
from tests.browser.chromium import PHONE, WAIT_MS

WAIT_SECONDS: Final = 20.0
RELEASE: Final = "/canaries/exams/exam-api"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A service whose door is locked, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="house", daemon=True)
    thread.start()
    stack = AsyncExitStack()
    shelf, _ = watching()
    plan = Plan(pages=lambda door, access: build_page(lambda: shelf, door, access))
    plan.authority.grant("ada", "get", "promote")

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(WAIT_SECONDS)

    try:
        yield run(stack.enter_async_context(opened(plan)))
    finally:
        run(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()


@pytest.fixture(params=["script", "no script"])
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """Browsers with and without script: signing in needs none."""
    made = browser.new_context(java_script_enabled=request.param == "script")
    made.set_default_timeout(WAIT_MS)
    yield made
    made.close()


def address(house: House, path: str = "/") -> str:
    return str(house.http.base_url.join(path))


def sign_in(page: Page, token: str = "ada-1") -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_person_signs_in_gets_where_they_wanted_and_signs_out(
    house: House, context: BrowserContext
) -> None:
    page, asked = context.new_page(), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address(house, RELEASE))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    sign_in(page, "a-guess")
    expect(page.get_by_role("alert")).to_contain_text("does not take this token")
    sign_in(page)
    expect(page).to_have_url(address(house, RELEASE))
    (cookie,) = context.cookies()
    assert cookie["name"] == COOKIE
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status").filter(has_text="You are signed out.")).to_be_visible()
    assert context.cookies() == []
    page.goto(address(house))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert not [url for url in asked if "ada-1" in url or "a-guess" in url]


def test_a_link_in_a_message_finds_the_session(house: House, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(address(house, "/sign-in"))
    sign_in(page)
    expect(page).to_have_url(address(house))
    message = context.new_page()
    message.set_content(f'<a href="{address(house, RELEASE)}">Look at it</a>')
    message.get_by_text("Look at it").click()
    expect(message).to_have_url(address(house, RELEASE))


def test_a_form_of_another_site_signs_nobody_out_or_in(
    house: House, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(address(house, "/sign-in"))
    sign_in(page)
    expect(page).to_have_url(address(house))
    elsewhere = context.new_page()
    for path in ("/session/end", "/session", "/act"):
        elsewhere.set_content(
            f'<form method="post" action="{address(house, path)}">'
            '<input type="hidden" name="token" value="eve-1"><button>Win</button></form>'
        )
        with elsewhere.expect_response(address(house, path)) as answered:
            elsewhere.get_by_role("button").click()
        assert answered.value.status in {401, 403}
        elsewhere.goto("about:blank")
    page.reload()
    expect(page.get_by_text("ada", exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_page_is_for_everybody(house: House, browser: Browser, scheme: Any) -> None:
    context = browser.new_context(viewport=PHONE, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address(house, "/sign-in"))
    sign_in(page, "a-guess")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Token")).to_be_focused()
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found] == []
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
    context.close()
