"""How pages are made of templates, and the headers that keep them to themselves."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from controller.adapters.http.pagefiles import PACKAGE, file_path
from controller.adapters.http.pagewords import WORDS
from controller.adapters.http.paths import API, DOCS
from controller.engine.ports import Person

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


def answer(
    template: str,
    code: HTTPStatus | int = HTTPStatus.OK,
    *,
    person: Person | None = None,
    **facts: Any,
) -> HTMLResponse:
    """A page. `person` is who is signed in; `facts` are what its template speaks of."""
    text = render(template, **{"person": person, "note": "", "sign_out": True} | facts)
    return HTMLResponse(text, status_code=int(code), headers=dict(HEADERS))


def render(template: str, **facts: Any) -> str:
    """A template with its facts; whatever is in them is text, never markup."""
    return _ENVIRONMENT.get_template(template).render(facts)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(PACKAGE, "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(WORDS)
    environment.globals.update(file=file_path, api=API, docs=DOCS)
    return environment


_ENVIRONMENT: Final = _environment()
