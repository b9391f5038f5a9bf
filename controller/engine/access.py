"""Who somebody is and what they may do: asked of the API server, and believed for seconds only.

A revoked token is refused within a minute: the API server itself believes a token for 10 s, we for
another 30 s, and a stream that stays open asks again every 15 s.
"""

import asyncio
import hashlib
import json
import re
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, Protocol, TypeVar

from controller.engine.ports import Clock, Conflict, Person, Refused, Unavailable, Verb

TOKEN_SECONDS: Final = 30.0
RIGHT_SECONDS: Final = 15.0
# Whoever was just granted something tries again at once.
NO_SECONDS: Final = 5.0
REVIEW_SECONDS: Final = 5.0
REVIEWS_AT_ONCE_MAX: Final = 8
FLIGHTS_MAX: Final = 256
TOKENS_MAX: Final = 4_096
RIGHTS_MAX: Final = 16_384
TOKEN_CHARACTERS_MAX: Final = 16_384

# RFC 6750's b64token. What does not look like one is not worth a question.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")

V = TypeVar("V")


class Reviews(Protocol):
    """The questions themselves. Both raise Unavailable or Refused: nobody answered."""

    async def whose(self, token: str) -> Person | None:
        """Whose token it is; None: it is not valid, or not meant for us."""
        ...

    async def allowed(self, person: Person, verb: Verb, namespace: str, name: str) -> bool:
        """Whether RBAC allows it; no namespace: in all of them, no name: any Canary there."""
        ...


class Gatekeeper:
    """`Access` over reviews: each question once at a time, few at once, none for long."""

    def __init__(self, reviews: Reviews, clock: Clock) -> None:
        self._reviews = reviews
        self._clock = clock
        # Apart, so that a flood of made-up tokens is not in the way of those who are known.
        self._persons: _Answers[Person | None] = _Answers(
            clock, most=TOKENS_MAX, believed_seconds=TOKEN_SECONDS
        )
        self._rights: _Answers[bool] = _Answers(
            clock, most=RIGHTS_MAX, believed_seconds=RIGHT_SECONDS
        )

    async def person(self, token: str) -> Person | None:
        """Whose token it is; None: it is not valid, or not meant for us. Raises Unavailable."""
        if len(token) > TOKEN_CHARACTERS_MAX or not _TOKEN.fullmatch(token):
            return None
        expiry = expiry_of(token)
        if expiry is not None and expiry <= self._clock.now():
            return None
        key = hashlib.sha256(token.encode()).digest()
        return await self._persons.of(key, lambda: self._reviews.whose(token), expiry)

    async def may(self, person: Person, verb: Verb, namespace: str, name: str = "") -> bool:
        """Whether RBAC allows it. Raises Unavailable."""
        said = (
            person.name,
            person.uid,
            person.groups,
            sorted((key, list(values)) for key, values in person.extra.items()),
            verb.value,
            namespace,
            name,
        )
        key = hashlib.sha256(json.dumps(said).encode()).digest()
        return await self._rights.of(
            key, lambda: self._reviews.allowed(person, verb, namespace, name)
        )


def expiry_of(token: str) -> datetime | None:
    """When a JWT says that it ends; None for what is no JWT, or says nothing.

    Nothing is verified: this only ever makes us believe a token for a shorter time.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        expiry = claims["exp"]
        return datetime.fromtimestamp(expiry, UTC) if isinstance(expiry, int | float) else None
    # Whatever is wrong with it: the API server judges it, not we.
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept(Generic[V]):
    answer: V
    asked: datetime
    until: datetime


@dataclass(slots=True)
class _Answers(Generic[V]):
    """What was answered lately, and the questions that are under way."""

    clock: Clock
    most: int
    believed_seconds: float
    # Apart, so that a flood of questions answered with no does not drive out a yes.
    _yes: OrderedDict[bytes, _Kept[V]] = field(default_factory=OrderedDict)
    _no: OrderedDict[bytes, _Kept[V]] = field(default_factory=OrderedDict)
    _flights: dict[bytes, asyncio.Task[V]] = field(default_factory=dict)
    _few: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REVIEWS_AT_ONCE_MAX))

    async def of(
        self, key: bytes, ask: Callable[[], Awaitable[V]], end: datetime | None = None
    ) -> V:
        """The answer, no older than is believed and never used after `end`."""
        kept = self._known(key)
        if kept is not None:
            return kept.answer
        flight = self._flights.get(key)
        if flight is None:
            if len(self._flights) >= FLIGHTS_MAX:
                raise Unavailable("too many questions to the API server are under way")
            # No group owns it: it ends within its time limit, whoever waits for it or went away.
            flight = asyncio.get_running_loop().create_task(self._fly(key, ask, end))
            self._flights[key] = flight
            flight.add_done_callback(_look_at)
        return await asyncio.shield(flight)

    def _known(self, key: bytes) -> _Kept[V] | None:
        now = self.clock.now()
        for answers in (self._yes, self._no):
            kept = answers.get(key)
            # A clock that was set back must not make an answer live for longer.
            if kept is not None and kept.asked <= now < kept.until:
                answers.move_to_end(key)
                return kept
        return None

    async def _fly(self, key: bytes, ask: Callable[[], Awaitable[V]], end: datetime | None) -> V:
        try:
            async with asyncio.timeout(REVIEW_SECONDS), self._few:
                asked = self.clock.now()
                answer = await ask()
        except TimeoutError as error:
            raise Unavailable(f"no answer within {REVIEW_SECONDS:g} s") from error
        except (Conflict, Refused) as error:
            # Not an answer to the question: it is we who may not ask.
            raise Unavailable(f"the API server does not let us ask: {error}") from error
        finally:
            del self._flights[key]
        self._keep(key, answer, asked, end)
        return answer

    def _keep(self, key: bytes, answer: V, asked: datetime, end: datetime | None) -> None:
        self._yes.pop(key, None)
        self._no.pop(key, None)
        seconds = self.believed_seconds if answer else NO_SECONDS
        until = asked + timedelta(seconds=seconds)
        answers = self._yes if answer else self._no
        answers[key] = _Kept(
            answer=answer, asked=asked, until=min(until, end) if answer and end else until
        )
        while len(answers) > self.most:
            answers.popitem(last=False)


def _look_at(flight: asyncio.Task[V]) -> None:
    """An error that nobody waits for any more is nobody's concern."""
    if not flight.cancelled():
        flight.exception()
