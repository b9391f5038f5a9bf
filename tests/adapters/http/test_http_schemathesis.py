"""The whole API against its own description: whatever is sent, the answer is a documented one."""

import asyncio
import contextlib
import itertools
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import (
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from controller.adapters.http.examples import ORDER, PROMOTE
from controller.adapters.http.stream import PATH as STREAM
from controller.domain.lifecycle import AT_REST, Phase
from controller.domain.records import Intent, Ref
from controller.domain.snapshot import Scene
from tests.adapters.http.bookshelf import Shelf
from tests.adapters.http.ward import ONE, TOKEN, Ward, hospital, opened, visited, ward
from tests.domain.tabletop import settled

SEED: Final = 20261122
EXAMPLES_MAX: Final = 5
SECONDS_MAX: Final = 30
# That a name needs its namespace cannot be said in a description.
UNSAID: Final = defaultdict(list, {STREAM: [positive_data_acceptance]})
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
# Whatever was sent. The others ask whether right input is taken and wrong input refused.
ALWAYS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STREAM_SECONDS: Final = 0.05
NUMBERS: Final = itertools.count()
RETRIABLE: Final = {Phase.ROLLED_BACK, Phase.QUARANTINED}


class Brief:
    """Ends each stream soon after it began: a reader of events would wait for the next one."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as patience:

                async def told(message: Any) -> None:
                    await send(message)
                    if scope["path"] == STREAM and message.get("status") == 200:
                        patience.reschedule(loop.time() + STREAM_SECONDS)

                await self._app(scope, receive, told)
        except TimeoutError:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class Ever(Ward):
    """There is always a release to command: when one has ended well, the next one is pushed.

    Its fingerprint is the one of the examples, so that commands hit it.
    """

    async def ask(self, ref: Ref, intent: Intent, seen: Scene) -> None:
        await super().ask(ref, intent, seen)
        if self.phase in AT_REST - RETRIABLE:
            self.push()

    def push(self) -> None:
        commands = self.table.status.commands
        self.table = settled()
        self.table.status = replace(self.table.status, commands=commands)
        self.table.apply_template(ORDER.revision)
        self.shelf.look(self.table, 5)


def ever() -> Ever:
    shelf, table = Shelf(), settled()
    where = Ever(shelf, table)
    where.push()
    return where


def of_the_application(*, coverage: bool) -> Any:
    """The description; with `coverage` each bound of each field is tried, which takes long."""
    project = ProjectConfig(
        request_timeout=SECONDS_MAX,
        generation=GenerationConfig(
            modes=list(GenerationMode), deterministic=True, database="none"
        ),
        phases=PhasesConfig(coverage=CoveragePhaseConfig(enabled=coverage)),
    )
    config = SchemathesisConfig(seed=SEED, projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_dict(hospital(ward()).openapi(), config=config)


thorough = of_the_application(coverage=True)
quick = of_the_application(coverage=False)
bounded = settings(
    max_examples=EXAMPLES_MAX,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Ever]]:
    """The address of the application, on a real server in a thread of its own."""
    where = ever()
    ready: list[int] = []
    told, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        async with opened(where, Brief) as port:
            ready.append(port)
            told.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert told.wait(SECONDS_MAX)
    yield f"http://127.0.0.1:{ready[0]}", where
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(SECONDS_MAX)
    assert not thread.is_alive()


@thorough.parametrize()
@bounded
def test_whatever_is_sent_with_a_token_is_answered_as_described(
    case: Case, served: tuple[str, Ever]
) -> None:
    address, _ = served
    freshen(case)
    case.call_and_validate(base_url=address, headers=BEARER, excluded_checks=UNSAID[case.path])


@quick.parametrize()
@bounded
def test_whatever_is_sent_about_what_is_there_is_answered_as_described(
    case: Case, served: tuple[str, Ever]
) -> None:
    address, where = served
    aim(case, where)
    case.call_and_validate(base_url=address, headers=BEARER, checks=ALWAYS)


@quick.parametrize()
@bounded
def test_without_a_token_nobody_is_let_in_whatever_is_sent(
    case: Case, served: tuple[str, Ever]
) -> None:
    address, where = served
    written = len(where.written)
    answer = case.call_and_validate(base_url=address, checks=ALWAYS, headers={"Authorization": ""})
    if case.operation.definition.raw.get("security"):
        assert answer.status_code in {401, 405}
    assert len(where.written) == written


@pytest.mark.parametrize("action", ["promote", "rollback", "hold"])
def test_a_command_as_in_the_examples_is_taken(action: str) -> None:
    where = ever()
    body = PROMOTE if action == "promote" else ORDER

    async def story() -> int:
        async with visited(where) as client:
            said = body.model_dump()
            headers = {"idempotency-key": "1"}
            return (await client.post(f"{ONE}/{action}", json=said, headers=headers)).status_code

    assert asyncio.run(story()) == 202


def freshen(case: Case) -> None:
    """Give a good key an end of its own: a key that was used for another action is refused."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!-~]{1,100}", key):
        case.headers["Idempotency-Key"] = f"{key}-{next(NUMBERS)}"


def aim(case: Case, where: Ever) -> None:
    """At the Canary that is there; the rest stays as it was generated."""
    scene = where.shelf.scenes
    (ref,) = scene
    known: dict[str, Any] = {"namespace": ref.namespace, "name": ref.name}
    known["number"] = where.shelf.journal.last
    known["command_id"] = next(iter(where.written), Intent).id if where.written else "none"
    with contextlib.suppress(TypeError):
        for name in set(case.path_parameters) & set(known):
            case.path_parameters[name] = known[name]
    if isinstance(case.body, dict) and "revision" in case.body:
        case.body["revision"] = ORDER.revision
        case.body.pop("step", None)
