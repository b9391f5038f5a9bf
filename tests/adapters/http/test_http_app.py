"""Probes and metrics, asked for over a real connection."""

import asyncio
import signal
import socket
from collections.abc import Callable
from http import HTTPStatus

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_metrics

from controller.adapters.http.app import Health, build_app, serve
from controller.engine.ports import Refused


def app(age_seconds: float = 0.0, unsynced: tuple[str, ...] = ()) -> FastAPI:
    registry = CollectorRegistry()
    Counter("canary_controller_looks", "Looks.", registry=registry).inc(3)
    health = Health(heartbeat_age_seconds=lambda: age_seconds, unsynced=lambda: unsynced)
    return build_app(health, registry)


def ask(application: FastAPI, path: str, **headers: str) -> httpx.Response:
    async def story() -> httpx.Response:
        async with (
            serve(application, "127.0.0.1", 0) as port,
            httpx.AsyncClient(trust_env=False) as client,
        ):
            return await client.get(f"http://127.0.0.1:{port}{path}", headers=headers)

    return asyncio.run(story())


def test_a_beating_loop_is_healthy() -> None:
    answer = ask(app(age_seconds=14.9), "/healthz")
    assert answer.status_code == HTTPStatus.OK
    assert answer.json() == {"status": "ok", "heartbeat_age_seconds": 14.9}


def test_a_stuck_loop_is_not_healthy_and_says_since_when() -> None:
    answer = ask(app(age_seconds=31.4), "/healthz")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.json()["detail"] == "the loop last beat 31.4 s ago, more than 15 s: it is stuck"


def test_a_loop_that_never_beat_is_not_healthy() -> None:
    assert ask(app(age_seconds=float("inf")), "/healthz").json()["status"] == "stuck"


def test_synced_caches_are_ready_whatever_prometheus_and_slack_do() -> None:
    assert ask(app(age_seconds=99), "/readyz").json() == {"status": "ok"}


def test_caches_that_are_not_synced_are_named() -> None:
    answer = ask(app(unsynced=("pods", "canaries")), "/readyz")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.json()["detail"] == "not yet read from the API server: pods, canaries"


def test_metrics_come_in_the_plain_format_by_default() -> None:
    answer = ask(app(), "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    samples = {s.name: s.value for family in plain_metrics(answer.text) for s in family.samples}
    assert samples["canary_controller_looks_total"] == 3


def test_metrics_come_as_openmetrics_when_asked() -> None:
    answer = ask(app(), "/metrics", accept="application/openmetrics-text;version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    samples = {s.name: s.value for family in open_metrics(answer.text) for s in family.samples}
    assert samples["canary_controller_looks_total"] == 3


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc"])
def test_an_unknown_path_is_answered_with_those_that_exist(path: str) -> None:
    answer = ask(app(), path)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.json()["detail"].endswith("try /healthz, /readyz or /metrics")


def test_two_apps_share_no_metrics() -> None:
    assert ask(build_app(_healthy(), CollectorRegistry()), "/metrics").text == ""


def test_a_port_that_is_taken_is_refused_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"port {port}: .*choose another listen_port"):
            asyncio.run(_once(app(), "127.0.0.1", port))


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "not.a.host.invalid"])
def test_a_host_that_is_not_ours_is_refused_with_a_remedy(host: str) -> None:
    with pytest.raises(Refused, match="check listen_host"):
        asyncio.run(_once(app(), host, 0))


def test_the_port_is_free_again_when_the_block_has_ended() -> None:
    async def story() -> None:
        async with serve(app(), "127.0.0.1", 0) as port:
            pass
        await _once(app(), "127.0.0.1", port)

    asyncio.run(story())


def test_the_signals_stay_with_whoever_had_them() -> None:
    async def story() -> None:
        before = _handlers()
        async with serve(app(), "127.0.0.1", 0):
            await asyncio.sleep(0)
            assert _handlers() == before
        assert _handlers() == before

    asyncio.run(story())


def test_a_stream_that_never_ends_does_not_hold_up_the_end() -> None:
    application = app()
    opened = asyncio.Event()

    @application.get("/stream")
    async def stream() -> StreamingResponse:
        async def forever() -> object:
            yield "first\n"
            opened.set()
            await asyncio.Event().wait()

        return StreamingResponse(forever())

    async def story() -> None:
        async with asyncio.timeout(30), serve(application, "127.0.0.1", 0) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            await opened.wait()
        await reader.read()
        writer.close()

    asyncio.run(story())


def test_an_error_in_the_block_ends_the_server_and_comes_out() -> None:
    async def story() -> int:
        async with serve(app(), "127.0.0.1", 0) as port:
            async with httpx.AsyncClient(trust_env=False) as client:
                await client.get(f"http://127.0.0.1:{port}/healthz")
            raise LookupError(str(port))

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(story())
    assert caught.group_contains(LookupError)
    port = int(str(caught.value.exceptions[0]))
    asyncio.run(_once(app(), "127.0.0.1", port))


def test_a_cancelled_block_ends_the_server() -> None:
    async def story() -> None:
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def block() -> None:
            async with serve(app(), "127.0.0.1", 0) as port:
                started.set_result(port)
                await asyncio.Event().wait()

        task = asyncio.ensure_future(block())
        port = await started
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await _once(app(), "127.0.0.1", port)

    asyncio.run(story())


def _healthy() -> Health:
    return Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)


async def _once(application: FastAPI, host: str, port: int) -> None:
    async with serve(application, host, port):
        pass


def _handlers() -> list[Callable[..., object] | int | None]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
