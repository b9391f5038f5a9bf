"""Signing in and out with a real browser: in with a token, back to where one wanted to go."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.chromium import Window
from tests.browser.house import TOKEN, House, house

PATH = "/canaries/exams/exam-api"


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def enter(page: Page, built: House) -> None:
    page.goto(built.address + PATH)
    sign_in(page, TOKEN)
    page.get_by_text("● live").wait_for()


def test_a_token_leads_to_where_one_wanted_to_go(desk: Window) -> None:
    with house(signing=True) as built:
        page = desk.page
        page.goto(built.address + PATH)
        expect(page).to_have_title("Sign in · canary-controller")
        sign_in(page, "wrong")
        expect(page.get_by_role("alert")).to_be_visible()
        sign_in(page, TOKEN)
        page.get_by_text("● live").wait_for()
        assert page.url == built.address + PATH
        expect(page.locator(".person")).to_have_text("ada")
        cookies = page.context.cookies()
        assert [(c["httpOnly"], c["secure"], c["sameSite"]) for c in cookies] == [
            (True, True, "Strict")
        ]
        assert page.evaluate("document.cookie") == ""
    desk.wrong = [said for said in desk.wrong if "401" not in said]


def test_who_did_it_and_from_where_is_on_record(desk: Window) -> None:
    with house(signing=True) as built:
        page = desk.page
        enter(page, built)
        page.locator("#do-hold").click()
        page.get_by_label("Reason").fill("an exam is on")
        page.locator("#confirm-do").click()
        expect(page.get_by_role("dialog")).to_contain_text("✓ Taken")
        page.get_by_role("button", name="Close").click()
        record = page.locator("#commands tbody tr").first
        for said in ("hold", "ada", "dashboard from 127.0.0.1", "an exam is on"):
            expect(record).to_contain_text(said)


def test_after_signing_out_nothing_is_shown(desk: Window) -> None:
    with house(signing=True) as built:
        page = desk.page
        enter(page, built)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()
        page.goto(built.address + PATH)
        expect(page.get_by_label("Token")).to_be_visible()


def test_a_session_that_ends_is_told_on_the_open_page(desk: Window) -> None:
    with house(signing=True) as built:
        page = desk.page
        enter(page, built)
        built.ward.rights.persons.clear()
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator("#cut")).to_contain_text("Your session is over")
        built.ward.rights.persons[TOKEN] = built.person
        page.get_by_role("link", name="Sign in again").click()
        sign_in(page, TOKEN)
        page.get_by_text("● live").wait_for()
        assert page.url == built.address + PATH
    desk.wrong = [said for said in desk.wrong if "401" not in said]
