"""An asynchronous client of the Kubernetes API for the rig's own daemons."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp

from tests.e2e.rig.api import MERGE
from tests.e2e.rig.kubeconfig import Access

Object = dict[str, Any]

REQUEST_TIMEOUT_SECONDS: Final = 20
WATCH_SECONDS: Final = 600
RETRY_SECONDS: Final = 0.2
ATTEMPTS_MAX: Final = 25
CONNECTIONS_MAX: Final = 64


class Refused(RuntimeError):
    """The API server answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text[:500]}")
        self.status = status


class Client:
    def __init__(self, access: Access) -> None:
        self._server = access.server
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=access.tls, limit=CONNECTIONS_MAX),
            headers=access.headers,
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS),
            read_bufsize=2**22,  # one line of a watch is one whole object
        )

    async def close(self) -> None:
        await self._session.close()

    async def request(
        self, method: str, path: str, body: object = None, *, content_type: str = MERGE
    ) -> Object:
        """Repeats what met a server that was away or overloaded; raises `Refused` otherwise."""
        for attempt in range(ATTEMPTS_MAX):
            try:
                return await self._request(method, path, body, content_type)
            except Refused as error:
                if error.status not in {429, 500, 503, 504} or attempt == ATTEMPTS_MAX - 1:
                    raise
            except (aiohttp.ClientError, TimeoutError):
                if attempt == ATTEMPTS_MAX - 1:
                    raise
            await asyncio.sleep(RETRY_SECONDS)
        raise AssertionError("the last attempt returns or raises")

    async def _request(self, method: str, path: str, body: object, content_type: str) -> Object:
        async with self._session.request(
            method,
            self._server + path,
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json" if method != "PATCH" else content_type},
        ) as response:
            text = await response.text()
            if response.status >= 400:
                raise Refused(response.status, text)
            answer: Object = json.loads(text)
            return answer

    async def reflect(self, path: str, selector: str) -> AsyncIterator[tuple[str, Object]]:
        """All objects, then their changes, for ever.

        A lost watch lists again, and what is gone by then comes as DELETED.
        """
        known: dict[str, Object] = {}
        while True:
            try:
                listing = await self.request("GET", f"{path}?{selector}")
                current = {item["metadata"]["uid"]: item for item in listing["items"]}
                for uid in known.keys() - current.keys():
                    yield "DELETED", known.pop(uid)
                for item in current.values():
                    yield "ADDED", item
                known = current
                since = listing["metadata"]["resourceVersion"]
                async for kind, item in self._watch(f"{path}?{selector}&watch=true", since):
                    uid = item["metadata"]["uid"]
                    known[uid] = item
                    if kind == "DELETED":
                        del known[uid]
                    yield kind, item
            except (aiohttp.ClientError, TimeoutError, Refused):
                await asyncio.sleep(RETRY_SECONDS)

    async def _watch(self, path: str, since: str) -> AsyncIterator[tuple[str, Object]]:
        async with self._session.get(
            f"{self._server}{path}&resourceVersion={since}&timeoutSeconds={WATCH_SECONDS}",
            timeout=aiohttp.ClientTimeout(total=WATCH_SECONDS + 30),
        ) as response:
            if response.status >= 400:
                raise Refused(response.status, await response.text())
            while line := await response.content.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                yield event["type"], event["object"]
