"""The dashboard on the real thing: a person signs in with a token, and promotes from the page."""

from playwright.sync_api import Browser, expect

from tests.browser.chromium import Window, window
from tests.browser.conftest import browser, desk
from tests.e2e.house import House

__all__ = ["browser", "desk"]


def sign_in(opened: Window, house: House, account: str) -> None:
    """From the page that one wanted, over the form, and back to it."""
    page = opened.page
    page.goto(f"{house.stage.controller.url}/canaries/{house.namespace}/exam")
    page.get_by_label("Token").fill(house.token(account))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("● live").wait_for()


def test_an_operator_signs_in_and_promotes_from_the_page(house: House, desk: Window) -> None:
    house.hold()
    sign_in(desk, house, "operator")
    page = desk.page
    assert page.url.endswith(f"/canaries/{house.namespace}/exam")
    (cookie,) = page.context.cookies()
    assert cookie["name"].startswith("__Host-")
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert page.evaluate("document.cookie") == ""
    page.locator("#actions").get_by_role("button", name="Promote", exact=True).click()
    question = page.get_by_role("dialog")
    page.get_by_label("Reason").fill("looks good")
    page.locator("#confirm-do").click()
    expect(question).to_contain_text("✓ Taken")
    house.wait_step(2)
    command = house.stage.status["commands"][-1]
    assert command["by"] == house.user("operator")
    assert command["via"].startswith("dashboard from 127.")
    assert command["reason"] == "looks good"


def test_a_viewer_sees_why_nothing_can_be_done(house: House, desk: Window) -> None:
    house.hold()
    sign_in(desk, house, "viewer")
    promote = desk.page.locator("#do-promote")
    expect(promote).to_have_attribute("aria-disabled", "true")
    desk.check_access("the page of a viewer")


def test_a_session_ends_with_its_token(house: House, browser: Browser) -> None:
    house.hold()
    house.account("leaver", "canary-viewer")
    with window(browser) as opened:
        sign_in(opened, house, "leaver")
        house.world.api.delete("ServiceAccount", "leaver", house.namespace)
        opened.page.get_by_text("signed out").wait_for(timeout=90_000)
        opened.page.get_by_role("link", name="Sign in again").click()
        opened.page.get_by_label("Token").wait_for()
        opened.wrong.clear()  # Being refused is said on the console, and is what was asked for.
