"""The documentation page: the API's own description as plain HTML, served without any script."""

import json
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from controller.adapters.http.answers import kept
from controller.adapters.http.docs_words import Reader, inline, prose
from controller.adapters.http.kinds import ABOUT, Kind
from controller.adapters.http.pagetemplates import HEADERS, render
from controller.adapters.http.paths import DOCS, OPENAPI
from controller.adapters.http.problems import example

AUDIENCE: Final = "canary-controller"
# It says nothing of the cluster, and changes with the next version of the service only.
_CACHE: Final = {"cache-control": "no-cache"}


def build_docs(audience: str = AUDIENCE) -> APIRouter:
    """A router to be included in the application; `audience` is whom tokens are made for.

    Open to everybody, as the description is: both tell of the product, nothing of the cluster; and
    whoever was refused finds out here how to be let in.
    """
    router = APIRouter(include_in_schema=False)
    made: list[tuple[dict[str, Any], bytes]] = []

    @router.get(DOCS)
    async def docs(request: Request) -> Response:
        described = request.app.openapi()
        if not made or made[-1][0] is not described:
            made[:] = [(described, _page(described, audience).encode())]
        headers = {**HEADERS, **_CACHE}
        return kept(request, made[-1][1], media_type="text/html", headers=headers)

    return router


def _page(described: dict[str, Any], audience: str) -> str:
    reader = Reader(described)
    info = described["info"]
    return render(
        "docs.html",
        person=None,
        note="",
        sign_out=False,
        title=info["title"],
        version=info["version"],
        summary=info["summary"],
        about=prose(info["description"]),
        openapi=OPENAPI,
        audience=audience,
        sections=tuple(reader.sections()),
        shapes=tuple(reader.shapes()),
        problems=tuple(
            {
                "name": kind.value,
                "title": ABOUT[kind].title,
                "status": int(ABOUT[kind].status),
                "meaning": inline(_sentence(ABOUT[kind].meaning)),
                "remedy": inline(ABOUT[kind].remedy),
                "example": json.dumps(example(kind), indent=2, ensure_ascii=False),
            }
            for kind in Kind
        ),
    )


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}"
