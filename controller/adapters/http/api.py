"""The REST API's reads: every Canary that one may see, and everything that is known of one."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from controller.adapters.http.answers import JSON, answer
from controller.adapters.http.kinds import Kind
from controller.adapters.http.paths import API, canary_path
from controller.adapters.http.portrait import glance, portrait
from controller.adapters.http.portrait_commands import command
from controller.adapters.http.portrait_course import course_shape
from controller.adapters.http.problems import Trouble, documented
from controller.adapters.http.releases import Releases, Source
from controller.adapters.http.shapes import CanaryShape, PageShape
from controller.adapters.http.shapes_commands import CommandShape
from controller.adapters.http.shapes_course import CourseShape
from controller.adapters.http.sight import Calling, Door, Sight, may, may_see, not_there, sight_of
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.engine.commands import VERBS
from controller.engine.ports import Access, Person, Verb

PAGE_SIZE: Final = 100
PAGE_SIZE_MAX: Final = 500
# Kubernetes takes no longer names.
NAME_CHARACTERS_MAX: Final = 253
CURSOR_CHARACTERS_MAX: Final = 2 * NAME_CHARACTERS_MAX + 1
ID_CHARACTERS_MAX: Final = 64

ONE: Final = "/{namespace}/{name}"
Name = Annotated[
    str,
    Path(max_length=NAME_CHARACTERS_MAX, description="of the Canary", examples=["exam-api"]),
]
Namespace = Annotated[
    str, Path(max_length=NAME_CHARACTERS_MAX, description="of the Canary", examples=["exams"])
]


def build_api(source: Source, door: Door, access: Access) -> APIRouter:
    """A router to be included in the application, for what may read all releases."""
    router = APIRouter(prefix=API, tags=["canaries"])
    _add_list(router, source, door, access)
    _add_one(router, source, door, access)
    _add_course(router, source, door, access)
    _add_command(router, source, door, access)
    return router


def _add_list(router: APIRouter, source: Source, door: Door, access: Access) -> None:
    @router.get(
        "",
        summary="List Canaries",
        response_model=PageShape,
        responses=shown("list", Kind.WRONG_INPUT),
    )
    async def list_canaries(
        request: Request,
        calling: Annotated[Calling, Depends(door.caller)],
        namespace: Annotated[
            str | None, Query(description="only of this one", max_length=NAME_CHARACTERS_MAX)
        ] = None,
        phase: Annotated[
            list[Phase] | None, Query(description="only in one of these; may be repeated")
        ] = None,
        limit: Annotated[
            int, Query(ge=1, le=PAGE_SIZE_MAX, description="how many on a page")
        ] = PAGE_SIZE,
        after: Annotated[
            str, Query(description="`next` of the page before", max_length=CURSOR_CHARACTERS_MAX)
        ] = "",
    ) -> Response:
        """Every Canary in a line, sorted by namespace and name: those that you may see.

        That is every one if you may `get` canaries in all namespaces, and otherwise those in the
        namespaces where you may. One that you were granted by its name alone is not listed.
        """
        releases = source()
        refs = [ref for ref in releases.refs() if namespace in {None, ref.namespace}]
        sight = await sight_of(access, calling.person, refs)
        wanted = _Wanted(
            namespace=namespace, phases=phase, after=_position(after), limit=limit, sight=sight
        )
        return answer(request, _page(releases, wanted))


def _add_one(router: APIRouter, source: Source, door: Door, access: Access) -> None:
    @router.get(
        ONE,
        summary="Read all about one Canary",
        response_model=CanaryShape,
        responses=shown("canary", Kind.NOT_FOUND, Kind.WRONG_INPUT),
    )
    async def one_canary(
        request: Request,
        calling: Annotated[Calling, Depends(door.caller)],
        namespace: Namespace,
        name: Name,
    ) -> Response:
        """Everything that is known of one Canary.

        Its status and release, the findings in words and numbers, the evidence over time, crashes
        with their last words, what people asked for, what was done, and what you may ask for now.
        """
        ref = Ref(namespace, name)
        await may_see(access, calling.person, ref)
        found = portrait(source(), ref)
        if found is None:
            raise not_there(ref)
        return answer(request, await _for_caller(found, access, calling.person))


def _add_course(router: APIRouter, source: Source, door: Door, access: Access) -> None:
    @router.get(
        ONE + "/course",
        summary="Read the evidence over time",
        response_model=CourseShape,
        responses=shown("course", Kind.NOT_FOUND, Kind.WRONG_INPUT),
    )
    async def course(
        request: Request,
        calling: Annotated[Calling, Depends(door.caller)],
        namespace: Namespace,
        name: Name,
    ) -> Response:
        """How counts and evidence grew in the release that runs, or ran last.

        What was before the service started, or before it saw the release, is not known.
        """
        ref = Ref(namespace, name)
        await may_see(access, calling.person, ref)
        releases = source()
        if releases.scene(ref) is None:
            raise not_there(ref)
        found = releases.course(ref)
        if found is None:
            detail = f"no release of {ref} was seen since the service started: {canary_path(ref)}"
            raise Trouble(Kind.NOT_FOUND, detail)
        return answer(request, course_shape(found))


def _add_command(router: APIRouter, source: Source, door: Door, access: Access) -> None:
    @router.get(
        ONE + "/commands/{command_id}",
        summary="Read what became of a command",
        response_model=CommandShape,
        responses=shown("command", Kind.NOT_FOUND, Kind.WRONG_INPUT),
        tags=["commands"],
    )
    async def one_command(
        request: Request,
        calling: Annotated[Calling, Depends(door.caller)],
        namespace: Namespace,
        name: Name,
        command_id: Annotated[
            str, Path(max_length=ID_CHARACTERS_MAX, description="`id` of the command")
        ],
    ) -> Response:
        """What became of a command. A Canary remembers its last 20."""
        ref = Ref(namespace, name)
        await may_see(access, calling.person, ref)
        scene = source().scene(ref)
        if scene is None:
            raise not_there(ref)
        found = command(scene, command_id)
        if found is None:
            detail = (
                f"{ref} knows no command {command_id}: it is older than the last 20, or a rollback "
                f"came before it was acted on; what is known: {canary_path(ref)}"
            )
            raise Trouble(Kind.NOT_FOUND, detail)
        return answer(request, found)


async def _for_caller(found: CanaryShape, access: Access, person: Person) -> CanaryShape:
    """With what this caller has the right to."""
    ref = Ref(found.namespace, found.name)
    verbs = [verb for verb in Verb if verb is not Verb.GET]
    rights = [verb for verb in verbs if await may(access, person, verb, ref)]
    possible = tuple(action for action in found.possible if VERBS[action] in rights)
    return found.model_copy(update={"possible": possible, "may": tuple(rights)})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Which Canaries are asked for; None: any."""

    namespace: str | None
    phases: list[Phase] | None
    after: Ref | None
    limit: int
    sight: Sight

    def has(self, scene: Scene) -> bool:
        """Whether it is asked for, on whatever page."""
        return (
            self.sight.shows(scene.ref)
            and (self.namespace is None or scene.ref.namespace == self.namespace)
            and (self.phases is None or scene.status.phase in self.phases)
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


def shown(example: str, *errors: Kind, code: int = 200) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the answers: an example of the good one, and the errors.

    By reference: FastAPI leaves out what is null in an example, and then it is none any more.
    """
    ref = {"$ref": f"#/components/examples/{example}"}
    good: dict[str, Any] = {"content": {JSON: {"examples": {example: ref}}}}
    return {code: good, **documented(*errors)}


def _position(after: str) -> Ref | None:
    """Where the page before ended; it need not be there any more to have a place in the order."""
    namespace, _, name = after.partition("/")
    return Ref(namespace, name) if after else None
