"""The doorway as it is served: behind it two routes, before it a real server of reviews."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from ipaddress import ip_network
from typing import Annotated, Any, Final

import httpx
from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CollectorRegistry

from controller.adapters.http.app import Health, build_app, serve
from controller.adapters.http.doorway import Caller, Doorway, Premises
from controller.adapters.http.sessions import COOKIE, Sessions
from controller.adapters.http.sign_in import build_sign_in
from controller.adapters.kube.reviews import KubeReviews
from controller.engine.access import Gatekeeper
from tests.adapters.kube.authority import AUDIENCE, Authority, holding

START: Final = datetime(2026, 5, 4, 12, tzinfo=UTC)
OWN: Final = {"sec-fetch-site": "same-origin"}
PROXIES: Final = ("10.0.0.0/8", "fd00::/8", "127.0.0.1/32")


@dataclass
class Clock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def wait(self, **span: float) -> None:
        self.at += timedelta(**span)


def routes(door: Any) -> APIRouter:
    """What is behind the door: who was let in."""
    router = APIRouter()

    async def who(caller: Annotated[Caller, Depends(door.caller)]) -> dict[str, str]:
        return {"name": caller.person.name, "via": caller.via}

    async def act(caller: Annotated[Caller, Depends(door.caller)]) -> dict[str, str]:
        return await who(caller)

    router.add_api_route("/who", who, methods=["GET"])
    router.add_api_route("/act", act, methods=["POST"])
    return router


@dataclass
class House:
    """Clients of the served application, with and without a session."""

    authority: Authority
    clock: Clock
    doorway: Doorway
    http: httpx.AsyncClient
    cookie: str = ""

    async def who(self, token: str = "", **headers: str) -> httpx.Response:
        said = {"authorization": f"Bearer {token}"} if token else {}
        return await self.http.get("/who", headers={**said, **_dashed(headers)})

    async def browse(
        self, path: str = "/who", method: str = "GET", **headers: str
    ) -> httpx.Response:
        """With the session that `sign_in` got, as a page of ours would."""
        said = {"cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        return await self.http.request(method, path, headers={**said, **OWN, **_dashed(headers)})

    async def sign_in(self, token: str, following: str = "/", **headers: str) -> httpx.Response:
        """The form of the page; keeps the cookie, as a browser would on TLS or loopback."""
        said = {"cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        response = await self.http.post(
            "/session",
            data={"token": token, "next": following},
            headers={**said, **OWN, **_dashed(headers)},
        )
        self.keep(response)
        return response

    def keep(self, response: httpx.Response) -> None:
        """What a browser would do with the cookies of an answer."""
        jar = SimpleCookie(response.headers.get("set-cookie", ""))
        if COOKIE in jar:
            self.cookie = jar[COOKIE].value


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True)
class Plan:
    """How the house is built."""

    proxies: tuple[str, ...] = ()
    url: str | None = None
    session: timedelta = timedelta(hours=8)
    authority: Authority = field(default_factory=Authority)
    pages: Callable[[Doorway, Gatekeeper], APIRouter] = lambda _door, _access: APIRouter()


@asynccontextmanager
async def opened(plan: Plan | None = None) -> AsyncIterator[House]:
    """A house with two tokens: "ada-1" and "eve-1"."""
    plan = plan or Plan()
    authority, clock = plan.authority, Clock()
    authority.issue("ada-1", "ada")
    authority.issue("eve-1", "eve")
    async with holding(authority) as client:
        access = Gatekeeper(KubeReviews(client, AUDIENCE), clock)
        premises = Premises(
            audience=AUDIENCE,
            trusted_proxies=tuple(ip_network(one) for one in plan.proxies),
            dashboard_url=plan.url,
        )
        doorway = Doorway(access, Sessions(clock, plan.session), clock, premises)
        app = served_app(routes(doorway), build_sign_in(doorway), plan.pages(doorway, access))
        async with visited(app) as http:
            yield House(authority, clock, doorway, http)


def served_app(*routers: APIRouter) -> FastAPI:
    health = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
    return build_app(health, CollectorRegistry(), *routers)


@asynccontextmanager
async def visited(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve(app, "127.0.0.1", 0) as port,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False
        ) as http,
    ):
        yield http
