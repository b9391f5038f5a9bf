"""An API server in a thread of its own, and the kubeconfig of somebody who uses it."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from tests.adapters.kube.apiserver import ApiServer, Object
from tests.adapters.kube.examples import path_of

WAIT_SECONDS = 30


@contextmanager
def standing(folder: Path, *found: Object) -> Iterator[tuple[ApiServer, str]]:
    """The server, and where the kubeconfig is."""
    server = ApiServer()
    for version, one in enumerate(found, start=1):
        one["metadata"]["resourceVersion"] = str(version)
        server.objects[path_of(one)] = one
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="API server", daemon=True)
    thread.start()

    async def begin() -> tuple[web.AppRunner, int]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", server.handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, int(runner.addresses[0][1])

    async def end(runner: web.AppRunner) -> None:
        await server.close()
        await runner.cleanup()

    runner, port = asyncio.run_coroutine_threadsafe(begin(), loop).result(WAIT_SECONDS)
    try:
        yield server, str(_kubeconfig(folder, port))
    finally:
        asyncio.run_coroutine_threadsafe(end(runner), loop).result(WAIT_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()


def _kubeconfig(folder: Path, port: int) -> Path:
    path = folder / "kubeconfig"
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "ada", "user": {"token": "hush"}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "ada", "namespace": "exams"}}
        ],
    }
    path.write_text(json.dumps(whole))
    return path
