"""The Events that a kubelet writes about a pod."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from tests.e2e.rig import resources
from tests.e2e.rig.client import Client, Refused

Object = dict[str, Any]

log: Final = logging.getLogger(__name__)


class Events:
    """Written beside the pod's life: what is lost of them changes nothing."""

    def __init__(self, client: Client, pod: Object, node: str) -> None:
        self._client = client
        self._meta: Object = pod["metadata"]
        self._source = {"component": "kubelet", "host": node}
        self._writing: set[asyncio.Task[None]] = set()

    def tell(
        self, reason: str, message: str, *, container: str = "", warning: bool = False
    ) -> None:
        about = {
            "apiVersion": "v1",
            "kind": "Pod",
            **{field: self._meta[field] for field in ("namespace", "name", "uid")},
        }
        if container:
            about["fieldPath"] = f"spec.containers{{{container}}}"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "generateName": f"{self._meta['name']}.",
                "namespace": self._meta["namespace"],
            },
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "type": "Warning" if warning else "Normal",
            "source": self._source,
            "reportingComponent": "kubelet",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        task = asyncio.create_task(self._write(event))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, event: Object) -> None:
        path = resources.path("Event", namespace=self._meta["namespace"])
        try:
            await self._client.request("POST", path, event)
        except Refused as refusal:
            if refusal.status not in {403, 404}:  # its namespace is being deleted
                log.warning("event %s: %s", event["reason"], refusal)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("event %s: %r", event["reason"], error)
