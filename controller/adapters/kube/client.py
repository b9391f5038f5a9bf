"""The wire to the API server: raw bytes in and out, a limit on every call, three kinds of failure.

The vendor's typed models are not used: they drop fields they do not know and cost forty times the
CPU of a trimmed decode. What is used is its configuration, credentials and connection pool.
"""

import asyncio
import copy
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import aiohttp
import msgspec

from controller.engine.ports import Conflict, Fence, Refused, Unavailable, Unfenced

# Imported only where it is used: it takes longer than all that a person's command does otherwise.
if TYPE_CHECKING:
    from kubernetes.aio.client.api_client import ApiClient
    from kubernetes.aio.client.configuration import Configuration

CALL_TIMEOUT_SECONDS: Final = 10.0
CONNECTIONS_MAX: Final = 64
# As the vendor's library has it.
ANY_NUMBER: Final = 0
MESSAGE_CHARACTERS_MAX: Final = 500

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"

Query = Mapping[str, str | int]
Lines = aiohttp.StreamReader


class AlreadyExists(Conflict):
    """An object of that name is there already."""


class NotFound(Refused):
    """There is no such object, or no such API."""


class Denied(Refused):
    """Whoever asks may not do this."""


class Unauthenticated(Denied):
    """The server does not know who asks."""


class Expired(Unavailable):
    """The server cannot serve this resource version, too old or too new: list again."""


class _Cause(msgspec.Struct):
    reason: str | None = None


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None


class Failure(msgspec.Struct):
    """The API's `Status` object, as far as it tells failures apart."""

    code: int | None = None
    reason: str | None = None
    message: str | None = None
    details: _Details | None = None

    @property
    def too_large_version(self) -> bool:
        causes = (self.details and self.details.causes) or []
        return any(cause.reason == "ResourceVersionTooLarge" for cause in causes) or (
            "Too large resource version" in (self.message or "")
        )


def failure_of(status: int, body: bytes) -> Conflict | Refused | Unavailable:
    """What an answer of 400 or above means to the caller."""
    try:
        failure = msgspec.json.decode(body, type=Failure)
    except msgspec.DecodeError:
        # A proxy's page, not the API's: its first line has to do.
        failure = Failure(message=" ".join(body[:MESSAGE_CHARACTERS_MAX].decode("latin-1").split()))
    text = f"{status} {failure.message or failure.reason or 'no message'}"[:MESSAGE_CHARACTERS_MAX]
    if status == 410 or failure.too_large_version:
        return Expired(text)
    if status == 409:
        return AlreadyExists(text) if failure.reason == "AlreadyExists" else Conflict(text)
    if status == 404:
        return NotFound(text)
    if status in {401, 403}:
        return Unauthenticated(text) if status == 401 else Denied(text)
    if status == 429 or status >= 500:
        return Unavailable(text)
    return Refused(text)


_REMEDY: Final = (
    "In a pod: let its service account's token be mounted (automountServiceAccountToken). "
    "Elsewhere: name a kubeconfig by --kubeconfig or KUBECONFIG"
)


async def load_configuration(kubeconfig: Path | None, context: str | None) -> "Configuration":
    """The in-cluster service account, unless a kubeconfig is named or we are in no cluster.

    Raises Refused where there is neither, with what to do.
    """
    from kubernetes.aio import config as kube_config  # noqa: PLC0415
    from kubernetes.aio.client.configuration import Configuration  # noqa: PLC0415

    configuration = Configuration(connection_pool_maxsize=CONNECTIONS_MAX)
    if kubeconfig is None and context is None:
        try:
            kube_config.load_incluster_config(client_configuration=configuration)
        except kube_config.ConfigException:
            pass
        else:
            return configuration
    try:
        await kube_config.load_kube_config(
            config_file=str(kubeconfig) if kubeconfig else None,
            context=context,
            client_configuration=configuration,
            persist_config=False,
        )
    except kube_config.ConfigException as error:
        raise Refused(f"{kubeconfig or 'no cluster'}: {error}. {_REMEDY}") from error
    return configuration


class Content(NamedTuple):
    """What is sent, and in what form an answer is wanted."""

    body: object = None
    content_type: str = JSON
    accept: str = JSON


class _Wire:
    """The connections, which all who speak to one API server share."""

    def __init__(
        self, configuration: "Configuration", user_agent: str, connections: int | None = None
    ) -> None:
        self._configuration = copy.copy(configuration)
        if connections is not None:
            self._configuration.connection_pool_maxsize = connections
        self._user_agent = user_agent
        self._authority = _modified(configuration.ssl_ca_cert)
        self.api = self._connect()

    def another(self, connections: int) -> "_Wire":
        """To the same server, with so many connections of its own; 0: with no limit."""
        return _Wire(self._configuration, self._user_agent, connections)

    def _connect(self) -> "ApiClient":
        from kubernetes.aio.client.api_client import ApiClient  # noqa: PLC0415

        api = ApiClient(self._configuration)
        api.user_agent = self._user_agent
        return api

    async def renew_authority(self) -> None:
        """Load the cluster's CA again if its file was replaced: it is read at construction only."""
        modified = _modified(self._configuration.ssl_ca_cert)
        if modified != self._authority:
            self._authority, outdated, self.api = modified, self.api, self._connect()
            await outdated.close()


class KubeClient:
    """Requests against one API server, with the credentials of `configuration`."""

    _fence: Fence = Unfenced()

    def __init__(self, configuration: "Configuration", *, user_agent: str = "canary-controller"):
        self._wire = _Wire(configuration, user_agent)
        self._wires = [self._wire]

    def behind(self, fence: Fence) -> Self:
        """The same client, whose writes have to pass a fence, and are over when its time is."""
        fenced = copy.copy(self)
        fenced._fence = fence
        return fenced

    def apart(self, connections: int) -> Self:
        """The same client with connections of its own, which nobody else keeps busy.

        They end with those of the client that was asked.
        """
        apart = copy.copy(self)
        apart._wire = self._wire.another(connections)
        self._wires.append(apart._wire)
        return apart

    async def close(self) -> None:
        """End the connections, also for those who share them."""
        for wire in self._wires:
            await wire.api.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        content_type: str = JSON,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
    ) -> bytes:
        """The body of the answer; raises Conflict, Refused or Unavailable."""
        content = Content(body, content_type)
        async with self._answer(method, path, query, content, timeout_seconds) as answer:
            return await answer.read()

    async def request_as(
        self, accept: str, path: str, *, query: Query, timeout_seconds: float
    ) -> bytes:
        """What is at `path`, in no other form than the one that is named."""
        content = Content(accept=accept)
        async with self._answer("GET", path, query, content, timeout_seconds) as answer:
            return await answer.read()

    async def tail(self, path: str, *, query: Query, timeout_seconds: float, kept: int) -> bytes:
        """The last `kept` bytes of an answer that may be longer than we want to hold."""
        last = b""
        async with self._answer("GET", path, query, Content(), timeout_seconds) as answer:
            async for chunk in answer.content.iter_chunked(kept):
                last = (last + chunk)[-kept:]
        return last

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Query, timeout_seconds: float
    ) -> AsyncIterator[Lines]:
        """The lines of a watch, for at most `timeout_seconds`."""
        async with self._answer("GET", path, query, Content(), timeout_seconds) as answer:
            yield answer.content

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        query: Query | None,
        content: Content,
        timeout_seconds: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer below 400, and the vendor's ways to fail turned into ours."""
        if method != "GET":
            timeout_seconds = min(timeout_seconds, self._fence.check())
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await self._send(method, path, query, content, timeout_seconds)
                async with answer:
                    if answer.status >= 400:
                        raise failure_of(answer.status, await answer.read())
                    yield answer
        except TimeoutError as error:
            raise Unavailable(f"{method} {path}: no answer in {timeout_seconds:g} s") from error
        except aiohttp.ClientSSLError as error:
            await self._renew_authority()
            raise Unavailable(f"{method} {path}: {error}") from error
        except _wire_failures() as error:
            # A token file that is being replaced, or a connection that broke.
            raise Unavailable(f"{method} {path}: {str(error) or repr(error)}") from error

    async def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        content: Content,
        timeout_seconds: float,
    ) -> aiohttp.ClientResponse:
        api = self._wire.api
        _, url, headers, _, _ = await api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": content.accept, "Content-Type": content.content_type},
            auth_settings=["BearerToken"],
        )
        if method != "GET":
            # Between the decision to write and the write a process may be stopped for minutes.
            self._fence.check()
        answer = await api.call_api(
            method, url, header_params=headers, body=content.body, _request_timeout=timeout_seconds
        )
        response: aiohttp.ClientResponse = answer.response
        return response

    async def _renew_authority(self) -> None:
        await self._wire.renew_authority()


def _wire_failures() -> tuple[type[Exception], ...]:
    """What a connection and its credentials end in; the vendor's, if it is in use."""
    used = sys.modules.get("kubernetes.aio.config")
    vendors = (used.ConfigException,) if used is not None else ()
    return (aiohttp.ClientError, OSError, *vendors)


def _modified(path: str | None) -> float | None:
    try:
        return Path(path).stat().st_mtime if path else None
    except OSError:
        return None


def decoded(body: bytes) -> Any:
    """A whole object, for the few writes that need more of it than is cached."""
    return msgspec.json.decode(body)
