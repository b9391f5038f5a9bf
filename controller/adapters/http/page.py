"""The dashboard: a list of Canaries and a page for each, complete without script, live with it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from controller.adapters.http.kinds import Kind
from controller.adapters.http.pagefiles import add_files
from controller.adapters.http.pagelist import NOTHING, ROWS_MAX, TITLES, Group, rows
from controller.adapters.http.pagelive import release_facts
from controller.adapters.http.pagetemplates import answer
from controller.adapters.http.pagewords import PHASES
from controller.adapters.http.problems import Trouble
from controller.adapters.http.releases import Source
from controller.adapters.http.sight import Calling, Door, may, may_see, sight_of
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.engine.ports import Access, Person, Verb

STREAM: Final = "/api/v1/stream"
SIGN_IN: Final = "/sign-in"
NAME_CHARACTERS_MAX: Final = 253
_UNKNOWN: Final = frozenset({Kind.UNAUTHENTICATED, Kind.SESSION_EXPIRED})
_COMMANDS: Final = (Verb.PROMOTE, Verb.ROLLBACK, Verb.HOLD)


def build_page(
    source: Source,
    door: Door,
    access: Access,
    *,
    note: Callable[[], str] = lambda: "",
    sign_out: bool = True,
) -> APIRouter:
    """A router to be included in the application.

    `note` is said on top of every page; `sign_out` False where nobody signs in (demo).
    """
    router = APIRouter(include_in_schema=False)
    pages = _Pages(source=source, door=door, access=access, note=note, sign_out=sign_out)

    @router.get("/")
    async def several(request: Request) -> Response:
        return await pages.let_in(request, pages.several)

    @router.get("/canaries/{namespace}/{name}")
    async def one(request: Request) -> Response:
        return await pages.let_in(request, pages.one)

    add_files(router)
    return router


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pages:
    source: Source
    door: Door
    access: Access
    note: Callable[[], str]
    sign_out: bool

    async def let_in(self, request: Request, page: Callable[[Request, Calling], Any]) -> Response:
        """The page for whoever may see it; whoever is not known is sent to sign in."""
        person: Person | None = None
        try:
            calling = await self.door.caller(request)
            person = calling.person
            response: Response = await page(request, calling)
        except Trouble as trouble:
            if trouble.kind not in _UNKNOWN:
                return self._trouble(trouble, person)
            asked = quote(request.url.path + (f"?{q}" if (q := request.url.query) else ""))
            return RedirectResponse(f"{SIGN_IN}?next={asked}", HTTPStatus.SEE_OTHER)
        return response

    async def several(self, request: Request, calling: Calling) -> Response:
        """The list, of what this person may see."""
        releases, person = self.source(), calling.person
        sight = await sight_of(self.access, person, releases.refs())
        seen = [ref for ref in releases.refs() if sight.shows(ref)]
        namespace, phase = _filter(request.query_params)
        made = rows(releases, (r for r in seen if namespace in {"", r.namespace}), phase)
        shown = made[:ROWS_MAX]
        only = {"namespace": namespace} if namespace else {}
        return self._answer(
            "list.html",
            person=person,
            groups=[(g, TITLES[g], NOTHING[g], [r for r in shown if r.group is g]) for g in Group],
            counts={g.value: sum(r.group is g for r in made) for g in Group},
            more=len(made) - len(shown),
            none_at_all=not seen,
            namespaces=sorted({r.namespace for r in seen} | set(filter(None, [namespace]))),
            namespace=namespace,
            phases=[(p.value, PHASES[p][2]) for p in Phase],
            phase=phase,
            stream=f"{STREAM}?{urlencode(only | {'form': 'html'})}",
            at=releases.now(),
        )

    async def one(self, request: Request, calling: Calling) -> Response:
        """The page of one release."""
        ref = Ref(request.path_params["namespace"], request.path_params["name"])
        person = calling.person
        await may_see(self.access, person, ref)
        releases = self.source()
        rights = await self._rights(person, ref)
        facts = release_facts(releases, ref, rights)
        if facts is None:
            return self._missing(person, ref)
        only = {"namespace": ref.namespace, "name": ref.name, "form": "html"}
        return self._answer(
            "release.html",
            person=person,
            may=" ".join(sorted(verb.value for verb in rights)),
            stream=f"{STREAM}?{urlencode(only)}",
            **facts,
        )

    async def _rights(self, person: Person, ref: Ref) -> frozenset[Verb]:
        said = await asyncio.gather(*(may(self.access, person, v, ref) for v in _COMMANDS))
        return frozenset(verb for verb, yes in zip(_COMMANDS, said, strict=True) if yes)

    def _missing(self, person: Person, ref: Ref) -> Response:
        title = f"There is no Canary {ref}"
        said = "It was deleted, the address is misspelt, or you may not see it."
        return self._problem(HTTPStatus.NOT_FOUND, title, said, person)

    def _trouble(self, trouble: Trouble, person: Person | None) -> Response:
        title = {
            Kind.NOT_FOUND: "There is nothing here for you to see",
            Kind.FORBIDDEN: "You may not see this",
            Kind.TOO_MANY: "Too many attempts",
            Kind.UNAVAILABLE: "The cluster does not answer",
            Kind.OVERLOADED: "Too much is asked at once",
        }.get(trouble.kind, "This cannot be shown")
        page = self._problem(trouble.status_code, title, str(trouble.detail), person)
        page.headers.update(trouble.headers or {})
        return page

    def _problem(self, code: int, title: str, said: str, person: Person | None) -> Response:
        return self._answer("problem.html", code, person=person, title=title, said=said)

    def _answer(self, template: str, code: int = HTTPStatus.OK, **facts: Any) -> Response:
        return answer(template, code, note=self.note(), sign_out=self.sign_out, **facts)


def _filter(query: Mapping[str, str]) -> tuple[str, str]:
    """The namespace and the phase that were asked for; what is no phase filters nothing."""
    namespace = query.get("namespace", "")[:NAME_CHARACTERS_MAX]
    phase = query.get("phase", "")
    return namespace, phase if phase in {p.value for p in Phase} else ""
