"""Under load and over TLS: probes are always answered, nobody holds a connection for nothing."""

import asyncio
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client import CollectorRegistry

from controller.adapters.http.app import Health, build_app, serve
from controller.adapters.http.connections import SILENT_MAX, Connection
from controller.adapters.http.gates import BODY_BYTES_MAX, REQUESTS_AT_ONCE_MAX

HEALTH = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
SECONDS_MAX = 30
STREAMS = 250


class Busy:
    """Routes that take as long as they are told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.begun = 0
        self.streams = 0
        self.counted: list[tuple[str, str, int]] = []

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.get("/slow/{name}")
        async def slow(name: str) -> str:
            self.begun += 1
            await self.go_on.wait()
            return name

        @router.get("/stream")
        async def stream() -> StreamingResponse:
            return StreamingResponse(self._forever(), media_type="text/event-stream")

        @router.post("/body")
        async def body(said: dict[str, Any]) -> int:
            return len(said)

        return router

    async def _forever(self) -> Any:
        self.streams += 1
        try:
            yield b": open\n\n"
            await self.go_on.wait()
            yield b": end\n\n"
        finally:
            self.streams -= 1

    def app(self) -> FastAPI:
        def count(method: str, route: str, status: int) -> None:
            self.counted.append((method, route, status))

        return build_app(HEALTH, CollectorRegistry(), self.router(), counted=count)


@asynccontextmanager
async def client(port: int, **named: Any) -> Any:
    limits = httpx.Limits(max_connections=None)
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(
        **{"base_url": base, "limits": limits, "trust_env": False, "timeout": SECONDS_MAX, **named}
    ) as one:
        yield one


async def until(true: Any) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not true():  # noqa: ASYNC110 - what is waited for is not ours
            await asyncio.sleep(0.01)


def test_more_than_can_be_served_are_told_to_come_again_and_probes_are_answered() -> None:
    async def story() -> None:
        busy = Busy()
        async with serve(busy.app(), "127.0.0.1", 0) as port, client(port) as http:
            many = [
                asyncio.create_task(http.get(f"/slow/{number}"))
                for number in range(REQUESTS_AT_ONCE_MAX)
            ]
            await until(lambda: busy.begun == REQUESTS_AT_ONCE_MAX)
            refused = await http.get("/slow/more")
            assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            assert refused.json()["type"] == "/docs#problem-overloaded"
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["x-content-type-options"] == "nosniff"
            for path in ("/healthz", "/readyz", "/metrics"):
                assert (await http.get(path)).status_code == HTTPStatus.OK
            busy.go_on.set()
            answers = await asyncio.gather(*many)
            assert {answer.status_code for answer in answers} == {HTTPStatus.OK}
            assert (await http.get("/slow/again")).status_code == HTTPStatus.OK

    asyncio.run(story())


def test_many_open_streams_leave_room_for_everything_else() -> None:
    async def story() -> None:
        busy = Busy()
        async with serve(busy.app(), "127.0.0.1", 0) as port, client(port) as http:

            async def follow() -> bytes:
                async with http.stream("GET", "/stream") as answer:
                    return await answer.aread()

            streams = [asyncio.create_task(follow()) for _ in range(STREAMS)]
            await until(lambda: busy.streams == STREAMS)
            assert (await http.get("/healthz")).status_code == HTTPStatus.OK
            many = [asyncio.create_task(http.get("/slow/x")) for _ in range(REQUESTS_AT_ONCE_MAX)]
            await until(lambda: busy.begun == REQUESTS_AT_ONCE_MAX)
            busy.go_on.set()
            await asyncio.gather(*many)
            assert all(one.endswith(b": end\n\n") for one in await asyncio.gather(*streams))

    asyncio.run(story())


def test_head_of_a_stream_ends_at_once_and_leaves_nothing_open() -> None:
    async def story() -> None:
        busy = Busy()
        async with serve(busy.app(), "127.0.0.1", 0) as port, client(port) as http:
            answer = await http.head("/stream")
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.content == b""
            await until(lambda: busy.streams == 0)

    asyncio.run(story())


def test_requests_are_counted_by_their_route_never_by_their_path() -> None:
    async def story() -> list[tuple[str, str, int]]:
        busy = Busy()
        busy.go_on.set()
        async with serve(busy.app(), "127.0.0.1", 0) as port, client(port) as http:
            await http.get("/slow/somebody")
            await http.get("/nothing/of/the/kind")
            await http.head("/slow/else")
        return busy.counted

    assert asyncio.run(story()) == [
        ("GET", "/slow/{name}", 200),
        ("GET", "none", 404),
        ("HEAD", "/slow/{name}", 200),
    ]


@pytest.mark.parametrize("announced", [True, False])
def test_no_body_is_read_without_end(announced: bool) -> None:
    async def endless() -> Any:
        for _ in range(2 * BODY_BYTES_MAX // 65_536):
            yield b" " * 65_536

    async def story() -> httpx.Response:
        async with serve(Busy().app(), "127.0.0.1", 0) as port, client(port) as http:
            content = b" " * (BODY_BYTES_MAX + 1) if announced else endless()
            headers = {"content-type": "application/json"}
            return await http.post("/body", content=content, headers=headers)

    answer = asyncio.run(story())
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert answer.json()["type"] == "/docs#problem-too-large"


def test_who_holds_a_stream_is_told_of_the_end_first() -> None:
    async def story() -> list[str]:
        busy, told = Busy(), []

        def ending() -> None:
            told.append("ending")
            busy.go_on.set()

        async with serve(busy.app(), "127.0.0.1", 0, ending=ending) as port:
            http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)
            request = http.stream("GET", "/stream")
            answer = await request.__aenter__()
            await until(lambda: busy.streams == 1)
        told.append((await answer.aread()).decode())
        await request.__aexit__(None, None, None)
        await http.aclose()
        return told

    assert asyncio.run(story()) == ["ending", ": open\n\n: end\n\n"]


class Hasty(Connection):
    head_seconds = 0.05


ASKED = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize("said", [(b"",), (b"GET / HT",), (ASKED, b"GET")])
def test_a_connection_that_does_not_go_on_is_closed(said: tuple[bytes, ...]) -> None:
    async def story() -> bytes:
        config = uvicorn.Config(
            build_app(HEALTH, CollectorRegistry()),
            http=Hasty,
            port=0,
            lifespan="off",
            log_config=None,
            timeout_keep_alive=SECONDS_MAX,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve())
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        *whole, part = said
        answered = b""
        async with asyncio.timeout(SECONDS_MAX / 2):
            for request in whole:
                writer.write(request)
                answered += await reader.readuntil(b"}")
            writer.write(part)
            answered += await reader.read()
        writer.close()
        server.should_exit = True
        await task
        return answered

    answered = asyncio.run(story())
    assert answered.count(b"200 OK") == said.count(ASKED)


def test_connections_that_ask_nothing_leave_room_for_a_probe() -> None:
    async def story() -> None:
        app = build_app(
            Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple), CollectorRegistry()
        )
        async with serve(app, "127.0.0.1", 0) as port:
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SILENT_MAX)]
            more = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
            oldest = await asyncio.gather(*(reader.read() for reader, _ in silent[:20]))
            assert oldest == [b""] * 20, "the oldest are closed"
            assert len(Connection.silent) <= SILENT_MAX
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"http://127.0.0.1:{port}/healthz")
            assert answer.status_code == 200
            for _, writer in (*silent, *more):
                writer.close()
                await writer.wait_closed()

    asyncio.run(asyncio.wait_for(story(), 30))
