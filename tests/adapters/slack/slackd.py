"""A local server that speaks Slack's Web API, webhooks and response addresses, and has its moods.

Within a loop `async with slackd() as slack:`; in a thread `with playing() as slack:`; as a process
`python -m tests.adapters.slack.slackd --port 8900` prints {"url": ...}: what it holds is at GET
/_/state, a mood is asked for by POST /_/mood {"method", "mood", "times", "seconds"}.
"""

import argparse
import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web

from tests.adapters.slack.methods import serve
from tests.adapters.slack.moods import MOODS
from tests.adapters.slack.workspace import HOOK, Slackd

__all__ = ["Slackd", "playing", "slackd"]


async def _given(request: web.Request) -> dict[str, Any]:
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        given |= await request.json()
    elif request.can_read_body:
        given |= dict(await request.post())
    for name in ("blocks", "metadata"):
        if isinstance(given.get(name), str):
            given[name] = json.loads(given[name])
    return given


def application(slack: Slackd) -> web.Application:
    """The routes."""

    async def call(request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        given = await _given(request)
        slack.calls.append((method, given))
        if request.headers.get("Authorization") != f"Bearer {slack.token}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        mood = slack.mood_of(method)
        if mood is None:
            return serve(slack, method, given)
        return await mood(request, lambda: serve(slack, method, given))

    async def respond(request: web.Request) -> web.StreamResponse:
        name, body = request.match_info["name"], await request.json()

        def take() -> web.Response:
            slack.said.append({"id": name, "body": body})
            return web.json_response({"ok": True})

        mood = slack.mood_of("response_url")
        return take() if mood is None else await mood(request, take)

    async def hook(request: web.Request) -> web.StreamResponse:
        body = await request.json()

        def take() -> web.Response:
            slack.hooked.append(body)
            return web.Response(text="ok")

        mood = slack.mood_of("webhook")
        return take() if mood is None else await mood(request, take)

    async def state(request: web.Request) -> web.StreamResponse:
        channels = {
            c.name: {"id": c.id, "messages": c.messages, "shown": [m["ts"] for m in c.shown()]}
            for c in slack.channels.values()
        }
        return web.json_response(
            {"channels": channels, "said": slack.said, "hooked": slack.hooked, "calls": slack.calls}
        )

    async def feel(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        mood = MOODS[asked["mood"]](float(asked.get("seconds", 0)))
        slack.feels(mood, asked.get("method", "*"), int(asked.get("times", 1)))
        return web.json_response({"ok": True})

    app = web.Application()
    app.router.add_route("*", "/api/{method}", call)
    app.router.add_post("/actions/{team}/{name}", respond)
    app.router.add_post(HOOK, hook)
    app.router.add_get("/_/state", state)
    app.router.add_post("/_/mood", feel)
    return app


@asynccontextmanager
async def slackd(
    *channels: str, state: Slackd | None = None, port: int = 0
) -> AsyncIterator[Slackd]:
    """The server within this loop, with these channels (#exams when none is named)."""
    slack = state or Slackd()
    for name in channels or ("#exams",):
        slack.channel(name)
    runner = web.AppRunner(application(slack), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        slack.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield slack
    finally:
        await runner.cleanup()


@contextmanager
def playing(*channels: str, port: int = 0) -> Iterator[Slackd]:
    """The server in a thread of its own; its state may be read from any other."""
    slack, up = Slackd(), threading.Event()
    loop = asyncio.new_event_loop()
    down = asyncio.Event()

    async def play() -> None:
        async with slackd(*channels, state=slack, port=port):
            up.set()
            await down.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(play()), daemon=True)
    thread.start()
    try:
        assert up.wait(10), "slackd did not start"
        yield slack
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join(10)
        loop.close()


async def _main(port: int, channels: list[str]) -> None:
    async with slackd(*channels, port=port) as slack:
        print(json.dumps({"url": slack.url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--channel", action="append", default=[])
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(given.port, given.channel))
