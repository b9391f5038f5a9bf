"""A release's page stays true by itself, says when it cannot, and disturbs nobody who reads it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page, expect

from controller.domain.lifecycle import Phase
from tests.browser.chromium import WAIT_MS, Window, window
from tests.browser.house import house
from tests.demo.stage import Stage, playing

PATH = "/canaries/exams/exam-api"


def test_a_bad_release_is_seen_from_its_push_to_its_end(desk: Window) -> None:
    with playing(speed=30.0) as stage:
        page = desk.see(stage.address + PATH)
        page.evaluate("window.sameAsBefore = true")
        expect(page.locator("#stages h2")).to_have_text("Steps of the next release")
        stage.push("v42")
        expect(page.locator("#plot-evidence canvas")).to_be_visible()
        stage.wait_for(Phase.ROLLED_BACK, release="v42")
        expect(page.locator("#release")).to_contain_text("✕ rolled back")
        expect(page.locator("#crashes pre").first).to_be_visible()
        expect(page.locator("#crashes")).to_contain_text("ended with exit code")
        expect(page.locator("#history")).to_contain_text("exam-api:v42")
        expect(page.locator("#timeline")).to_contain_text("wrote the template of")
        expect(page.locator("#plot-evidence")).to_have_attribute("role", "img")
        assert page.evaluate("window.sameAsBefore"), "the page was loaded anew"


def test_all_that_a_picture_shows_is_in_a_table(desk: Window) -> None:
    with playing(speed=60.0) as stage:
        stage.push("v43")
        stage.wait_for(Phase.HOLDING, release="v43")
        page = desk.see(stage.address + PATH)
        for chart, column in (("rate", "Canary's range"), ("evidence", "Threshold")):
            page.locator(f"#data-{chart} summary").click()
            table = page.locator(f"#data-{chart} table")
            expect(table.get_by_role("columnheader", name=column)).to_be_visible()
            assert table.locator("tbody tr").count() > 3
        label = page.locator("#plot-rate").get_attribute("aria-label") or ""
        assert "at last canary" in label


def test_whoever_reads_is_not_disturbed(desk: Window) -> None:
    with playing(speed=20.0) as stage:
        stage.push("v43")
        stage.wait_for(Phase.ANALYSING, release="v43")
        page = desk.see(stage.address + PATH)
        page.locator("#data-rate summary").click()
        page.locator("#why-not summary").click()
        page.locator("#do-hold").focus()
        page.evaluate("document.getElementById('findings').scrollIntoView()")
        page.evaluate("getSelection().selectAllChildren(document.querySelector('#pods h2'))")
        top = "document.getElementById('findings').getBoundingClientRect().top"
        before = page.evaluate(top)
        told = _updates(page)
        _until(page, "window.updates > 3")
        assert told == 0
        assert page.evaluate("document.activeElement.id") == "do-hold"
        assert page.evaluate("getSelection().toString()") == "Pods"
        assert page.locator("#data-rate").get_attribute("open") is not None
        assert page.locator("#why-not").get_attribute("open") is not None
        assert abs(page.evaluate(top) - before) < 10, "it jumped"


def _updates(page: Page) -> int:
    """Begin to count how often the course of the release changes."""
    begun: int = page.evaluate(
        """() => {
          window.updates = 0;
          new MutationObserver(() => { window.updates += 1; }).observe(
            document.getElementById("plot-rate"), { attributeFilter: ["data-course"] });
          return window.updates;
        }"""
    )
    return begun


def _until(page: Page, holds: str) -> None:
    """The browser's own way of waiting is forbidden by the page's policy."""
    for _ in range(WAIT_MS // 50):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"it never holds that {holds}")


def test_what_is_marked_waits_until_it_is_let_go(desk: Window) -> None:
    with house() as built:
        page = desk.see(built.address + PATH)
        sentence = page.locator("#sentence")
        was = sentence.inner_text()
        page.evaluate("getSelection().selectAllChildren(document.getElementById('sentence'))")
        shelf, ref = built.ward.shelf, built.ward.shelf.refs()[0]
        built.do(lambda: shelf.copy(ref, message="something else", verdict="Worse"))
        expect(page.locator("#release .facts")).to_contain_text("✕ worse")
        assert sentence.inner_text() == was
        page.evaluate("getSelection().removeAllRanges()")
        expect(sentence).to_have_text("something else")


def test_a_server_that_is_away_is_told_and_found_again(desk: Window) -> None:
    with playing(speed=60.0) as stage:
        page = desk.see(stage.address + PATH)
        stage.stop_server()
        cut = page.locator("#cut")
        expect(cut).to_contain_text("The connection is cut: what you see is as it was at")
        expect(page.locator("#connection")).to_contain_text("✕ cut off since")
        stage.push("v43")
        stage.wait_for(Phase.HOLDING, release="v43")
        stage.start_server()
        expect(page.locator("#connection")).to_have_text("● live")
        expect(cut).to_be_hidden()
        expect(page.locator("#release")).to_contain_text("‖ waiting for a person")


def test_the_list_finds_the_server_again(desk: Window) -> None:
    with playing(speed=60.0) as stage:
        page = desk.see(stage.address)
        stage.stop_server()
        expect(page.locator("#connection")).to_contain_text("✕ cut off since")
        stage.push("v43")
        stage.wait_for(Phase.HOLDING, release="v43")
        stage.start_server()
        expect(page.locator("#connection")).to_have_text("● live")
        expect(page.locator("#needs li")).to_have_count(1)


def test_a_session_that_is_over_leads_to_the_sign_in(desk: Window) -> None:
    with house() as built:
        page = desk.see(built.address + PATH)
        built.door.closed = True
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator("#cut")).to_contain_text("Your session is over")
        link = page.get_by_role("link", name="Sign in again")
        expect(link).to_have_attribute("href", "/sign-in?next=%2Fcanaries%2Fexams%2Fexam-api")


def test_a_canary_that_is_deleted_says_so(desk: Window) -> None:
    with house() as built:
        page = desk.see(built.address + PATH)
        built.do(built.ward.shelf.scenes.clear)
        expect(page.locator("#gone")).to_be_visible()
        expect(page.locator("#actions")).to_have_count(0)


def test_times_are_the_readers_and_the_title_is_utc(browser: Browser) -> None:
    with house() as built, window(browser, timezone_id="Asia/Tokyo", locale="en-GB") as seen:
        page = seen.see(built.address + PATH)
        moment = page.locator("#timeline time").last
        at = datetime.fromisoformat(moment.get_attribute("datetime") or "")
        expect(moment).to_have_text(f"{at.astimezone(ZoneInfo('Asia/Tokyo')):%H:%M:%S}")
        assert moment.get_attribute("title") == f"{at:%Y-%m-%d %H:%M:%S} UTC"


def test_a_release_is_complete_without_script(browser: Browser) -> None:
    with playing(speed=60.0) as stage, window(browser, java_script_enabled=False) as seen:
        stage.push("v43")
        stage.wait_for(Phase.HOLDING, release="v43")
        page = _opened(seen, stage)
        for said in ("Steps", "Pods", "How it went", "What was compared", "What was decided"):
            expect(page.get_by_role("heading", name=said, exact=True)).to_be_visible()
        assert "kubectl canary promote|rollback" in page.locator("#release").inner_text()
        page.locator("#data-evidence summary").click()
        expect(page.locator("#data-evidence table")).to_be_visible()


def _opened(seen: Window, stage: Stage) -> Page:
    seen.page.goto(stage.address + PATH)
    return seen.page
