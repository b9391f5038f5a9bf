"""The door of every request: who is asking, by a bearer token or by the session of a browser."""

import hashlib
import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fastapi import Request

from controller.adapters.http.csrf import (
    SAFE_METHODS,
    is_from_a_browser,
    is_loopback_host,
    is_own,
)
from controller.adapters.http.doorway_places import UNKNOWN, Address, Failures, Network, place_of
from controller.adapters.http.kinds import Kind
from controller.adapters.http.problems import Trouble
from controller.adapters.http.sessions import Sessions, session_id
from controller.engine.ports import Access, Clock, Person, Unavailable

# A token that was good goes on to be asked about, however many bad ones come from its address.
PROVEN: Final = timedelta(minutes=10)
PROVEN_MAX: Final = 4_096
UNAVAILABLE_RETRY_SECONDS: Final = 2
CHALLENGE: Final = 'Bearer realm="canary-controller"'

DEMO: Final = Person(name="demo")

audit = logging.getLogger("controller.audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who was let in. `via` says how and from where."""

    person: Person
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """How this service is reached.

    `audience` is whom tokens have to be made for, `trusted_proxies` are the networks whose
    X-Forwarded-For is believed, `dashboard_url` is the address that people have of us.
    """

    audience: str
    trusted_proxies: tuple[Network, ...] = ()
    dashboard_url: str | None = None

    @property
    def how(self) -> str:
        """How to get a token, in one command."""
        return f"kubectl create token NAME --audience={self.audience}"


class Doorway:
    """Lets in whom the cluster knows, and nobody when it cannot be asked."""

    def __init__(
        self, access: Access, sessions: Sessions, clock: Clock, premises: Premises
    ) -> None:
        self.sessions = sessions
        self.premises = premises
        self._access = access
        self._clock = clock
        self._failures = Failures(clock)
        self._proven: OrderedDict[bytes, datetime] = OrderedDict()

    @staticmethod
    def open(person: Person = DEMO) -> "OpenDoorway":
        """For a demo: everybody on this machine is `person`, and nobody else gets in."""
        return OpenDoorway(person)

    async def caller(self, request: Request) -> Caller:
        """Who is asking. Raises Trouble: 401, 403 (another site), 429 or 503."""
        place = place_of(request, self.premises.trusted_proxies)
        said = request.headers.getlist("authorization")
        if said:
            person = await self.owner(self._bearer(said, place), place)
            return Caller(person=person, via=f"REST API from {place or UNKNOWN}")
        name = session_id(request)
        if name is None:
            raise self._unknown("no token")
        if request.method not in SAFE_METHODS:
            self.check_own(request)
        person = await self._of_session(name, place)
        return Caller(person=person, via=f"dashboard from {place or UNKNOWN}")

    async def owner(self, token: str, place: Address | None) -> Person:
        """Whose token it is. Raises Trouble: 401, 429 or 503.

        Failures are counted by place. What is known to be good is asked about all the same, so
        that nobody can lock out those who come from the same address.
        """
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        now = self._clock.now()
        proven = self._proven.get(digest)
        if proven is None or now >= proven:
            self._check_failures(place)
        self._failures.add(place)
        try:
            person = await self._access.person(token)
        except Unavailable as error:
            self._failures.take_back(place)
            raise _unavailable(error) from error
        if person is None:
            self._proven.pop(digest, None)
            wait = self._failures.wait_seconds(place)
            rest = f"; too many: the next one is looked at in {wait} s" if wait else ""
            audit.info("refused a token from %s%s", place or UNKNOWN, rest)
            raise self._unknown(
                "the cluster does not take this token: it is wrong, expired, revoked, or made for "
                "another audience",
                ', error="invalid_token"',
            )
        self._failures.take_back(place)
        self._prove(digest, now + PROVEN)
        return person

    def check_own(self, request: Request) -> None:
        """Raises Trouble (403) unless one of our own pages sent this."""
        if is_own(request.headers, self.premises.dashboard_url):
            return
        place = place_of(request, self.premises.trusted_proxies)
        origin = request.headers.get("origin", "")[:100]
        audit.info("refused what %r sent, through a browser at %s", origin, place or UNKNOWN)
        raise Trouble(
            Kind.CROSS_SITE,
            "the request comes from another site: use the page of this service, or a bearer "
            "token; if it did come from our page, tell an administrator to set dashboard_url to "
            "the address that your browser shows",
        )

    async def _of_session(self, name: str, place: Address | None) -> Person:
        """Sessions live as long as their token: one that is revoked ends them."""
        session = self.sessions.find(name)
        if session is None:
            raise _over()
        try:
            person = await self._access.person(session.token)
        except Unavailable as error:
            raise _unavailable(error) from error
        if person is None or (person.name, person.uid) != (
            session.person.name,
            session.person.uid,
        ):
            self.sessions.end(name)
            audit.info(
                "the session of %s at %s is over: its token is not valid any more",
                session.person.name,
                place or UNKNOWN,
            )
            raise _over()
        return person

    def _bearer(self, said: list[str], place: Address | None) -> str:
        scheme, _, token = said[0].partition(" ")
        if len(said) > 1 or scheme.lower() != "bearer" or not token.strip():
            self._check_failures(place)
            self._failures.add(place)
            raise self._unknown(
                "the header Authorization is not one bearer token", ', error="invalid_request"'
            )
        return token.strip()

    def _check_failures(self, place: Address | None) -> None:
        seconds = self._failures.wait_seconds(place)
        if seconds > 0:
            raise Trouble(
                Kind.TOO_MANY,
                f"too many failed attempts from {place or UNKNOWN}: wait for {seconds} s, and use "
                "a valid token",
                headers={"Retry-After": str(seconds)},
            )

    def _prove(self, digest: bytes, until: datetime) -> None:
        self._proven[digest] = until
        self._proven.move_to_end(digest)
        while len(self._proven) > PROVEN_MAX:
            self._proven.popitem(last=False)

    def _unknown(self, why: str, error: str = "") -> Trouble:
        return Trouble(
            Kind.UNAUTHENTICATED,
            f"{why}: send Authorization: Bearer <token>, made for the audience "
            f"{self.premises.audience} ({self.premises.how}), or sign in at /sign-in",
            headers={"WWW-Authenticate": CHALLENGE + error},
        )


class OpenDoorway:
    """Lets in everybody on this machine, and nothing that a page from elsewhere sends there."""

    def __init__(self, person: Person) -> None:
        self._person = person

    async def caller(self, request: Request) -> Caller:
        """Who is asking. Raises Trouble: 403."""
        place = place_of(request, ())
        # A name that was made to point at this machine would make a page of another site ours.
        if place is None or not place.is_loopback or not is_loopback_host(request.headers):
            raise Trouble(
                Kind.FORBIDDEN,
                "the demo is for this machine only: open it at http://127.0.0.1 or localhost",
            )
        if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
            raise Trouble(Kind.FORBIDDEN, "the demo is for this machine only, not for a proxy")
        unsafe = request.method not in SAFE_METHODS
        if unsafe and is_from_a_browser(request.headers) and not is_own(request.headers, None):
            raise Trouble(Kind.CROSS_SITE, "the request comes from another site: use our page")
        return Caller(person=self._person, via="the demo")


def _over() -> Trouble:
    return Trouble(
        Kind.SESSION_EXPIRED,
        "the session is over: sign in again at /sign-in",
        headers={"WWW-Authenticate": CHALLENGE},
    )


def _unavailable(error: Unavailable) -> Trouble:
    return Trouble(
        Kind.UNAVAILABLE,
        f"the Kubernetes API server cannot be asked who you are ({error}): try again in a moment",
        headers={"Retry-After": str(UNAVAILABLE_RETRY_SECONDS)},
    )
