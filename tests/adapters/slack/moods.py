"""The moods of the local Slack: what it does with a call, and what it answers."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

Serve = Callable[[], web.Response]
Mood = Callable[[web.Request, Serve], Awaitable[web.StreamResponse]]


def limited(seconds: float = 0) -> Mood:
    """Nothing is done; come back in so many seconds."""

    async def mood(request: web.Request, serve: Serve) -> web.StreamResponse:
        headers = {"Retry-After": f"{seconds:g}"}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)

    return mood


def fails(status: int = 503) -> Mood:
    """Nothing is done; what is in front of Slack answers in HTML."""

    async def mood(request: web.Request, serve: Serve) -> web.StreamResponse:
        return web.Response(status=status, text="<html>oh no</html>", content_type="text/html")

    return mood


def refuses(error: str) -> Mood:
    """Nothing is done; ok=false."""

    async def mood(request: web.Request, serve: Serve) -> web.StreamResponse:
        return web.json_response({"ok": False, "error": error})

    return mood


async def hangs(request: web.Request, serve: Serve) -> web.StreamResponse:
    """Nothing is done, and no answer comes."""
    await asyncio.sleep(30)
    return web.Response()


async def resets(request: web.Request, serve: Serve) -> web.StreamResponse:
    """Nothing is done, and the connection is cut."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def lost(request: web.Request, serve: Serve) -> web.StreamResponse:
    """It is done, and the connection is cut before the answer."""
    serve()
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def done_but_500(request: web.Request, serve: Serve) -> web.StreamResponse:
    """It is done, and the answer says that it was not."""
    serve()
    return web.json_response({"ok": False, "error": "internal_error"}, status=500)


async def done_but_internal_error(request: web.Request, serve: Serve) -> web.StreamResponse:
    """It is done, and the answer says, politely, that something went wrong."""
    serve()
    return web.json_response({"ok": False, "error": "internal_error"})


def late(seconds: float) -> Mood:
    """It is done after a while, whoever still listens."""

    async def mood(request: web.Request, serve: Serve) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return serve()

    return mood


async def garbles(request: web.Request, serve: Serve) -> web.StreamResponse:
    """It is done, and the answer cannot be read."""
    serve()
    return web.Response(text='{"ok": tr', content_type="application/json")


MOODS: dict[str, Callable[[float], Mood]] = {
    "limited": limited,
    "fails": lambda _seconds: fails(),
    "hangs": lambda _seconds: hangs,
    "resets": lambda _seconds: resets,
    "lost": lambda _seconds: lost,
    "done_but_500": lambda _seconds: done_but_500,
    "late": late,
}


async def babbles(request: web.Request, serve: Serve) -> web.StreamResponse:
    """Nothing is done; a proxy says something of its own."""
    return web.Response(text="welcome")
