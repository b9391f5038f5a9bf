"""A browser for each module, a window for each test. Without a browser they are left out."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import WAIT_MS, NoBrowser, Window, chromium, executable, window

# A page that was cut off tries again after a few seconds.
expect.set_options(timeout=WAIT_MS)


# Not for the session: while it is open, no other test of this thread can run a loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        executable()
    except NoBrowser as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    with chromium() as opened:
        yield opened


@pytest.fixture
def desk(browser: Browser) -> Iterator[Window]:
    """A window on a desk."""
    with window(browser) as opened:
        yield opened
