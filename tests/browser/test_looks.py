"""Every page in light, dark and on a phone: usable by everybody, nothing out of place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from controller.domain.lifecycle import Phase
from tests.browser.chromium import DESKTOP, PHONE, Window, window
from tests.browser.house import House, house, many
from tests.demo.stage import Stage, playing

PATH = "/canaries/exams/exam-api"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESKTOP},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "has_touch": True, "is_mobile": True},
    "dark phone": {"viewport": PHONE, "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def full() -> Iterator[House]:
    """Canaries in every mood."""
    with house(many) as built:
        yield built


@pytest.fixture(scope="module")
def ended() -> Iterator[Stage]:
    """A release that crashed and was rolled back, after one that a person promoted."""
    with playing(speed=60.0) as stage:
        stage.push("v42")
        stage.wait_for(Phase.ROLLED_BACK, release="v42")
        yield stage


@pytest.fixture(params=LOOKS)
def seen(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Window]:
    with window(browser, reduced_motion="reduce", **LOOKS[request.param]) as opened:
        yield opened


def check(seen: Window, what: str) -> None:
    seen.check_access(what)
    seen.check_width(what)


def test_the_list_is_usable_by_everybody(seen: Window, full: House) -> None:
    seen.see(full.address)
    check(seen, "the list")


def test_a_release_is_usable_by_everybody(seen: Window, full: House) -> None:
    page = seen.see(full.address + PATH)
    _open_all(page)
    check(seen, "a release")
    page.locator("#do-rollback").click()
    check(seen, "the question")


def test_a_release_that_ended_is_usable_by_everybody(seen: Window, ended: Stage) -> None:
    page = seen.see(ended.address + PATH)
    _open_all(page)
    page.locator("#plot-evidence canvas").wait_for()
    check(seen, "a release that ended")


def test_what_is_not_there_is_usable_by_everybody(seen: Window, full: House) -> None:
    answer = seen.page.goto(full.address + "/canaries/no/such")
    assert answer is not None
    assert answer.status == 404
    check(seen, "no such page")
    seen.wrong = [said for said in seen.wrong if "404" not in said]


def test_the_description_of_the_api_is_usable_by_everybody(seen: Window, full: House) -> None:
    seen.page.goto(full.address + "/docs")
    check(seen, "the description of the API")


def test_the_way_in_is_usable_by_everybody(seen: Window) -> None:
    with house(signing=True) as built:
        seen.page.goto(built.address)
        check(seen, "the sign-in")
        seen.page.get_by_label("Token").fill("nonsense")
        seen.page.get_by_role("button", name="Sign in").click()
        seen.page.get_by_role("alert").wait_for()
        check(seen, "a refused sign-in")
    seen.wrong = [said for said in seen.wrong if "401" not in said]


def _open_all(page: Page) -> None:
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
