"""Keeps one shelf as the API server has it: a list, then a watch, through every fault."""

import asyncio
import logging
import random
from typing import Final, Generic, TypeVar

import msgspec

from controller.adapters.kube.client import Expired, Failure, KubeClient, Lines, Query, failure_of
from controller.adapters.kube.objects import Page, Versioned, WatchEvent
from controller.adapters.kube.store import Entry, Key, Shelf
from controller.engine.ports import Refused, Unavailable

LIST_TIMEOUT_SECONDS: Final = 30.0
WATCH_SECONDS: Final = 240
WATCH_SPREAD: Final = 0.2
# The server sends a bookmark about every minute: longer silence is a dead connection.
IDLE_SECONDS_MAX: Final = 75.0
BACKOFF_SECONDS_FIRST: Final = 0.5
BACKOFF_SECONDS_MAX: Final = 30.0
# How soon a kind that may be done without is asked for again when the account may not see it.
REFUSED_SECONDS: Final = 600.0
# A proxy may answer 200 and hang up at once: that is a fault, not the end of a watch.
WATCH_SECONDS_MIN: Final = 1.0

_PAGE: Final = msgspec.json.Decoder(Page)
_EVENT: Final = msgspec.json.Decoder(WatchEvent)
_FAILURE: Final = msgspec.json.Decoder(Failure)
_VERSIONED: Final = msgspec.json.Decoder(Versioned)

T = TypeVar("T")
_logger = logging.getLogger(__name__)


class Reflector(Generic[T]):
    """One kind, in one namespace or in all.

    `synced` is set when the first list was taken. `relists` and `reconnects` count what went wrong
    or was renewed since; `age_seconds` is how long nothing was heard from the server. A kind that
    is not required is hardly asked for again where the account may not see it, and only the first
    refusal is a warning. `selector` narrows what is asked for; `trouble` says what went wrong last,
    empty once the server was heard again.
    """

    def __init__(
        self,
        client: KubeClient,
        shelf: Shelf[T],
        namespace: str | None,
        *,
        dice: random.Random,
        idle_seconds_max: float = IDLE_SECONDS_MAX,
        selector: Query | None = None,
    ) -> None:
        self.namespace = namespace
        self.synced = asyncio.Event()
        self.trouble = ""
        self.relists = 0
        self.reconnects = 0
        self._client = client
        self._shelf = shelf
        self._path = shelf.resource.path(namespace)
        self._selector = selector or {}
        self._dice = dice
        self._idle_seconds_max = idle_seconds_max
        self._was_refused = False
        self._version: str | None = None
        self._failures = 0
        self._heard_at: float | None = None

    @property
    def kind(self) -> str:
        """What is reflected, as the API calls it."""
        return self._shelf.resource.plural

    def age_seconds(self) -> float:
        """Seconds since the server said anything; infinite before it ever did."""
        if self._heard_at is None:
            return float("inf")
        return asyncio.get_running_loop().time() - self._heard_at

    async def run(self) -> None:
        """Reflect until cancelled."""
        while True:
            try:
                if self._version is None:
                    self._version = await self._list()
                else:
                    await self._watch(self._version)
            except Expired as error:
                self._version = None
                await self._back_off(error)
            except Refused as error:
                if self._shelf.resource.required:
                    await self._back_off(error)
                else:
                    await self._do_without(error)
            except Unavailable as error:
                await self._back_off(error)

    async def _do_without(self, error: Refused) -> None:
        level = logging.DEBUG if self._was_refused else logging.WARNING
        self._was_refused = True
        _logger.log(level, "%s: %s; going on without", self._path, error)
        await asyncio.sleep(REFUSED_SECONDS)

    async def _back_off(self, error: Exception) -> None:
        ceiling = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_FIRST * 2.0 ** min(self._failures, 10))
        self._failures += 1
        pause = self._dice.uniform(0.0, ceiling)
        self.trouble = str(error)
        _logger.warning("%s: %s; trying again in %.1f s", self._path, error, pause)
        await asyncio.sleep(pause)

    def _heard(self) -> None:
        self.trouble = ""
        self._heard_at = asyncio.get_running_loop().time()

    async def _list(self) -> str:
        """Take the whole list, page by page; returns the version to watch from."""
        entries: dict[Key, Entry[T]] = {}
        limit = self._shelf.resource.page_items_max
        query: dict[str, str | int] = {**self._selector, "limit": limit}
        while True:
            body = await self._client.request(
                "GET", self._path, query=query, timeout_seconds=LIST_TIMEOUT_SECONDS
            )
            page = _decoded(_PAGE, body)
            for item in page.items or ():
                entry = self._read(item)
                if entry is not None and entry.owner is not None:
                    entries[entry.key] = entry
            if not page.metadata.continue_:
                break
            query["continue"] = page.metadata.continue_
        version = page.metadata.resource_version
        self._shelf.replace(entries, int(version), self.namespace)
        self._heard()
        self.relists += self.synced.is_set()
        self.synced.set()
        return version

    async def _watch(self, version: str) -> None:
        """Follow the changes since `version` until the server ends the watch, as it should."""
        low, high = 1 - WATCH_SPREAD, 1 + WATCH_SPREAD
        seconds = round(WATCH_SECONDS * self._dice.uniform(low, high))
        query: Query = {
            **self._selector,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": seconds,
        }
        self.reconnects += 1
        loop = asyncio.get_running_loop()
        started = loop.time()
        limit = seconds + self._idle_seconds_max
        async with self._client.stream(self._path, query=query, timeout_seconds=limit) as lines:
            # It answers; when it says something about the objects is another matter.
            self.trouble = ""
            while line := await self._line(lines):
                self._heard()
                self._take(line)
                self._failures = 0
        if loop.time() - started < WATCH_SECONDS_MIN:
            raise Unavailable("the watch ended at once")

    async def _line(self, lines: Lines) -> bytes:
        """The next whole line; empty at the end."""
        try:
            async with asyncio.timeout(self._idle_seconds_max):
                line = await lines.readline()
        except TimeoutError as error:
            raise Unavailable(f"silent for {self._idle_seconds_max:g} s") from error
        except ValueError as error:
            # The client's limit for a line: a list shows the object in another way, or skips it.
            raise Expired(f"a line too long to read: {error}") from error
        if line and not line.endswith(b"\n"):
            raise Unavailable("the connection broke within a line")
        return line

    def _take(self, line: bytes) -> None:
        """Put one event on the shelf."""
        event = _decoded(_EVENT, line)
        if event.type == "ERROR":
            failure = _decoded(_FAILURE, event.object)
            raise failure_of(failure.code or 500, bytes(event.object))
        version = _decoded(_VERSIONED, event.object).metadata.resource_version
        if event.type != "BOOKMARK":
            entry = self._read(event.object)
            if entry is not None and event.type == "DELETED":
                self._shelf.drop(entry.key, entry.version)
            elif entry is not None:
                self._shelf.put(entry)
        self._version = version
        self._shelf.reach(self.namespace, int(version))

    def _read(self, source: msgspec.Raw) -> Entry[T] | None:
        """The object, or None if it is so odd that it cannot be read: the others go on."""
        try:
            return self._shelf.resource.read(source)
        except msgspec.ValidationError as error:
            _logger.warning("%s: an object is passed over: %s", self._path, error)
            return None


D = TypeVar("D")


def _decoded(decoder: "msgspec.json.Decoder[D]", source: bytes | msgspec.Raw) -> D:
    """What was sent, or Unavailable when it is not what an API server sends: a proxy's page."""
    try:
        return decoder.decode(source)
    except msgspec.DecodeError as error:
        raise Unavailable(f"not an answer of the API: {bytes(source[:80])!r}") from error
