"""A client that starts quickly: the wire of KubeClient without the vendor's library."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from controller.adapters.kube.client import Content, KubeClient, Query
from controller.adapters.kube.credentials import Credentials

# As the library has it: an object in a watch is one line.
LINE_BYTES_MAX: Final = 2**21
CONNECTIONS_MAX: Final = 16
RENEWED_SECONDS_MIN: Final = 10.0


class DirectClient(KubeClient):
    """Requests with a person's own credentials; asks for new ones when the old are not taken."""

    def __init__(  # the one above takes the vendor's configuration, which is not there
        self, log_in: Callable[[], Awaitable[Credentials]], *, user_agent: str
    ) -> None:
        self._log_in = log_in
        self._agent = user_agent
        self._credentials: Credentials | None = None
        self._session: aiohttp.ClientSession | None = None
        self._renewed_at = 0.0

    async def log_in(self) -> None:
        """Get the credentials now, rather than with the first request."""
        self._renewed_at = asyncio.get_running_loop().time()
        self._credentials = await self._log_in()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        content: Content,
        timeout_seconds: float,
    ) -> aiohttp.ClientResponse:
        if self._credentials is None:
            await self.log_in()
        answer = await self._sent(method, path, query, content, timeout_seconds)
        if answer.status == 401 and self._may_renew():
            answer.release()
            await self.log_in()
            answer = await self._sent(method, path, query, content, timeout_seconds)
        return answer

    def _may_renew(self) -> bool:
        assert self._credentials is not None, "something was sent with them"
        age_seconds = asyncio.get_running_loop().time() - self._renewed_at
        return self._credentials.renewable and age_seconds > RENEWED_SECONDS_MIN

    async def _sent(
        self,
        method: str,
        path: str,
        query: Query | None,
        content: Content,
        timeout_seconds: float,
    ) -> aiohttp.ClientResponse:
        using, body = self._credentials, content.body
        assert using is not None, "whoever sends has logged in"
        headers = [
            ("Accept", content.accept),
            ("Content-Type", content.content_type),
            ("User-Agent", self._agent),
            *using.headers,
        ]
        return await self._connected().request(
            method,
            f"{using.server}{path}",
            params={name: str(value) for name, value in (query or {}).items()},
            data=None if body is None else json.dumps(body).encode(),
            headers=headers,
            ssl=using.context or True,
            server_hostname=using.server_name,
            proxy=using.proxy,
            # Not followed: a redirect would carry the credentials somewhere else.
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        )

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                read_bufsize=LINE_BYTES_MAX,
                trust_env=True,
            )
        return self._session

    async def _renew_authority(self) -> None:
        """A person's command is over before a CA is replaced."""
