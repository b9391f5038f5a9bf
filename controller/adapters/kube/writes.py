"""Writes whose answers are known at once, without waiting for the watch to repeat them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from controller.adapters.kube.client import JSON, JSON_PATCH, MERGE_PATCH, KubeClient
from controller.adapters.kube.names import FIELD_MANAGER
from controller.adapters.kube.objects import Page
from controller.adapters.kube.store import Entry, Key, Shelf
from controller.engine.ports import Conflict, Refused

WRITE_TIMEOUT_SECONDS: Final = 5.0
LISTED_MAX: Final = 500

T = TypeVar("T")
_QUERY: Final = {"fieldManager": FIELD_MANAGER}


class Writes:
    """Every write, under our own field manager."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def patch(
        self,
        shelf: Shelf[T],
        key: Key,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        content_type: str = MERGE_PATCH,
        subresource: str = "",
    ) -> Entry[T]:
        """Change an object; returns it as it is then."""
        path = shelf.resource.path(*key, subresource)
        return self._known(shelf, await self._write("PATCH", path, body, content_type))

    async def swap(
        self,
        shelf: Shelf[T],
        key: Key,
        seen: Mapping[str, object],
        operations: Sequence[Mapping[str, object]],
    ) -> Entry[T]:
        """Change an object by a JSON patch if its members (by JSON pointer) are still as `seen`.

        The resource version would be too strict a guard: while pods come and go the counts in a
        status change many times a second, and each change would cost a rollback another round.
        """
        tests = [{"op": "test", "path": path, "value": value} for path, value in seen.items()]
        try:
            return await self.patch(shelf, key, [*tests, *operations], content_type=JSON_PATCH)
        except Refused as error:
            # A test that fails is answered like any other bad request: look what it was.
            now = await self.whole(shelf, key)
            moved = [path for path, value in seen.items() if _member(now, path) != value]
            if moved:
                raise Conflict(f"{key.name} has moved: {', '.join(moved)}") from error
            raise

    async def create(self, shelf: Shelf[T], namespace: str, body: Mapping[str, Any]) -> Entry[T]:
        """Make an object; raises AlreadyExists where one of its name is there."""
        path = shelf.resource.path(namespace)
        return self._known(shelf, await self._write("POST", path, body, JSON))

    async def whole(self, shelf: Shelf[Any], key: Key) -> dict[str, Any]:
        """The whole object as it is now, for the writes that need more of it than is kept."""
        answer = await self._client.request(
            "GET", shelf.resource.path(*key), timeout_seconds=WRITE_TIMEOUT_SECONDS
        )
        return msgspec.json.decode(answer, type=dict[str, Any])

    async def listed(
        self, shelf: Shelf[T], namespace: str, labels: Mapping[str, str]
    ) -> list[Entry[T]]:
        """The objects with these labels as they are now, where a cache would be too old."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        answer = await self._client.request(
            "GET",
            shelf.resource.path(namespace),
            query={"labelSelector": selector, "limit": LISTED_MAX},
            timeout_seconds=WRITE_TIMEOUT_SECONDS,
        )
        page = msgspec.json.decode(answer, type=Page)
        return [shelf.resource.read(item) for item in page.items or ()]

    async def _write(self, method: str, path: str, body: object, content_type: str) -> bytes:
        return await self._client.request(
            method,
            path,
            query=_QUERY,
            body=body,
            content_type=content_type,
            timeout_seconds=WRITE_TIMEOUT_SECONDS,
        )

    def _known(self, shelf: Shelf[T], answer: bytes) -> Entry[T]:
        try:
            entry = shelf.resource.read(answer)
        except msgspec.DecodeError as error:
            raise Refused(f"the write's answer cannot be read: {error}") from error
        shelf.put_own(entry)
        return entry


def pointer(*names: str) -> str:
    """The JSON pointer to a member."""
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def _member(found: Any, path: str) -> object:
    for name in path.split("/")[1:]:
        if not isinstance(found, dict):
            return None
        found = found.get(name.replace("~1", "/").replace("~0", "~"))
    return found
