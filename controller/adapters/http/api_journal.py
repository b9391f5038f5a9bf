"""The flight recorder over HTTP: what was decided, and each decision as a file to replay."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response

from controller.adapters.http.answers import HEADERS, answer
from controller.adapters.http.api import ONE, Name, Namespace, shown
from controller.adapters.http.kinds import Kind
from controller.adapters.http.paths import API, canary_path, entry_path
from controller.adapters.http.portrait_moments import moment
from controller.adapters.http.problems import Trouble, documented
from controller.adapters.http.releases import Releases, Source
from controller.adapters.http.shapes import EntryShape, JournalShape
from controller.adapters.http.sight import Calling, Door, may_see, not_there
from controller.domain.records import Ref
from controller.engine.journal import Entry
from controller.engine.ports import Access

NUMBER_MAX: Final = 2**53 - 1
MEDIA_TYPE: Final = "application/json"

Dump = Callable[[Entry], bytes]
"""An entry as the bytes of a file: `recorder.dump`."""

_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "the file, for `canaryctl explain`",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "description": "for `canaryctl explain` only: it may change with each version",
                },
                "example": {"canary": "exams/exam-api", "snapshot": {}, "plan": {}},
            }
        },
        "headers": {
            "Content-Disposition": {"description": "its name", "schema": {"type": "string"}}
        },
    }
}


def build_journal(source: Source, door: Door, access: Access, dump: Dump) -> APIRouter:
    """A router to be included in the application, for what was decided."""
    router = APIRouter(prefix=API, tags=["journal"])

    @router.get(
        ONE + "/journal",
        summary="List what was decided",
        response_model=JournalShape,
        responses=shown("journal", Kind.NOT_FOUND, Kind.WRONG_INPUT),
    )
    async def journal(
        request: Request,
        calling: Annotated[Calling, Depends(door.caller)],
        namespace: Namespace,
        name: Name,
    ) -> Response:
        """The decisions about one Canary that did more than weigh, newest first.

        They are remembered in memory: as far back as there is room, and since the service started.
        """
        ref = Ref(namespace, name)
        await may_see(access, calling.person, ref)
        return answer(request, _journal(source(), ref))

    @router.get(
        ONE + "/journal/{number}",
        summary="Download one decision",
        response_class=Response,
        responses=_FILE | documented(Kind.NOT_FOUND, Kind.WRONG_INPUT),
    )
    async def journal_entry(
        calling: Annotated[Calling, Depends(door.caller)],
        namespace: Namespace,
        name: Name,
        number: Annotated[
            int, Path(ge=1, le=NUMBER_MAX, description="`number` of the entry", examples=[17])
        ],
    ) -> Response:
        """One decision with everything that it was made of, as a file.

        `canaryctl explain FILE` decides again from it, and prints why it came out as it did.
        """
        ref = Ref(namespace, name)
        await may_see(access, calling.person, ref)
        found = _entry(source(), ref, number)
        filename = f"{ref.namespace}-{ref.name}-{number}.json"
        headers = {**HEADERS, "content-disposition": f'attachment; filename="{filename}"'}
        return Response(dump(found), media_type=MEDIA_TYPE, headers=headers)

    return router


def _journal(releases: Releases, ref: Ref) -> JournalShape:
    if releases.scene(ref) is None:
        raise not_there(ref)
    # What another replica decided is known by its status only: nobody could decide it again.
    entries = (entry for entry in reversed(releases.entries(ref)) if entry.decided)
    return JournalShape(items=tuple(_line(entry) for entry in entries), at=releases.now())


def _line(entry: Entry) -> EntryShape:
    told = moment(entry)
    return EntryShape(
        number=entry.number,
        at=told.at,
        phase=told.phase,
        came_from=told.came_from,
        message=told.message,
        change=told.change,
        events=told.events,
        url=entry_path(entry.ref, entry.number),
    )


def _entry(releases: Releases, ref: Ref, number: int) -> Entry:
    if releases.scene(ref) is None:
        raise not_there(ref)
    for entry in releases.entries(ref):
        if entry.number == number and entry.decided:
            return entry
    detail = (
        f"{ref} has no journal entry {number}, or not any more; what is remembered: "
        f"{canary_path(ref)}/journal"
    )
    raise Trouble(Kind.NOT_FOUND, detail)
