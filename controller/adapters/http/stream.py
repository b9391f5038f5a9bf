"""The stream of what happens: server-sent events, for scripts and for the dashboard."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BeforeValidator
from starlette.types import Receive, Scope, Send

from controller.adapters.http.api import NAME_CHARACTERS_MAX
from controller.adapters.http.kinds import Kind
from controller.adapters.http.paths import VERSION
from controller.adapters.http.problems import Trouble, documented
from controller.adapters.http.sight import Door, Sight, may_see, sight_of
from controller.adapters.http.stream_events import encoded
from controller.adapters.http.stream_hub import Hub
from controller.adapters.http.stream_wish import Client, Wish
from controller.domain.records import Ref
from controller.engine.ports import Access

PATH: Final = f"{VERSION}/stream"
MEDIA_TYPE: Final = "text/event-stream"
# Often enough for the proxies in between, which end what is silent; and rights are asked anew.
KEEP_ALIVE_SECONDS: Final = 15.0
# As long as the API server cannot be asked, what was believed is believed once more.
UNKNOWN_MAX: Final = 1
ID_CHARACTERS_MAX: Final = 64
RETRY_MS: Final = 2_000
HEADERS: Final = {
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}

_EXAMPLE: Final = """\
retry: 2000

id: 20260302T101500000000-412
event: moment
data: {"namespace":"exams","name":"exam-api","number":412,"at":"2026-03-02T10:15:30Z","phase":"RollingBack"}

event: glance
data: {"namespace":"exams","name":"exam-api","phase":"RollingBack","step":2,"steps":3}

event: gone
data: {"namespace":"exams","name":"old-api"}

: keep-alive

"""  # noqa: E501 - an event's data is one line


def _instant(value: object) -> object:
    """A bare number is no instant, though pydantic would count it from 1970."""
    if isinstance(value, str) and "-" in value[1:]:
        return value
    raise ValueError("an instant is needed, like 2026-03-02T10:00:00Z")


class Form(StrEnum):
    """How states are told."""

    JSON = "json"
    HTML = "html"


OnlyNamespace = Annotated[
    str | None, Query(description="only of this one", max_length=NAME_CHARACTERS_MAX)
]
OnlyName = Annotated[
    str | None,
    Query(description="only this Canary, and all of it", max_length=NAME_CHARACTERS_MAX),
]
InForm = Annotated[Form, Query(description="html: painted for the dashboard, and without moments")]
ChangedSince = Annotated[
    AwareDatetime | None,
    BeforeValidator(_instant),
    Query(description="states are told that changed since; left out: all of them"),
]
LastId = Annotated[
    str,
    Header(
        alias="last-event-id",
        max_length=ID_CHARACTERS_MAX,
        description="of the last moment you had: those after it are told again",
    ),
]


def build_stream(
    hub: Hub, door: Door, access: Access, *, keep_alive_seconds: float = KEEP_ALIVE_SECONDS
) -> APIRouter:
    """A router to be included in the application. `hub.run()` has to run beside it."""
    router = APIRouter(tags=["stream"])
    # Who is asking is found out before anything else is looked at.
    known = [Depends(door.caller)]

    @router.get(
        PATH,
        summary="Follow what happens",
        response_class=StreamingResponse,
        responses=_answers(),
        dependencies=known,
    )
    async def follow(
        request: Request,
        namespace: OnlyNamespace = None,
        name: OnlyName = None,
        form: InForm = Form.JSON,
        since: ChangedSince = None,
        last_event_id: LastId = "",
    ) -> StreamingResponse:
        """What happens, as it happens, as server-sent events.

        `moment`: something was decided or done (an entry of the journal; its id is for
        `Last-Event-ID`). `gap`: moments that you missed are not remembered any more, and why.
        `glance`: the line of a Canary has changed; with `name` it is `canary`, all of it but its
        course. `gone`: a Canary was deleted. A Canary's state is told once a second at most. At the
        beginning states are told as they are. What you may not see is not told; your rights are
        asked anew every 15 s, and the stream ends with them.
        """
        if name is not None and namespace is None:
            raise Trouble(Kind.WRONG_INPUT, "a name needs its namespace: add `namespace`")

        async def wish() -> Wish:
            """Raises Trouble when the caller is let in no more."""
            person = (await door.caller(request)).person
            if namespace is not None and name is not None:
                await may_see(access, person, Ref(namespace, name))
                sight = Sight(namespaces=frozenset({namespace}))
            else:
                sight = await sight_of(access, person, hub.refs())
            return Wish(sight=sight, namespace=namespace, name=name, html=form is Form.HTML)

        client = Client(await wish(), (await door.caller(request)).person.name)
        await hub.join(client, since, last_event_id)
        return Told(hub, client, _told(client, wish, keep_alive_seconds))

    return router


class Told(StreamingResponse):
    """What a stream tells, in bytes that are written already.

    FastAPI's own EventSourceResponse writes each event anew for each reader: 140 µs, this is 25.
    """

    def __init__(self, hub: Hub, client: Client, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, media_type=MEDIA_TYPE, headers=HEADERS)
        self._hub = hub
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Not at the end of what is told: that has no end when the reader left before it began.
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.leave(self._client)


async def _told(
    client: Client, wish: Callable[[], Awaitable[Wish]], keep_alive_seconds: float
) -> AsyncIterator[bytes]:
    """Until the reader may see no more, or the hub ends it."""
    loop, unknown = asyncio.get_running_loop(), 0
    yield f"retry: {RETRY_MS}\n\n".encode()
    checked = loop.time()
    while True:
        events = await _next(client, checked + keep_alive_seconds - loop.time())
        if events is None:
            return
        if events:
            yield events
            continue
        checked = loop.time()
        try:
            client.wish, unknown = await wish(), 0
        except Trouble as trouble:
            unknown += 1
            if trouble.kind is not Kind.UNAVAILABLE or unknown > UNKNOWN_MAX:
                return
        # A page cannot hear a comment, and has to notice silence.
        yield encoded("beat", "{}") if client.wish.html else b": keep-alive\n\n"


async def _next(client: Client, seconds: float) -> bytes | None:
    """What is to be sent; empty: it is time to look up; None: this is the end."""
    if seconds <= 0:
        return b""
    try:
        async with asyncio.timeout(seconds):
            return await client.queue.get()
    except TimeoutError:
        return b""


def _answers() -> dict[int | str, dict[str, Any]]:
    said = documented(Kind.NOT_FOUND, Kind.WRONG_INPUT)
    said[200] = {
        "description": "events, until either side ends it",
        "content": {MEDIA_TYPE: {"example": _EXAMPLE}},
    }
    return said
