"""Browsers that signed in: an opaque id for them, everything else stays here."""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from fastapi import Request, Response

from controller.engine.ports import Clock, Person

# With the prefix, a browser takes it over TLS only (or on its own machine), and from nobody but us.
COOKIE: Final = "__Host-canary-session"
IDLE: Final = timedelta(hours=1)
SESSIONS_MAX: Final = 2_000
SESSIONS_OF_ONE_MAX: Final = 10
ID_BYTES: Final = 32
ID_CHARACTERS_MAX: Final = 64


@dataclass(slots=True, kw_only=True)
class Session:
    """Who signed in, and the token that has to be good for as long."""

    person: Person
    token: str = field(repr=False)
    until: datetime
    used: datetime


class Sessions:
    """All that are open, in the order of their last use. `lifetime` is the longest for any."""

    def __init__(self, clock: Clock, lifetime: timedelta, idle: timedelta = IDLE) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._idle = idle
        # By the digest of the id: what is in memory is no key to anything.
        self._open: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, person: Person, token: str, end: datetime | None) -> tuple[str, timedelta]:
        """A new session's id, and how long it can last; `end` is the token's own, if it has one.

        Whoever opens too many ends the oldest of their own.
        """
        now = self._clock.now()
        until = now + self._lifetime
        session = Session(
            person=person, token=token, until=min(until, end) if end else until, used=now
        )
        self._sweep(now)
        own = [key for key, other in self._open.items() if other.person.name == person.name]
        for key in own[: max(0, len(own) + 1 - SESSIONS_OF_ONE_MAX)]:
            del self._open[key]
        while len(self._open) >= SESSIONS_MAX:
            self._open.popitem(last=False)
        name = secrets.token_urlsafe(ID_BYTES)
        self._open[_digest(name)] = session
        return name, session.until - now

    def find(self, name: str) -> Session | None:
        """The session of this id, used now; None when there is none, or none any more."""
        key, now = _digest(name), self._clock.now()
        session = self._open.get(key)
        if session is None:
            return None
        if self._is_over(session, now):
            del self._open[key]
            return None
        session.used = now
        self._open.move_to_end(key)
        return session

    def end(self, name: str) -> Session | None:
        """End it; the session that it was, if any."""
        return self._open.pop(_digest(name), None)

    def _sweep(self, now: datetime) -> None:
        for key in [key for key, one in self._open.items() if self._is_over(one, now)]:
            del self._open[key]

    def _is_over(self, session: Session, now: datetime) -> bool:
        return now >= session.until or now - session.used >= self._idle


def session_id(request: Request) -> str | None:
    """The id that the browser sent; None: none, or several, of which one is not from us."""
    found = [
        value.strip()
        for line in request.headers.getlist("cookie")
        for name, _, value in (pair.partition("=") for pair in line.split(";"))
        if name.strip() == COOKIE
    ]
    if len(found) != 1 or not 0 < len(found[0]) <= ID_CHARACTERS_MAX:
        return None
    return found[0]


def set_session(response: Response, name: str, lasts: timedelta) -> None:
    """Hand the id to the browser."""
    response.set_cookie(
        COOKIE,
        name,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="strict",
    )


def clear_session(response: Response) -> None:
    """Take the id back from the browser."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode(errors="surrogatepass")).digest()
