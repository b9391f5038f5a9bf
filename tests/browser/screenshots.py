"""Take the pictures of the documentation: `python -m tests.browser.screenshots [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page

from controller.domain.lifecycle import Phase
from tests.browser.chromium import DESKTOP, PHONE, chromium, window
from tests.browser.house import house, many
from tests.demo.stage import playing

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
PATH: Final = "/canaries/exams/exam-api"
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "desktop": {"viewport": DESKTOP},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "device_scale_factor": 2},
}
# A phone's page is long: what comes first is what matters.
TALL_MAX: Final = {"desktop": 4_000, "dark": 4_000, "phone": 1_500}
SETTLED_MS: Final = 1_000


def take(browser: Browser, folder: Path) -> None:
    """All of them."""
    with house(many) as built:
        for look in LOOKS:
            _shoot(browser, look, built.address, folder / f"list-{look}.png")
    with playing(speed=30.0) as stage:
        stage.push("v43")
        stage.wait_for(Phase.HOLDING, release="v43")
        for look in LOOKS:
            _shoot(browser, look, stage.address + PATH, folder / f"held-{look}.png")
        _shoot(browser, "desktop", stage.address + PATH, folder / "question-desktop.png", _ask)
    with playing(speed=30.0) as stage:
        stage.push("v42")
        stage.wait_for(Phase.ROLLED_BACK, release="v42")
        for look in LOOKS:
            _shoot(browser, look, stage.address + PATH, folder / f"rolled-back-{look}.png")


def _ask(page: Page) -> None:
    page.locator("#do-rollback").click()


def _shoot(
    browser: Browser, look: str, address: str, file: Path, before: Any = lambda _page: None
) -> None:
    wishes = {"reduced_motion": "reduce", "timezone_id": "UTC", "locale": "en-GB"}
    with window(browser, **wishes, **LOOKS[look]) as seen:
        page = seen.see(address)
        before(page)
        page.wait_for_timeout(SETTLED_MS)
        whole = page.evaluate("document.documentElement.scrollHeight")
        wide = LOOKS[look]["viewport"]["width"]
        tall = page.viewport_size["height"] if before is _ask else min(whole, TALL_MAX[look])
        page.set_viewport_size({"width": wide, "height": tall})
        page.wait_for_timeout(SETTLED_MS)
        page.screenshot(path=file)


if __name__ == "__main__":
    to = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    to.mkdir(parents=True, exist_ok=True)
    with chromium() as opened:
        take(opened, to)
    print(*sorted(path.name for path in to.glob("*.png")), sep="\n")
