"""Kubernetes Events: what happened, where people look for it (`kubectl describe`)."""

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

import msgspec

from controller.adapters.kube.client import JSON, MERGE_PATCH, AlreadyExists, KubeClient
from controller.adapters.kube.names import FIELD_MANAGER
from controller.domain.changes import Occurrence
from controller.engine.ports import Clock, Conflict, Refused, Unavailable

EVENT_TIMEOUT_SECONDS: Final = 5.0
MESSAGE_CHARACTERS_MAX: Final = 1024
NAME_CHARACTERS_MAX: Final = 230

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Involved:
    """The object an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


class Events:
    """Writes Events; the same content again is counted on the Event that is there."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def record(self, involved: Iterable[Involved], occurrence: Occurrence) -> None:
        """One Event for each object; what cannot be written is logged: it only informs."""
        async with asyncio.TaskGroup() as group:
            for one in involved:
                group.create_task(self._record(one, occurrence))

    async def _record(self, involved: Involved, occurrence: Occurrence) -> None:
        body = self._event(involved, occurrence)
        path = f"/api/v1/namespaces/{involved.namespace}/events"
        try:
            try:
                await self._send("POST", path, body)
            except AlreadyExists:
                await self._repeat(f"{path}/{body['metadata']['name']}", body["lastTimestamp"])
        except (Conflict, Unavailable, Refused) as error:
            _logger.warning("An Event for %s was not written: %s", involved, error)

    async def _repeat(self, path: str, now: str) -> None:
        known = msgspec.json.decode(await self._send("GET", path), type=dict[str, Any])
        count = int(known.get("count") or 1) + 1
        await self._send("PATCH", path, {"count": count, "lastTimestamp": now}, MERGE_PATCH)

    async def _send(
        self, method: str, path: str, body: object = None, content_type: str = JSON
    ) -> bytes:
        return await self._client.request(
            method,
            path,
            query={} if method == "GET" else {"fieldManager": FIELD_MANAGER},
            body=body,
            content_type=content_type,
            timeout_seconds=EVENT_TIMEOUT_SECONDS,
        )

    def _event(self, involved: Involved, occurrence: Occurrence) -> dict[str, Any]:
        now = self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": event_name(involved, occurrence),
                "namespace": involved.namespace,
            },
            "involvedObject": {
                "apiVersion": involved.api_version,
                "kind": involved.kind,
                "namespace": involved.namespace,
                "name": involved.name,
                "uid": involved.uid,
            },
            "reason": occurrence.reason,
            "message": occurrence.message[:MESSAGE_CHARACTERS_MAX],
            "type": "Warning" if occurrence.warning else "Normal",
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def event_name(involved: Involved, occurrence: Occurrence) -> str:
    """The same for the same content, so that a repeat after a crash makes no second Event."""
    content = "\0".join((involved.kind, involved.uid, occurrence.reason, occurrence.message))
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"{involved.name[:NAME_CHARACTERS_MAX]}.{digest}"
