"""Where open streams hang: each change is looked for once, written once, and sent to all."""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from controller.adapters.http.kinds import Kind
from controller.adapters.http.portrait import glance, portrait
from controller.adapters.http.portrait_moments import moment
from controller.adapters.http.problems import Trouble
from controller.adapters.http.releases import Releases, Source
from controller.adapters.http.sight import Sight
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.engine.journal import Entry

Paint = Callable[[Releases, Ref, bool], str]
"""The HTML of a Canary's page (True), or of its line in the list (False)."""

LOOK_SECONDS: Final = 0.5
# A release changes several times a second while its pods start; nobody reads that fast.
AGAIN_SECONDS: Final = 1.0
STREAMS_MAX: Final = 500
# A page is some 50 KB: a client that is further behind does not read at all.
BUFFERED_MAX: Final = 64
GONE_MAX: Final = 1_000
# Two looks apart, and a page that was made in between.
MARGIN: Final = timedelta(seconds=2 * LOOK_SECONDS)
RETRY_AFTER_SECONDS: Final = 5

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True, kw_only=True)
class Client:
    """One open stream: what it wants, and what waits to be sent. None in the queue is its end."""

    sight: Sight
    namespace: str | None = None
    name: str | None = None
    html: bool = False
    queue: asyncio.Queue[bytes | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=BUFFERED_MAX)
    )

    @property
    def whole(self) -> bool:
        """Whether all of one Canary is wanted, not a line of each."""
        return self.name is not None

    def wants(self, ref: Ref) -> bool:
        return (
            self.namespace in {None, ref.namespace}
            and self.name in {None, ref.name}
            and self.sight.shows(ref)
        )

    def send(self, event: bytes) -> bool:
        """Whether there was room for it."""
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            return False
        return True


@dataclass(slots=True)
class _Seen:
    """What was last told of a Canary. `told_at` is of the loop's clock, `at` of the releases'."""

    scene: Scene
    told_at: float
    at: datetime | None


class Hub:
    """All open streams. `run` has to run beside the server, in its loop.

    `cut` counts the streams that were ended because their readers were too slow.
    """

    def __init__(
        self, source: Source, paint: Paint | None = None, *, streams_max: int = STREAMS_MAX
    ) -> None:
        self.cut = 0
        self._source = source
        self._paint = paint
        self._streams_max = streams_max
        self._clients: set[Client] = set()
        self._seen: dict[Ref, _Seen] = {}
        self._gone: OrderedDict[Ref, datetime] = OrderedDict()
        self._number = 0
        self._epoch = ""
        self._somebody = asyncio.Event()
        self._closed = False

    def refs(self) -> tuple[Ref, ...]:
        """Every Canary there is."""
        return self._source().refs()

    def __len__(self) -> int:
        return len(self._clients)

    def join(self, client: Client, since: datetime | None, after: str) -> None:
        """Take a stream in, and send what it missed.

        `since`: what was changed from then on, None: everything as it is now. `after`: the id of
        the last moment that it had, empty: none is sent again. Raises Trouble when there are too
        many.
        """
        if self._closed or len(self._clients) >= self._streams_max:
            detail = f"{len(self._clients)} streams are open, no more at once: try again later"
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            raise Trouble(Kind.OVERLOADED, detail, headers=headers)
        releases = self._source()
        if not self._clients:
            self._catch_up(releases)
        writer = _Writer(releases, self._paint)
        for event in self._missed(client, releases, writer, since, after):
            if not client.send(event):
                break
        self._clients.add(client)
        self._somebody.set()

    def leave(self, client: Client) -> None:
        """Its reader is gone."""
        self._clients.discard(client)
        if not self._clients:
            self._somebody.clear()

    def close(self) -> None:
        """End every stream, so that the server can end: browsers come back by themselves."""
        self._closed = True
        for client in tuple(self._clients):
            self._end(client)

    async def run(self) -> None:
        """Look for changes as long as somebody listens."""
        while True:
            await self._somebody.wait()
            try:
                self.look()
            except Exception:
                # Whatever is wrong with what is shown, what is decided goes on without it.
                log.exception("The open pages cannot be kept up to date: ended, they come back")
                for client in tuple(self._clients):
                    self._end(client)
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Send what has changed since the last look."""
        releases = self._source()
        writer = _Writer(releases, self._paint)
        for entry in self._entries(releases):
            self._send(entry.ref, writer.moment(entry), moments=True)
        for ref in self._changed(releases):
            self._tell(ref, writer)
        for ref in self._left(releases):
            self._send(ref, writer.gone(ref), moments=False, alike=True)

    def _tell(self, ref: Ref, writer: "_Writer") -> None:
        for client in tuple(self._clients):
            if client.wants(ref):
                self._give(client, writer.state(ref, whole=client.whole, html=client.html))

    def _send(self, ref: Ref, event: bytes, *, moments: bool, alike: bool = False) -> None:
        """Pages are painted anew when something happens: they need no moments."""
        for client in tuple(self._clients):
            if client.wants(ref) and (alike or client.html is not moments):
                self._give(client, event)

    def _give(self, client: Client, event: bytes) -> None:
        if not client.send(event):
            self.cut += 1
            self._end(client)

    def _end(self, client: Client) -> None:
        """What still waits is dropped: the reader comes back and gets what is then."""
        self.leave(client)
        while not client.queue.empty():
            client.queue.get_nowait()
        client.queue.put_nowait(None)

    def _entries(self, releases: Releases) -> tuple[Entry, ...]:
        if releases.epoch != self._epoch:
            self._epoch, self._number = releases.epoch, 0
        entries = releases.since(self._number)
        if entries:
            self._number = entries[-1].number
        return entries

    def _catch_up(self, releases: Releases) -> None:
        """Nobody listened: what happened meanwhile is in the pages that were loaded since."""
        self._entries(releases)
        for _ in self._changed(releases, always=True):
            pass
        for _ in self._left(releases):
            pass

    def _changed(self, releases: Releases, *, always: bool = False) -> Iterator[Ref]:
        now = asyncio.get_running_loop().time()
        for ref in releases.refs():
            scene, seen = releases.scene(ref), self._seen.get(ref)
            if scene is None:
                continue
            if seen is None:
                # Not known since when it is like that: for any page it may be news.
                self._seen[ref] = _Seen(scene, now, None if always else releases.now())
                self._gone.pop(ref, None)
                yield ref
            elif seen.scene is not scene and (always or now - seen.told_at >= AGAIN_SECONDS):
                if seen.scene != scene:
                    seen.told_at, seen.at = now, releases.now()
                    yield ref
                seen.scene = scene

    def _left(self, releases: Releases) -> Iterator[Ref]:
        for ref in self._seen.keys() - set(releases.refs()):
            del self._seen[ref]
            self._gone[ref] = releases.now()
            if len(self._gone) > GONE_MAX:
                self._gone.popitem(last=False)
            yield ref

    def _missed(
        self,
        client: Client,
        releases: Releases,
        writer: "_Writer",
        since: datetime | None,
        after: str,
    ) -> Iterator[bytes]:
        if after and not client.html:
            epoch, _, number = after.rpartition("-")
            known = epoch == releases.epoch and number.isascii() and number.isdecimal()
            for entry in releases.since(int(number[:18]) if known else 0):
                if entry.number <= self._number and client.wants(entry.ref):
                    yield writer.moment(entry)
        for ref, seen in self._seen.items():
            if client.wants(ref) and (since is None or _is_news(seen.at, since)):
                yield writer.state(ref, whole=client.whole, html=client.html)
        for ref, at in self._gone.items():
            if client.wants(ref) and since is not None and _is_news(at, since):
                yield writer.gone(ref)


def _is_news(at: datetime | None, since: datetime) -> bool:
    return at is None or at >= since - MARGIN


class _Writer:
    """Writes each event at most once for all who want it."""

    def __init__(self, releases: Releases, paint: Paint | None) -> None:
        self._releases = releases
        self._paint = paint
        self._written: dict[tuple[Ref, bool, bool], bytes] = {}

    def state(self, ref: Ref, *, whole: bool, html: bool) -> bytes:
        """How a Canary is now: all of it or its line, as HTML or as the API shows it."""
        key = (ref, whole, html)
        if key not in self._written:
            name = "canary" if whole else "glance"
            self._written[key] = encoded(name, self._data(ref, whole=whole, html=html))
        return self._written[key]

    def moment(self, entry: Entry) -> bytes:
        """Something was decided; its id tells from where on to send again."""
        said = moment(entry).model_dump(mode="json", by_alias=True)
        where = {"namespace": entry.ref.namespace, "name": entry.ref.name, "number": entry.number}
        return encoded("moment", json.dumps(where | said), f"{self._releases.epoch}-{entry.number}")

    def gone(self, ref: Ref) -> bytes:
        """A Canary was deleted."""
        return encoded("gone", json.dumps({"namespace": ref.namespace, "name": ref.name}))

    def _data(self, ref: Ref, *, whole: bool, html: bool) -> str:
        if html and self._paint is not None:
            painted = self._paint(self._releases, ref, whole)
            said: dict[str, Any] = {"namespace": ref.namespace, "name": ref.name, "html": painted}
            return json.dumps(said, ensure_ascii=False)
        scene = self._releases.scene(ref)
        assert scene is not None, "what has changed is there, in one view"
        shape = portrait(self._releases, ref, course=False) if whole else glance(scene)
        assert shape is not None, "what has changed is there, in one view"
        return shape.model_dump_json(by_alias=True)


def encoded(event: str, data: str, event_id: str = "") -> bytes:
    """An event as it goes over the wire. JSON has no line breaks of its own."""
    assert not {"\n", "\r"} & set(data), "an event is one line"
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {event}\ndata: {data}\n\n".encode(errors="replace")
