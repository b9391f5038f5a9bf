"""The browser of these tests: Debian's Chromium, which speaks to this machine only."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
WAIT_MS: Final = 20_000
DESKTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 360, "height": 740}
# What a page may say when its stream is cut: the network's own words, not an error of ours.
_NETWORK: Final = "Failed to load resource: net::"
_NOT_YET: Final = "status of 404"


class NoBrowser(Exception):
    """There is none; the message says how to get one."""


def executable() -> str:
    """Where Chromium is. Raises NoBrowser."""
    given = os.environ.get("CHROMIUM")
    found = given or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        raise NoBrowser(
            "there is no Chromium: .ci/browser installs it, or set CHROMIUM to its path"
        )
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser within the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Window:
    """A window of its own, and whatever went wrong in it."""

    page: Page
    wrong: list[str] = field(default_factory=list)

    def see(self, address: str) -> Page:
        """Open a page, and wait until it is live."""
        self.page.goto(address)
        self.page.get_by_text("● live").wait_for()
        return self.page

    def check_access(self, what: str) -> None:
        """That axe finds nothing to complain about."""
        found = Axe().run(self.page).response["violations"]
        said = [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
        assert said == [], f"{what}: {said}"

    def check_width(self, what: str) -> None:
        """That nothing has to be scrolled sideways."""
        wide, seen = self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= seen, f"{what} is {wide} px wide where {seen} px are seen"


@contextmanager
def window(browser: Browser, **wishes: Any) -> Iterator[Window]:
    """A window that may load from this machine only; at its end nothing may have gone wrong."""
    options: dict[str, Any] = {"viewport": DESKTOP, "color_scheme": "light"} | wishes
    context = browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    opened = Window(page)

    def said(message: ConsoleMessage) -> None:
        url = str(message.location.get("url", ""))
        # A command that was just written down is asked for before a look has seen it.
        early = _NOT_YET in message.text and "/commands/" in url
        if message.type == "error" and not message.text.startswith(_NETWORK) and not early:
            opened.wrong.append(f"{message.text} ({url})")

    page.on("console", said)
    page.on("pageerror", lambda error: opened.wrong.append(str(error)))
    page.on("request", lambda request: _stays_here(request.url, opened))
    yield opened
    context.close()
    assert opened.wrong == [], opened.wrong


def _stays_here(url: str, opened: Window) -> None:
    if urlsplit(url).hostname not in {"127.0.0.1", None}:
        opened.wrong.append(f"asks for {url}")
