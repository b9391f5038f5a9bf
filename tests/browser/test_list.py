"""The list in a real browser: who is needed is seen at a glance, as it happens."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from controller.domain.lifecycle import Phase
from tests.browser.chromium import PHONE, Window, window
from tests.browser.house import HELD, house, many
from tests.demo.stage import playing


def test_a_release_moves_through_the_list_as_it_happens(desk: Window) -> None:
    with playing(speed=60.0) as stage:
        page = desk.see(stage.address)
        page.evaluate("window.sameAsBefore = true")
        expect(page.locator("#quiet li")).to_have_count(1)
        expect(page.locator("#no-needs")).to_have_text("Nothing waits for anybody.")
        stage.push("v43")
        expect(page.locator("#runs li")).to_have_count(1)
        stage.wait_for(Phase.HOLDING, release="v43")
        line = page.locator("#needs li")
        expect(line).to_contain_text("Promote the canary, roll it back, or resume the comparison.")
        expect(line).to_contain_text("step 3 waits for approval")
        expect(page).to_have_title(re.compile(r"^\(1\) Releases"))
        assert page.evaluate("window.sameAsBefore"), "the page was loaded anew"


def test_what_needs_a_person_comes_first_with_the_reason(desk: Window) -> None:
    with house(many) as built:
        page = desk.see(built.address)
        titles = page.locator("h2").all_inner_texts()
        assert titles == ["Needs a person", "Running", "Quiet"]
        needs = page.locator("#needs li")
        expect(needs).to_have_count(2)
        expect(needs.filter(has_text="grading")).to_contain_text("push another one, or retry it")
        expect(needs.filter(has_text=HELD.name)).to_contain_text("/refund: 0 of 5 requests")
        expect(page.locator("#runs li")).to_have_count(1)
        assert "prices" in page.locator("#quiet li").first.inner_text(), "the newest comes first"


def test_the_list_is_filtered_by_namespace_and_phase(desk: Window) -> None:
    with house(many) as built:
        page = desk.see(built.address)
        page.get_by_label("Namespace").select_option("shop")
        page.get_by_label("Phase").select_option("Promoted")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".line")).to_have_count(4)
        assert "namespace=shop" in page.url
        # What changes into another phase leaves a list of this one.
        shelf = built.ward.shelf
        gone = next(ref for ref in shelf.refs() if ref.name == "checkout")
        page.get_by_text("● live").wait_for()
        built.do(lambda: shelf.copy(gone, phase=Phase.HOLDING, message="Holding"))
        expect(page.locator(".line")).to_have_count(3)
        page.get_by_role("link", name="Show all").click()
        expect(page.locator("#needs li")).to_have_count(3)


def test_a_canary_that_is_deleted_leaves_the_list(desk: Window) -> None:
    with house(many) as built:
        page = desk.see(built.address)
        shelf = built.ward.shelf
        built.do(lambda: shelf.scenes.pop(HELD))
        expect(page.locator("#needs li")).to_have_count(1)
        expect(page.locator("#count-needs")).to_have_text("1")


def test_a_line_that_moves_keeps_the_focus(desk: Window) -> None:
    with playing(speed=60.0) as stage:
        page = desk.see(stage.address)
        page.get_by_role("link", name="exam-api").focus()
        stage.push("v43")
        stage.wait_for(Phase.HOLDING, release="v43")
        expect(page.locator("#needs li")).to_have_count(1)
        expect(page.get_by_role("link", name="exam-api")).to_be_focused()


def test_whoever_sees_nothing_is_told_what_to_do(desk: Window) -> None:
    with house(lambda ward: ward.shelf.scenes.clear()) as built:
        page = desk.see(built.address)
        expect(page.get_by_text("Create one that names a Deployment")).to_be_visible()


def test_the_list_is_complete_without_script(browser: Browser) -> None:
    with house(many) as built, window(browser, java_script_enabled=False, viewport=PHONE) as seen:
        seen.page.goto(built.address)
        expect(seen.page.locator("#needs li")).to_have_count(2)
        expect(seen.page.locator("time").first).to_contain_text("ago")
        seen.page.get_by_label("Phase").select_option("Holding")
        seen.page.get_by_role("button", name="Show").click()
        expect(seen.page.locator(".line")).to_have_count(1)
