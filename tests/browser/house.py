"""A whole service on a table, served on loopback: for what the demo's world does not show."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from typing import Any, Final

from fastapi import Request
from prometheus_client import CollectorRegistry

from controller.adapters.clock import SystemClock
from controller.adapters.http.actions import build_actions
from controller.adapters.http.api import build_api
from controller.adapters.http.app import Health, build_app, serve
from controller.adapters.http.docs_page import build_docs
from controller.adapters.http.doorway import Doorway, Premises
from controller.adapters.http.kinds import Kind
from controller.adapters.http.page import build_page
from controller.adapters.http.pagelive import paint
from controller.adapters.http.problems import Trouble
from controller.adapters.http.sessions import Sessions
from controller.adapters.http.sign_in import build_sign_in
from controller.adapters.http.stream import build_stream
from controller.adapters.http.stream_hub import Hub
from controller.domain.findings import Finding, Metric, Outcome, Range, Side, Uncovered
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.engine.commands import Desk
from controller.engine.ports import Person
from tests.adapters.http.bookshelf import OpenDoor
from tests.adapters.http.ward import Ward, ward
from tests.domain.tabletop import REF

WAIT_SECONDS: Final = 20.0
TOKEN: Final = "ada-1"
HELD: Final = Ref("billing", "invoice-worker-with-a-name-that-is-rather-long")
REJECTED: Final = Ref("exams", "grading")


class Door:
    """Lets ada in, until her session is over."""

    def __init__(self) -> None:
        self.closed = False
        self._open = OpenDoor()

    async def caller(self, request: Request) -> Any:
        if self.closed:
            raise Trouble(Kind.SESSION_EXPIRED, "the session is over: sign in again")
        return await self._open.caller(request)


class House:
    """The service. Whatever is changed is changed in its own loop."""

    def __init__(self, filled: Ward, *, signing: bool) -> None:
        self.ward = filled
        self.door = Door()
        self.doorway = (
            Doorway(
                filled.rights,
                Sessions(SystemClock(), timedelta(hours=8)),
                SystemClock(),
                Premises(audience="canary-controller"),
            )
            if signing
            else None
        )
        self.person = Person(name="ada")
        self.address = ""
        self.loop = asyncio.new_event_loop()

    def do(self, change: Callable[[], Any]) -> None:
        async def run() -> None:
            change()

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(WAIT_SECONDS)

    async def serve(self, stack: AsyncExitStack) -> None:
        shelf, rights = self.ward.shelf, self.ward.rights
        door = self.doorway or self.door
        signing = [build_sign_in(self.doorway)] if self.doorway else []
        hub = Hub(lambda: shelf, paint)
        app = build_app(
            Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple),
            CollectorRegistry(),
            build_api(lambda: shelf, door, rights),
            build_actions(door, Desk(self.ward, rights)),  # type: ignore[arg-type]
            build_docs(),
            build_stream(hub, door, rights),
            build_page(lambda: shelf, door, rights),
            *signing,
        )
        port = await stack.enter_async_context(serve(app, "127.0.0.1", 0, ending=hub.close))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        live = group.create_task(hub.run())
        stack.callback(live.cancel)
        self.address = f"http://127.0.0.1:{port}"


@contextmanager
def house(
    fill: Callable[[Ward], None] = lambda _ward: None, *, signing: bool = False
) -> Iterator[House]:
    """A service within the block, with a release of exams/exam-api that is being compared.

    `signing`: people have to sign in, with the token `TOKEN`.
    """
    built = House(ward(), signing=signing)
    built.ward.rights.persons[TOKEN] = built.person
    fill(built.ward)
    thread = threading.Thread(target=built.loop.run_forever, name="house", daemon=True)
    thread.start()
    stack = AsyncExitStack()

    def run(work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, built.loop).result(WAIT_SECONDS)

    try:
        run(built.serve(stack))
        yield built
    finally:
        run(stack.aclose())
        built.loop.call_soon_threadsafe(built.loop.stop)
        thread.join(WAIT_SECONDS)
        built.loop.close()


def many(filled: Ward) -> None:
    """Canaries in every mood, and a release with segments, slow requests and guards."""
    shelf = filled.shelf
    shelf.copy(REF, findings=FINDINGS, uncovered=UNCOVERED, verdict=Outcome.UNDECIDED)
    lacks = "no decision in 30 min: not exercised enough: /refund: 0 of 5 requests"
    shelf.copy(HELD, phase=Phase.HOLDING, message=f"Holding: {lacks}")
    shelf.copy(
        REJECTED,
        phase=Phase.QUARANTINED,
        message="revision 12 (grading:v8) was rejected before and is kept out",
    )
    quiet = {"phase": Phase.PROMOTED, "message": "Promoted revision 3 (v17) in 41 min"}
    for number, name in enumerate(("catalogue", "checkout", "recommendations", "search")):
        since = shelf.at - timedelta(hours=3 * number + 1)
        shelf.copy(Ref("shop", name), since=since, **quiet)
    shelf.copy(
        Ref("shop", "prices"),
        phase=Phase.ROLLED_BACK,
        since=shelf.at - timedelta(minutes=12),
        message="Rolled back revision 8 (v18) in 9.1 s: Crashes: canary 3 in 2 min of pod time",
    )


FINDINGS: Final = (
    Finding(
        metric=Metric.ERROR_RATE,
        outcome=Outcome.UNDECIDED,
        canary=Side(events=31, exposure=2410),
        stable=Side(events=96, exposure=21690),
        evidence=14.2,
        needed=200,
        ratio=Range(low=1.1, high=4.9),
        hidden=0.0194,
    ),
    Finding(
        metric=Metric.ERROR_RATE,
        segment="/lti/launch",
        outcome=Outcome.WORSE,
        canary=Side(events=29, exposure=310),
        stable=Side(events=11, exposure=2790),
        evidence=412,
        needed=200,
        ratio=Range(low=4.1, high=61),
    ),
    Finding(
        metric=Metric.ERROR_RATE,
        segment="/exam/answer",
        outcome=Outcome.NOT_WORSE,
        canary=Side(events=2, exposure=2098),
        stable=Side(events=85, exposure=18898),
        evidence=0.004,
        needed=200,
        ratio=Range(low=0.02, high=2.2),
        hidden=0.003,
    ),
    Finding(
        metric=Metric.SLOW_REQUESTS,
        outcome=Outcome.NOT_WORSE,
        canary=Side(events=12, exposure=2410),
        stable=Side(events=110, exposure=21690),
        needed=200,
        evidence=0.2,
        bound=0.5,
        ratio=Range(low=0.4, high=2.4),
        hidden=0.0081,
    ),
    Finding(
        metric=Metric.RESTARTS,
        outcome=Outcome.NOT_WORSE,
        canary=Side(exposure=1800),
        stable=Side(exposure=16200),
        needed=200,
        evidence=0.1,
    ),
    Finding(
        metric=Metric.GUARD,
        segment="queue-depth",
        outcome=Outcome.BLIND,
        reason="the query gave no number",
    ),
)
UNCOVERED: Final = (Uncovered(segment="/refund", requests=2, needed=5),)
