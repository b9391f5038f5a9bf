"""A small API server: lists in pages, watches, guarded writes, and every way to misbehave."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from controller.adapters.kube.client import KubeClient
from tests.adapters.kube.patches import patched_by

Object = dict[str, Any]


class Fault(StrEnum):
    """What the next answer of a kind is instead of the right one."""

    GONE = "410"
    GONE_EVENT = "410 as an event"
    TOO_LARGE = "504 Too large resource version"
    TORN = "half a line"
    PAGE = "a proxy's page with 502"
    GARBAGE = "a page with 200"
    FORBIDDEN = "403"
    SILENT = "nothing at all"
    RESET = "connection reset"
    EMPTY = "200 and the end"


@dataclass
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    agent: str
    body: Any = None


REVIEW: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@dataclass
class ApiServer:
    """Objects by path.

    `faults` are taken from the front, by "list", "watch", or a method; None is a right answer.
    `forbidden` are paths that the account may not see.
    """

    objects: dict[str, Object] = field(default_factory=dict)
    version: int = 100
    faults: dict[str, list[Fault | None]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    logs: dict[str, bytes] = field(default_factory=dict)
    bookmarks: int = 0
    forbidden: frozenset[str] = frozenset()
    user: str = "system:serviceaccount:canary-controller:canary-controller"
    _history: list[tuple[int, str, str, Object]] = field(default_factory=list)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    _closing: bool = False

    def put(self, path: str, found: Object) -> Object:
        """Create or change an object behind the controller's back."""
        self.version += 1
        known = path in self.objects
        found = copy.deepcopy(found)
        found["metadata"]["resourceVersion"] = str(self.version)
        self.objects[path] = found
        self._note("MODIFIED" if known else "ADDED", path, found)
        return found

    def remove(self, path: str) -> None:
        """Delete an object."""
        self.version += 1
        gone = self.objects.pop(path)
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._note("DELETED", path, gone)

    def remove_unseen(self, path: str) -> None:
        """Delete an object so that only a list can show it."""
        self.version += 1
        del self.objects[path]

    def watches(self) -> list[Asked]:
        """The watches that were opened."""
        return [one for one in self.asked if "watch" in one.query]

    def lists(self) -> list[Asked]:
        """The pages that were asked for."""
        return [one for one in self.asked if "limit" in one.query]

    def writes(self) -> list[Asked]:
        """What was written, in order."""
        return [one for one in self.asked if one.method != "GET" and one.path != REVIEW]

    def _note(self, kind: str, path: str, found: Object) -> None:
        self._history.append((self.version, kind, path.rsplit("/", 1)[0], found))
        asyncio.get_running_loop().call_soon(asyncio.ensure_future, self._wake())

    async def _wake(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def close(self) -> None:
        self._closing = True
        await self._wake()

    def _is_open(self) -> bool:
        return not self._closing

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Every request."""
        text = await request.text()
        query, path = dict(request.query), request.path
        asked = Asked(
            request.method,
            path,
            query,
            request.headers.get("Content-Type", ""),
            request.headers.get("User-Agent", ""),
            json.loads(text) if text else None,
        )
        self.asked.append(asked)
        if path in self.forbidden:
            return refusal(403, "Forbidden", f"{path} is forbidden")
        verb = "watch" if "watch" in query else "list" if "limit" in query else request.method
        waiting = self.faults.get(verb, [])
        fault = waiting.pop(0) if waiting else None
        if fault is not None and (answer := await self._broken(request, fault)) is not None:
            return answer
        if verb == "watch":
            return await self._watch(request, fault)
        if path.endswith("/log"):
            log = self.logs.get(f"{path}?previous={query['previous']}")
            return web.Response(body=log) if log is not None else refusal(400, "BadRequest")
        if verb == "list":
            return self._list(path, query)
        if path == REVIEW:
            return web.json_response({"status": {"userInfo": {"username": self.user}}}, status=201)
        return self._one(asked)

    async def _broken(self, request: web.Request, fault: Fault) -> web.StreamResponse | None:
        match fault:
            case Fault.GONE:
                return refusal(410, "Expired", "too old resource version")
            case Fault.TOO_LARGE:
                message = "Timeout: Too large resource version: 900, current: 100"
                return refusal(
                    504, "Timeout", message, causes=[{"reason": "ResourceVersionTooLarge"}]
                )
            case Fault.FORBIDDEN:
                return refusal(403, "Forbidden", "pods is forbidden")
            case Fault.PAGE:
                return web.Response(status=502, text="<html>\nBad\ngateway\n</html>")
            case Fault.GARBAGE:
                return web.Response(text="<html>\nWelcome\n</html>\n", content_type="text/html")
            case Fault.EMPTY:
                return web.Response(text="")
            case Fault.RESET:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case Fault.SILENT if "watch" not in request.query:
                await asyncio.sleep(30)
        return None

    def _list(self, path: str, query: dict[str, str]) -> web.Response:
        labels = dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair)
        items = [
            found
            for where, found in sorted(self.objects.items())
            if within(where, path)
            and labels.items() <= (found["metadata"].get("labels") or {}).items()
        ]
        begin = int(query.get("continue", "0"))
        end = begin + int(query["limit"])
        metadata = {"resourceVersion": str(self.version)}
        if end < len(items):
            metadata["continue"] = str(end)
        return web.json_response({"metadata": metadata, "items": items[begin:end] or None})

    async def _watch(self, request: web.Request, fault: Fault | None) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        if fault is Fault.GONE_EVENT:
            status = {"kind": "Status", "code": 410, "reason": "Expired"}
            await answer.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
            return answer
        after = int(request.query["resourceVersion"])
        while self._is_open():
            for version, kind, collection, found in tuple(self._history):
                known, after = version <= after, max(version, after)
                if not known and within(f"{collection}/x", request.path):
                    line = json.dumps({"type": kind, "object": found}).encode() + b"\n"
                    if fault is Fault.TORN:
                        await answer.write(line[: len(line) // 2])
                        return answer
                    if fault is not Fault.SILENT:
                        await answer.write(line)
            if self.bookmarks > after:
                after = self.bookmarks
                mark = {"metadata": {"resourceVersion": str(after)}}
                await answer.write(
                    json.dumps({"type": "BOOKMARK", "object": mark}).encode() + b"\n"
                )
            async with self._moved:
                newest = self._history[-1][0] if self._history else 0
                if self._is_open() and newest <= after:
                    await self._moved.wait()
        return answer

    def _one(self, asked: Asked) -> web.Response:
        """One object: read, made or patched."""
        path = asked.path.removesuffix("/status")
        if asked.method == "POST":
            path = f"{path}/{asked.body['metadata']['name']}"
            if path in self.objects:
                return refusal(409, "AlreadyExists")
            made = {"uid": f"uid-{self.version}", "creationTimestamp": "2026-01-02T00:00:00Z"}
            body = {**asked.body, "metadata": {**asked.body["metadata"], **made}}
            return web.json_response(self.put(path, body), status=201)
        known = self.objects.get(path)
        if known is None:
            return refusal(404, "NotFound", f"{path} not found")
        if asked.method == "GET":
            return web.json_response(known)
        patched = patched_by(known, asked.body, asked.content_type)
        if patched is None:
            return refusal(422, "Invalid", "the server rejected our request")
        if patched["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"]:
            return refusal(409, "Conflict", "the object has been modified")
        return web.json_response(self.put(path, patched))


def within(path: str, collection: str) -> bool:
    """Whether an object's path is in a list's: of its namespace or of the cluster."""
    if path.rsplit("/", 1)[0] == collection:
        return True
    root, _, plural = collection.rpartition("/")
    return path.startswith(f"{root}/namespaces/") and path.split("/")[-2] == plural


def refusal(status: int, reason: str, message: str = "", **details: Any) -> web.Response:
    """A `Status` object."""
    body = {"kind": "Status", "code": status, "reason": reason, "message": message}
    return web.json_response({**body, "details": details}, status=status)


@asynccontextmanager
async def serving(server: ApiServer) -> AsyncIterator[KubeClient]:
    """A client of this server, both gone afterwards."""
    application = web.Application(client_max_size=2**22)
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    client = KubeClient(
        Configuration(host=f"http://{host}:{port}"), user_agent="canary-controller/t"
    )
    try:
        yield client
    finally:
        await client.close()
        await server.close()
        await runner.cleanup()


async def until(holds: Callable[[], object]) -> None:
    """Wait for what a watch is about to bring; the test as a whole has the limit."""
    while not holds():  # noqa: ASYNC110 - it is the wire that is waited for, no task of ours
        await asyncio.sleep(0.002)
