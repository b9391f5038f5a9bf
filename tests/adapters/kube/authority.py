"""An API server as far as it answers who somebody is and what they may do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from controller.adapters.kube.client import KubeClient
from tests.adapters.kube.apiserver import refusal

Object = dict[str, Any]
AUDIENCE: Final = "canary-controller"
GROUP: Final = "canary-controller.io"


@dataclass
class Issued:
    """A token, as the server knows it."""

    user: Object
    audiences: frozenset[str] = frozenset({AUDIENCE})


@dataclass
class Authority:
    """Tokens and rights. `rights` holds (user, verb, namespace); namespace "" is all of them.

    `aware`: it knows audiences. `fault`: what is answered instead; `silent`: nothing is.
    """

    tokens: dict[str, Issued] = field(default_factory=dict)
    rights: set[tuple[str, str, str]] = field(default_factory=set)
    asked: list[Object] = field(default_factory=list)
    aware: bool = True
    fault: web.Response | None = None
    silent: bool = False
    raw: bytes | None = None

    def issue(self, token: str, name: str, **user: Any) -> str:
        """Make a token for somebody."""
        self.tokens[token] = Issued({"username": name, "uid": f"uid-{name}", **user})
        return token

    def grant(self, name: str, *verbs: str, namespace: str = "") -> None:
        """Give rights to somebody."""
        self.rights |= {(name, verb, namespace) for verb in verbs}

    def count(self, kind: str) -> int:
        """How many reviews of a kind were asked for."""
        return sum(one["kind"] == kind for one in self.asked)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Every request."""
        body: Object = await request.json()
        self.asked.append(body)
        if self.silent:
            await asyncio.sleep(30)
        if self.fault is not None:
            return web.Response(
                status=self.fault.status, body=self.fault.body, headers=self.fault.headers
            )
        if self.raw is not None:
            return web.Response(status=201, body=self.raw, content_type="application/json")
        if request.path.endswith("/tokenreviews"):
            status = self._identity(body["spec"])
        elif request.path.endswith("/subjectaccessreviews"):
            status = self._ruling(body["spec"])
        else:
            return refusal(404, "NotFound")
        # The server repeats what it was asked, the token included.
        return web.json_response({**body, "status": status}, status=201)

    def _identity(self, spec: Object) -> Object:
        issued = self.tokens.get(spec["token"])
        if issued is None:
            return {"user": {}, "error": "[invalid bearer token, token lookup failed]"}
        if not self.aware:
            return {"authenticated": True, "user": issued.user}
        audiences = sorted(issued.audiences & set(spec["audiences"]))
        if not audiences:
            return {"user": {}, "error": "[invalid bearer token, token audiences is invalid]"}
        return {"authenticated": True, "user": issued.user, "audiences": audiences}

    def _ruling(self, spec: Object) -> Object:
        what = spec["resourceAttributes"]
        assert (what["group"], what["resource"]) == (GROUP, "canaries")
        who = (spec["user"], *spec["groups"])
        places = {"", what["namespace"]}
        allowed = any((w, what["verb"], p) in self.rights for w in who for p in places)
        return {"allowed": allowed, **({} if allowed else {"reason": "RBAC: no"})}


@asynccontextmanager
async def holding(authority: Authority) -> AsyncIterator[KubeClient]:
    """A client of this server, both gone afterwards."""
    application = web.Application()
    application.router.add_post("/{path:.*}", authority.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    client = KubeClient(Configuration(host=f"http://{host}:{port}"))
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()
