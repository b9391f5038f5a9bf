"""Where open streams hang: each change is looked for once, written once, and sent to all.

The decisions are made in the same event loop: whatever is long here is done in small pieces.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from controller.adapters.http.kinds import Kind
from controller.adapters.http.problems import Trouble
from controller.adapters.http.releases import Releases, Source
from controller.adapters.http.stream_events import (
    Paint,
    gap_event,
    gone_event,
    moment_event,
    read_id,
    state,
)
from controller.adapters.http.stream_wish import Client, Wish
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.engine.journal import Entry

LOOK_SECONDS: Final = 0.5
# A release changes several times a second while its pods start; nobody reads that fast.
AGAIN_SECONDS: Final = 1.0
# A look's news go out in so many slices at most, so that a decision never waits for more than one.
SLICES_MAX: Final = 40
SLICE_SECONDS: Final = 0.01
# A page takes some 10 ms to write: after each the loop is free for nine times as long, so that
# fifty open releases cost the decisions no more than one does; their pages are later instead.
REST_TIMES: Final = 9
REST_SECONDS_MAX: Final = 0.2
STREAMS_MAX: Final = 500
# A person has a few tabs, a script one; nobody takes the place of all others.
STREAMS_OF_ONE_MAX: Final = 100
GONE_MAX: Final = 1_000
# Two looks apart, and a page that was made in between.
MARGIN: Final = timedelta(seconds=2 * LOOK_SECONDS)
RETRY_AFTER_SECONDS: Final = 5

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Seen:
    """What was last told of a Canary. `told_at` is of the loop's clock, `at` of the releases'.

    `written` is that, as bytes, by (all of it, painted), as far as somebody wanted it.
    """

    scene: Scene
    told_at: float
    at: datetime | None
    written: dict[tuple[bool, bool], bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _News:
    """What one look found."""

    epoch: str
    entries: tuple[Entry, ...]
    changed: tuple[Ref, ...]
    gone: tuple[Ref, ...]


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

    async def join(self, client: Client, since: datetime | None = None, after: str = "") -> None:
        """Take a stream in, and send what it missed.

        `since`: what was changed from then on, None: everything as it is now. `after`: the id of
        the last moment that it had, empty: none is sent again. Raises Trouble when there are too
        many.
        """
        wish = client.wish
        self._check_room(client.owner)
        self._catch_up()
        for ref in self._wanted(wish, since):
            await self._prepare(ref, wish)
        # From here on nothing comes in between, so that nothing is missed and nothing is told in
        # the wrong order; it is almost all written by now.
        self._check_room(client.owner)
        self._catch_up()
        missed = self._moments(wish, after) if after and not wish.html else []
        missed += [self._state(ref, wish) for ref in self._wanted(wish, since)]
        missed += [gone_event(ref) for ref in self._deleted(wish, since)]
        self._clients.add(client)
        self._give(client, b"".join(missed))
        self._somebody.set()

    def leave(self, client: Client) -> None:
        """Its reader is gone."""
        self._clients.discard(client)
        if not self._clients:
            self._somebody.clear()

    def close(self) -> None:
        """End every stream, so that the server can end: browsers come back by themselves."""
        self._closed = True
        self._end_all()

    async def run(self) -> None:
        """Look for changes as long as somebody listens."""
        loop = asyncio.get_running_loop()
        while True:
            await self._somebody.wait()
            begun = loop.time()
            try:
                await self.look()
            except Exception:
                # Whatever is wrong with what is shown, what is decided goes on without it.
                log.exception("The open pages cannot be kept up to date: ended, they come back")
                self._end_all()
            await asyncio.sleep(max(0.0, begun + LOOK_SECONDS - loop.time()))

    async def look(self) -> None:
        """Send what has changed since the last look: the same bytes to all who want the same."""
        news = self._news(self._source())
        clients = tuple(self._clients)
        if not (news.entries or news.changed or news.gone):
            return
        written: dict[Wish, bytes] = {}
        slice_size = -(-len(clients) // SLICES_MAX)
        given = 0
        for client in clients:
            wish = client.wish
            if wish not in written:
                written[wish] = await self._told(wish, news)
            if written[wish]:
                self._give(client, written[wish])
                given += 1
                if given % slice_size == 0:
                    await asyncio.sleep(SLICE_SECONDS)

    async def _told(self, wish: Wish, news: _News) -> bytes:
        """Pages are painted anew when something happens: they need no moments."""
        said: list[bytes] = []
        if not wish.html:
            said += [moment_event(news.epoch, e) for e in news.entries if wish.covers(e.ref)]
        for ref in news.changed:
            if wish.covers(ref):
                await self._prepare(ref, wish)
                said.append(self._state(ref, wish))
        said += [gone_event(ref) for ref in news.gone if wish.covers(ref)]
        return b"".join(said)

    async def _prepare(self, ref: Ref, wish: Wish) -> None:
        """Write how a Canary is, where that is still to be done, and rest from it."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        if self._write(ref, wish):
            await asyncio.sleep(min(REST_SECONDS_MAX, REST_TIMES * (loop.time() - begun)))

    def _write(self, ref: Ref, wish: Wish) -> bool:
        """Write how a Canary is; whether that was still to be done."""
        seen = self._seen.get(ref)
        if seen is None or wish.form in seen.written:
            return False
        paint = self._paint if wish.html else None
        seen.written[wish.form] = state(self._source(), ref, paint, whole=wish.whole)
        return True

    def _state(self, ref: Ref, wish: Wish) -> bytes:
        """Empty when it was deleted meanwhile, which is told by the next look."""
        self._write(ref, wish)
        seen = self._seen.get(ref)
        return seen.written[wish.form] if seen is not None else b""

    def _give(self, client: Client, events: bytes) -> None:
        if not events or client not in self._clients:
            return
        try:
            client.queue.put_nowait(events)
        except asyncio.QueueFull:
            self.cut += 1
            self._end(client)

    def _end(self, client: Client) -> None:
        """What still waits is dropped: the reader comes back and gets what is then."""
        self.leave(client)
        with suppress(asyncio.QueueEmpty):
            while True:
                client.queue.get_nowait()
        client.queue.put_nowait(None)

    def _end_all(self) -> None:
        for client in tuple(self._clients):
            self._end(client)

    def _check_room(self, owner: str) -> None:
        own = sum(client.owner == owner for client in self._clients) if owner else 0
        if own >= STREAMS_OF_ONE_MAX:
            detail = f"{own} streams of {owner} are open, no more at once: close some"
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            raise Trouble(Kind.OVERLOADED, detail, headers=headers)
        if self._closed or len(self._clients) >= self._streams_max:
            detail = f"{len(self._clients)} streams are open, no more at once: try again later"
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            raise Trouble(Kind.OVERLOADED, detail, headers=headers)

    def _catch_up(self) -> None:
        """Nobody listened: what happened meanwhile is in the pages that were loaded since."""
        if not self._clients:
            self._news(self._source(), quiet=True)

    def _news(self, releases: Releases, *, quiet: bool = False) -> _News:
        if releases.epoch != self._epoch:
            self._epoch, self._number = releases.epoch, 0
        entries = releases.since(self._number)
        if entries:
            self._number = entries[-1].number
        changed = tuple(self._changed(releases, quiet=quiet))
        return _News(self._epoch, entries, changed, tuple(self._left(releases)))

    def _changed(self, releases: Releases, *, quiet: bool) -> Iterator[Ref]:
        now = asyncio.get_running_loop().time()
        for ref in releases.refs():
            scene, seen = releases.scene(ref), self._seen.get(ref)
            if scene is None:
                continue
            if seen is None:
                # Not known since when it is like that: for any page it may be news.
                self._seen[ref] = _Seen(scene, now, None if quiet else releases.now())
                self._gone.pop(ref, None)
                yield ref
            elif seen.scene is not scene and (quiet or now - seen.told_at >= AGAIN_SECONDS):
                if seen.scene != scene:
                    seen.told_at, seen.at = now, releases.now()
                    seen.written.clear()
                    yield ref
                seen.scene = scene

    def _left(self, releases: Releases) -> Iterator[Ref]:
        for ref in self._seen.keys() - set(releases.refs()):
            del self._seen[ref]
            self._gone[ref] = releases.now()
            if len(self._gone) > GONE_MAX:
                self._gone.popitem(last=False)
            yield ref

    def _moments(self, wish: Wish, after: str) -> list[bytes]:
        """What was decided after the last that was had, up to what the next look begins with."""
        releases, last = self._source(), read_id(after)
        known = last is not None and last[0] == releases.epoch
        number = last[1] if last is not None and known else 0
        entries = releases.since(number)
        said: list[bytes] = []
        if not known:
            reason = "the controller was started anew: what follows is all that it remembers"
            said.append(gap_event(reason))
        elif entries and entries[0].number > number + 1:
            said.append(gap_event("what came directly after your last moment is forgotten"))
        wanted = (e for e in entries if e.number <= self._number and wish.covers(e.ref))
        return said + [moment_event(releases.epoch, entry) for entry in wanted]

    def _wanted(self, wish: Wish, since: datetime | None) -> tuple[Ref, ...]:
        return tuple(
            ref
            for ref, seen in self._seen.items()
            if wish.covers(ref) and (since is None or _is_news(seen.at, since))
        )

    def _deleted(self, wish: Wish, since: datetime | None) -> Iterator[Ref]:
        for ref, at in self._gone.items():
            if wish.covers(ref) and since is not None and _is_news(at, since):
                yield ref


def _is_news(at: datetime | None, since: datetime) -> bool:
    return at is None or at + MARGIN >= since
