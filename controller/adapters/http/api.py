"""The REST read API: every Canary, and everything that is known of one."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Path, Query, Response

from controller.adapters.http.examples import CANARY, LIST
from controller.adapters.http.portrait import API, glance, portrait
from controller.adapters.http.problems import documented
from controller.adapters.http.releases import Releases, Source
from controller.adapters.http.shapes import CanaryShape, PageShape
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.domain.snapshot import Scene

PAGE_SIZE: Final = 100
PAGE_SIZE_MAX: Final = 500
# Kubernetes takes no longer names.
NAME_CHARACTERS_MAX: Final = 253
CURSOR_CHARACTERS_MAX: Final = 2 * NAME_CHARACTERS_MAX + 1

Name = Annotated[str, Path(max_length=NAME_CHARACTERS_MAX)]


def build_api(source: Source) -> APIRouter:
    """A router to be included in the application, for what may read all releases."""
    router = APIRouter(prefix=API, tags=["canaries"])

    @router.get("", responses=_documented(LIST, HTTPStatus.UNPROCESSABLE_ENTITY))
    async def list_canaries(
        response: Response,
        namespace: Annotated[
            str | None, Query(description="only of this one", max_length=NAME_CHARACTERS_MAX)
        ] = None,
        phase: Annotated[
            list[Phase] | None, Query(description="only in one of these; may be repeated")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[
            str, Query(description="`next` of the page before", max_length=CURSOR_CHARACTERS_MAX)
        ] = "",
    ) -> PageShape:
        """Every Canary in a line, sorted by namespace and name."""
        response.headers["cache-control"] = "no-store"
        wanted = _Wanted(namespace=namespace, phases=phase, after=_position(after), limit=limit)
        return _page(source(), wanted)

    @router.get(
        "/{namespace}/{name}",
        responses=_documented(CANARY, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
    )
    async def one_canary(response: Response, namespace: Name, name: Name) -> CanaryShape:
        """Status, release, findings in words, crashes with their last words, and what was done."""
        response.headers["cache-control"] = "no-store"
        found = portrait(source(), Ref(namespace, name))
        if found is None:
            detail = f"there is no Canary {namespace}/{name}; those that are there: {API}"
            raise HTTPException(HTTPStatus.NOT_FOUND, detail)
        return found

    return router


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Which Canaries are asked for; None: any."""

    namespace: str | None
    phases: list[Phase] | None
    after: Ref | None
    limit: int

    def has(self, scene: Scene) -> bool:
        """Whether it is asked for, on whatever page."""
        return (self.namespace is None or scene.ref.namespace == self.namespace) and (
            self.phases is None or scene.status.phase in self.phases
        )


def _page(releases: Releases, wanted: _Wanted) -> PageShape:
    scenes = [releases.scene(ref) for ref in sorted(releases.refs())]
    found = [scene for scene in scenes if scene is not None and wanted.has(scene)]
    left = [scene for scene in found if wanted.after is None or scene.ref > wanted.after]
    return PageShape(
        items=tuple(glance(scene) for scene in left[: wanted.limit]),
        total=len(found),
        next=str(left[wanted.limit - 1].ref) if len(left) > wanted.limit else None,
        at=releases.now(),
    )


def _documented(
    example: PageShape | CanaryShape, *errors: HTTPStatus
) -> dict[int | str, dict[str, Any]]:
    shown = example.model_dump(mode="json", by_alias=True)
    return {200: {"content": {"application/json": {"example": shown}}}, **documented(*errors)}


def _position(after: str) -> Ref | None:
    """Where the page before ended; it need not be there any more to have a place in the order."""
    namespace, _, name = after.partition("/")
    return Ref(namespace, name) if after else None
