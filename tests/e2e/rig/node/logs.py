"""The kubelet's HTTPS endpoint behind `kubectl logs`, `--previous` included."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from aiohttp import web

from tests.e2e.rig.certificates import Authority
from tests.e2e.rig.node.container import Container
from tests.e2e.rig.node.pod import Pod


async def serve(pods: Callable[[], Iterable[Pod]], host: str, port: int) -> web.AppRunner:
    """`OSError` when the address is taken."""

    async def answer(request: web.Request) -> web.Response:
        wanted = request.match_info
        for pod in pods():
            if (pod.namespace, pod.name) == (wanted["namespace"], wanted["pod"]):
                return _log(pod, wanted["container"], request)
        raise web.HTTPNotFound(text=f'pod "{wanted["pod"]}" not found')

    app = web.Application()
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=_certificate(host)).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def _log(pod: Pod, name: str, request: web.Request) -> web.Response:
    container = next((c for c in [*pod.containers, *pod.init] if c.name == name), None)
    if container is None:
        raise web.HTTPNotFound(text=f'container "{name}" not found in pod "{pod.name}"')
    previous = request.query.get("previous") == "true"
    path = _file(container, previous=previous)
    if path is None:
        kind = "previous terminated container" if previous else "container"
        raise web.HTTPBadRequest(text=f'{kind} "{name}" in pod "{pod.name}" not found')
    text = path.read_bytes()
    if (lines := request.query.get("tailLines")) is not None:
        text = b"".join(text.splitlines(keepends=True)[-int(lines) :]) if int(lines) else b""
    if (size := request.query.get("limitBytes")) is not None:
        text = text[: int(size)]
    return web.Response(body=text, content_type="text/plain")


def _file(container: Container, *, previous: bool) -> Path | None:
    """While a container waits for its restart, its latest log is both: the previous one too."""
    if previous and container.waiting is None:
        return container.previous.log if container.previous else None
    return container.life.log if container.life else None


def _certificate(host: str) -> ssl.SSLContext:
    """The API server does not verify a kubelet unless it is given an authority."""
    pair = Authority().issue("rig-node", address=host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as both:
        both.write(pair.certificate + pair.key)
        both.flush()
        context.load_cert_chain(both.name)
    return context
