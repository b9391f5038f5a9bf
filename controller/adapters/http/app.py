"""Everything that is spoken over HTTP, served inside the controller's own event loop."""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import uvicorn
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry

from controller.adapters.http.connections import Connection
from controller.adapters.http.gates import Counted, Gate
from controller.adapters.http.openapi import describe, operation_id
from controller.adapters.http.probes import Health, build_probes
from controller.adapters.http.problems import explain_errors
from controller.adapters.http.tls import Tls
from controller.engine.ports import Refused

__all__ = ["Health", "Router", "Tls", "build_app", "serve"]

Router = APIRouter
"""What the others build, and `build_app` takes."""

# A scrape or a probe is done in far less; a stream that stays open must not hold up our end.
GRACEFUL_SHUTDOWN_SECONDS: Final = 2
# Streams, requests, and connections that idle between two: what comes on top is answered with
# 503, probes included, so that it has to be far more than all of them may be.
CONNECTIONS_MAX: Final = 1_000
KEEP_ALIVE_SECONDS: Final = 5
BACKLOG_CONNECTIONS: Final = 128


def build_app(
    health: Health,
    registry: CollectorRegistry,
    *routers: APIRouter,
    counted: Counted = lambda _method, _route, _status: None,
) -> FastAPI:
    """The application: probes, metrics and what else is asked for."""
    # The documentation pages of FastAPI load scripts from elsewhere; ours is in docs_page.py.
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    for router in (build_probes(health, registry), *routers):
        app.include_router(router)
    app.add_middleware(Gate, counted=counted)
    describe(app)
    explain_errors(app)
    return app


@contextlib.asynccontextmanager
async def serve(
    app: FastAPI,
    host: str,
    port: int,
    *,
    tls: Tls | None = None,
    ending: Callable[[], None] = lambda: None,
) -> AsyncIterator[int]:
    """Serve within the block; gives the bound port (port 0 takes any that is free).

    The end of the block ends the server, at the latest after the time for a graceful end;
    `ending` is called first, so that those who hold a stream open can let go. A server that dies
    ends the block. Raises Refused when the address or the certificate cannot be had; an error in
    the block comes out in a group, as from any TaskGroup.
    """
    context = tls.load() if tls else None
    listener = _bind(host, port)
    server = _Server(
        uvicorn.Config(
            app,
            http=Connection,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            # Who is behind a proxy is found out where it matters, from proxies that are trusted.
            proxy_headers=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
            ssl_context_factory=(lambda _config, _default: context) if context else None,
        )
    )
    with contextlib.closing(listener):
        async with asyncio.TaskGroup() as group:
            group.create_task(_run(server, listener), name="http")
            renewing = (
                group.create_task(tls.renew(context), name="tls") if tls and context else None
            )
            try:
                yield listener.getsockname()[1]
            finally:
                ending()
                server.should_exit = True
                if renewing is not None:
                    renewing.cancel()


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
