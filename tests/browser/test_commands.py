"""Commands from the page: what they will do is said before, and what came of them after."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from controller.domain.lifecycle import Phase
from controller.engine.ports import Verb
from tests.browser.chromium import Window, window
from tests.browser.house import House, house
from tests.demo.stage import Stage, playing

PATH = "/canaries/exams/exam-api"


@pytest.fixture
def held() -> Iterator[Stage]:
    """A demo whose release waits for a person at its last step."""
    with playing(speed=60.0) as stage:
        stage.push("v43")
        stage.wait_for(Phase.HOLDING, release="v43")
        yield stage


@pytest.fixture
def tried() -> Iterator[House]:
    """A release that is being compared, as long as nobody acts."""
    with house() as built:
        yield built


def press(page: Page, name: str) -> None:
    page.locator("#actions").get_by_role("button", name=name, exact=True).click()


def confirm(page: Page, reason: str = "") -> None:
    page.get_by_label("Reason").fill(reason)
    page.locator("#confirm-do").click()


def posts(page: Page) -> list[Request]:
    """What is sent to change something, as it is sent."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    return sent


def test_a_held_release_is_promoted_from_the_page(held: Stage, desk: Window) -> None:
    page = desk.see(held.address + PATH)
    press(page, "Promote")
    question = page.get_by_role("dialog", name="Promote: exams/exam-api?")
    expect(question).to_contain_text("all 10 pods get revision 2 (exam-api:v43)")
    expect(question).to_contain_text("watched for 40 s")
    confirm(page, "looks good")
    expect(question).to_contain_text("✓ Taken: demo asked for promote")
    question.get_by_role("button", name="Close").click()
    held.wait_for(Phase.PROMOTED, release="v43")
    expect(page.locator("#release")).to_contain_text("✓ promoted")
    record = page.locator("#commands tbody tr").first
    for said in ("promote", "demo", "looks good", "✓ taken"):
        expect(record).to_contain_text(said)
    expect(page.locator("#stages .stage.done")).to_have_count(5)


def test_a_release_is_rolled_back_from_the_page(held: Stage, desk: Window) -> None:
    page = desk.see(held.address + PATH)
    press(page, "Roll back")
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Rolls back to revision 1: all 10 pods")
    expect(question).to_contain_text("its template is quarantined")
    confirm(page, "an exam is on")
    expect(question).to_contain_text("✓ Taken")
    question.get_by_role("button", name="Close").click()
    held.wait_for(Phase.ROLLED_BACK, release="v43")
    expect(page.locator("#release")).to_contain_text("✕ rolled back")
    expect(page.locator("#stages .stage.failed")).to_have_count(1)
    assert held.status.commands[-1].reason == "an exam is on"


def test_pressed_twice_it_is_sent_once(held: Stage, desk: Window) -> None:
    page = desk.see(held.address + PATH)
    sent = posts(page)
    press(page, "Hold")
    page.locator("#confirm-do").dblclick()
    expect(page.get_by_role("dialog")).to_contain_text("✓ Taken")
    assert len(sent) == 1
    body = json.loads(sent[0].post_data or "")
    assert body == {"revision": "v43", "step": 3, "reason": ""}
    assert len(sent[0].headers["idempotency-key"]) > 20


def test_sent_again_after_a_lost_answer_it_is_the_same_command(tried: House, desk: Window) -> None:
    page = desk.see(tried.address + PATH)
    sent = posts(page)
    lost = "**/hold"
    page.route(lost, lambda route: route.abort())
    press(page, "Hold")
    confirm(page)
    expect(page.get_by_role("dialog")).to_contain_text("whether it got the command is not known")
    page.unroute(lost)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("dialog")).to_contain_text("✓ Taken")
    keys = {request.headers["idempotency-key"] for request in sent}
    assert (len(sent), len(keys)) == (2, 1)


def test_a_world_that_moved_on_is_told_before_anything_is_sent(held: Stage, desk: Window) -> None:
    page = desk.see(held.address + PATH)
    press(page, "Promote")
    held.push("v44")
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("The release has moved on meanwhile")
    expect(page.locator("#confirm-do")).to_be_disabled()
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_be_hidden()


def test_a_conflict_says_what_is_there_now(held: Stage, browser: Browser, desk: Window) -> None:
    page = desk.page
    # A page that hears of nothing: what it shows is old, and it does not know.
    page.route("**/api/v1/stream**", lambda route: route.abort())
    page.goto(held.address + PATH)
    press(page, "Promote")
    with window(browser) as other:
        hers = other.see(held.address + PATH)
        press(hers, "Roll back")
        confirm(hers, "no")
        expect(hers.get_by_role("dialog")).to_contain_text("✓ Taken")
    page.route("**" + PATH, lambda route: route.abort())
    page.evaluate("document.getElementById('confirm-do').disabled = false")
    page.locator("#confirm-do").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("✕ Nothing was done: promote is not possible while")
    desk.wrong = [said for said in desk.wrong if "409" not in said]


def test_what_may_not_be_done_says_whom_to_ask(desk: Window) -> None:
    with house(lambda ward: ward.rights.forbidden.add((Verb.PROMOTE, "exams"))) as built:
        page = desk.see(built.address + PATH)
        button = page.locator("#do-promote")
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_attribute(
            "title", "you may not: ask an administrator for the verb promote on canaries in exams"
        )
        button.click(force=True)
        expect(page.get_by_role("dialog")).to_be_hidden()
        # Painted anew for everybody, it still is what this person may.
        built.do(lambda: built.ward.shelf.look(built.ward.table, 1))
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(page.locator("#why-not-promote")).to_contain_text("Not possible: you may not")


def test_a_right_that_was_taken_away_is_told_by_the_server(tried: House, desk: Window) -> None:
    page = desk.see(tried.address + PATH)
    tried.do(lambda: tried.ward.rights.forbidden.add((Verb.ROLLBACK, "exams")))
    press(page, "Roll back")
    confirm(page)
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("✕ You may not: ada may not rollback exams/exam-api: ask")
    expect(question).to_contain_text("ClusterRole canary-operator")
    desk.wrong = [said for said in desk.wrong if "403" not in said]


def test_it_can_all_be_done_by_keyboard(held: Stage, desk: Window) -> None:
    page = desk.see(held.address + "/")
    keys = page.keyboard

    def tab_to(target: str) -> None:
        for _ in range(30):
            keys.press("Tab")
            if page.evaluate("id => document.activeElement.id === id", target):
                return
        raise AssertionError(f"the keyboard does not reach {target}")

    tab_to("to.exams.exam-api")
    keys.press("Enter")
    page.get_by_text("● live").wait_for()
    tab_to("do-rollback")
    keys.press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#do-rollback")).to_be_focused()
    keys.press("Enter")
    keys.type("by hand")
    tab_to("confirm-do")
    keys.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("✓ Taken")
    expect(page.locator("#confirm-cancel")).to_be_focused()
    keys.press("Enter")
    held.wait_for(Phase.ROLLED_BACK)
    assert held.status.commands[-1].reason == "by hand"


def test_a_command_that_waits_is_shown_to_all(tried: House, desk: Window) -> None:
    page = desk.see(tried.address + PATH)
    tried.ward.lazy = True
    press(page, "Hold")
    confirm(page, "the exam begins")
    expect(page.get_by_role("dialog")).to_contain_text("… Waiting")
    page.locator("#confirm-cancel").click()
    expect(page.locator("#release")).to_contain_text("ada asked for hold (the exam begins)")
    tried.do(tried.ward.act)
    expect(page.locator("#release")).to_contain_text("‖ waiting for a person")
