"""Probes and metrics over HTTP, served inside the controller's own event loop."""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from controller.adapters.http.problems import explain_errors
from controller.engine.ports import Refused

# Three looks of the longest kind fit in; a loop that is silent for longer is stuck.
HEARTBEAT_AGE_SECONDS_MAX: Final = 15.0
# A scrape or a probe is done in far less; a stream that stays open must not hold up our end.
GRACEFUL_SHUTDOWN_SECONDS: Final = 2
REQUESTS_AT_ONCE_MAX: Final = 100
KEEP_ALIVE_SECONDS: Final = 5
BACKLOG_CONNECTIONS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the probes ask: how long ago the loop last beat, and which caches are not synced yet."""

    heartbeat_age_seconds: Callable[[], float]
    unsynced: Callable[[], tuple[str, ...]]


def build_app(health: Health, registry: CollectorRegistry, *routers: APIRouter) -> FastAPI:
    """The application: probes, metrics and what else is asked for."""
    # The documentation pages of FastAPI load scripts from elsewhere, so there are none.
    app = FastAPI(title="canary-controller", docs_url=None, redoc_url=None)

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        """Whether the loop is alive: a kubelet restarts the pod when it is not."""
        age_seconds = health.heartbeat_age_seconds()
        if age_seconds <= HEARTBEAT_AGE_SECONDS_MAX:
            return _answer(status="ok", heartbeat_age_seconds=round(age_seconds, 1))
        detail = (
            f"the loop last beat {age_seconds:.1f} s ago, "
            f"more than {HEARTBEAT_AGE_SECONDS_MAX:g} s: it is stuck"
        )
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, status="stuck", detail=detail)

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """Whether the caches are synced. Prometheus and Slack may be away: we still watch pods."""
        unsynced = health.unsynced()
        if not unsynced:
            return _answer(status="ok")
        detail = f"not yet read from the API server: {', '.join(unsynced)}"
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, status="syncing", detail=detail)

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Our own metrics, in the format the scraper asks for."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    for router in routers:
        app.include_router(router)
    explain_errors(app)
    return app


@contextlib.asynccontextmanager
async def serve(app: FastAPI, host: str, port: int) -> AsyncIterator[int]:
    """Serve within the block; gives the bound port (port 0 takes any that is free).

    The end of the block ends the server, at the latest after the time for a graceful end; a
    server that dies ends the block. Raises Refused when the address cannot be had; an error in
    the block comes out in a group, as from any TaskGroup.
    """
    listener = _bind(host, port)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            limit_concurrency=REQUESTS_AT_ONCE_MAX,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        )
    )
    with contextlib.closing(listener):
        async with asyncio.TaskGroup() as group:
            group.create_task(_run(server, listener), name="http")
            try:
                yield listener.getsockname()[1]
            finally:
                server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves the signals alone: the composition root ends everything in order, this included."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _run(server: _Server, listener: socket.socket) -> None:
    try:
        await server.serve(sockets=[listener])
    except asyncio.CancelledError:
        if server.started:
            await server.shutdown(sockets=[listener])
        raise


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG_CONNECTIONS)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = "end the process that has it, or choose another listen_port"
        elif error.errno == errno.EACCES:
            remedy = "choose a listen_port of 1024 or more"
        else:
            remedy = "check listen_host"
        # A host that cannot be resolved has an error number of another kind, below 0.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else str(error.strerror or error)
        raise Refused(f"cannot listen on {host} port {port}: {reason}; {remedy}") from error


def _answer(code: HTTPStatus = HTTPStatus.OK, **body: str | float) -> JSONResponse:
    return JSONResponse(body, status_code=code, headers={"cache-control": "no-store"})
