"""The status page: plain HTML that is complete without script, and kept fresh with a little."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from importlib import resources
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from controller.adapters.http.pagewords import WORDS
from controller.adapters.http.portrait import API, glance, portrait
from controller.adapters.http.releases import Releases, Source
from controller.adapters.http.shapes import GlanceShape
from controller.domain.lifecycle import AT_REST
from controller.domain.records import Ref
from controller.domain.wording import duration

PACKAGE: Final = "controller.adapters.http"
FILES: Final = {"status.css": "text/css", "status.mjs": "text/javascript"}
ROWS_MAX: Final = 200

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def build_page(source: Source, note: Callable[[], str] = lambda: "") -> APIRouter:
    """A router to be included in the application. `note` is said on top of every page."""
    router = APIRouter(include_in_schema=False)
    page = _Page(source, note, _template())

    @router.api_route("/", methods=["GET", "HEAD"])
    async def first() -> Response:
        return page.answer(None)

    @router.api_route("/canaries/{namespace}/{name}", methods=["GET", "HEAD"])
    async def one(namespace: str, name: str) -> Response:
        return page.answer(Ref(namespace, name))

    for name, media_type in FILES.items():
        _add_file(router, name, media_type)
    return router


@dataclass(frozen=True, slots=True)
class _Page:
    source: Source
    note: Callable[[], str]
    template: Template

    def answer(self, asked: Ref | None) -> HTMLResponse:
        """The page of one Canary; without a name, of the one with most news."""
        releases = self.source()
        glances = _sorted(releases)
        ref = asked or (Ref(glances[0].namespace, glances[0].name) if glances else None)
        one = portrait(releases, ref) if ref is not None else None
        now = releases.now()
        text = self.template.render(
            one=one,
            missing="" if one or asked is None else str(asked),
            glances=glances[:ROWS_MAX],
            list_first=asked is None and len(glances) > 1,
            more=max(0, len(glances) - ROWS_MAX),
            at=now,
            note=self.note(),
            api=API,
            ago=lambda at: duration(max(now - at, now - now)),
        )
        code = HTTPStatus.OK if one or asked is None else HTTPStatus.NOT_FOUND
        return HTMLResponse(text, status_code=code, headers=HEADERS)


def _sorted(releases: Releases) -> list[GlanceShape]:
    """Releases that run first, then what changed last."""
    scenes = (releases.scene(ref) for ref in sorted(releases.refs()))
    glances = [glance(scene) for scene in scenes if scene is not None]
    glances.sort(key=lambda g: (g.phase in AT_REST, -_seconds(g.since)))
    return glances


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader(PACKAGE, "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(WORDS)
    return environment.get_template("status.html")


def _add_file(router: APIRouter, name: str, media_type: str) -> None:
    content = resources.files(PACKAGE).joinpath("pages", name).read_bytes()
    headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}

    @router.get(f"/pages/{name}")
    async def file() -> Response:
        return Response(content, media_type=media_type, headers=headers)
