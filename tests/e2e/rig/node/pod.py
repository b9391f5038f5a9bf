"""One pod on the node: runs its containers and keeps its status in the API true."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from tests.e2e.rig import resources
from tests.e2e.rig.api import STRATEGIC
from tests.e2e.rig.client import Client, Refused
from tests.e2e.rig.node import spec, status
from tests.e2e.rig.node.container import Container, Home
from tests.e2e.rig.node.events import Events

Object = dict[str, Any]

log: Final = logging.getLogger(__name__)

# A test asks for what a kubelet does of its own accord, such as an eviction for want of memory: the
# reason and the message of the pod's status, with a colon in between.
END_ANNOTATION: Final = "rig/end"


class Pod:
    def __init__(
        self, manifest: Object, *, client: Client, place: spec.Place, address: str, pod_ip: str
    ) -> None:
        meta = manifest["metadata"]
        self.uid: str = meta["uid"]
        self.name: str = meta["name"]
        self.namespace: str = meta["namespace"]
        self.label = f"{self.namespace}/{self.name}"
        self._restart: str = manifest["spec"].get("restartPolicy", "Always")
        self._client = client
        self._path = resources.path("Pod", self.name, namespace=self.namespace)
        self._host_ip, self._pod_ip = place.host_ip, pod_ip
        self._began = datetime.now(UTC)
        self._initialized = False
        self._events = Events(client, manifest, place.node)
        home = Home(pod=manifest, place=place, address=address, events=self._events)
        groups = (manifest["spec"].get("initContainers", []), manifest["spec"]["containers"])
        self.init, self.containers = (
            [Container(c, home, i) for i, c in enumerate(group)] for group in groups
        )
        self._ended: tuple[str, str] | None = None
        self._conditions: list[Object] = []
        self._wanted = self._published = 0
        self._dirty = asyncio.Event()
        self._news = asyncio.Condition()
        self._stopping = False
        self._gone = False

    async def run(self) -> None:
        """Until all containers have ended for good."""
        try:
            async with asyncio.TaskGroup() as group:
                publisher = group.create_task(self._publish())
                await self._run_containers()
                await self._changed()
                publisher.cancel()
        finally:
            self.kill()

    async def _run_containers(self) -> None:
        """Sidecars begin in the order of the init containers, and end after all the others."""
        async with asyncio.TaskGroup() as sidecars:
            if await self._initialize(sidecars):
                self._initialized = True
                async with asyncio.TaskGroup() as group:
                    for container in self.containers:
                        group.create_task(container.run(self._changed, restart=self._restart))
            for container in self._sidecars():
                container.stop()

    async def _initialize(self, sidecars: asyncio.TaskGroup) -> bool:
        """Whether the application may begin."""
        for container in self.init:
            if container.is_sidecar:
                sidecars.create_task(container.run(self._changed, restart="Always"))
                await container.started.wait()
            else:
                restart = "Never" if self._restart == "Never" else "OnFailure"
                await container.run(self._changed, restart=restart)
                if container.end is None or container.end.exit_code != 0:
                    return False
        return not self._stopping

    async def _changed(self) -> None:
        """Returns once the API server knows the present state."""
        self._wanted += 1
        wanted = self._wanted
        self._dirty.set()
        async with self._news:
            await self._news.wait_for(lambda: self._published >= wanted)

    async def _publish(self) -> None:
        """One writer per pod, so that no write overtakes another and none is cut off half-way."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            including = self._wanted
            while not self._gone:
                try:
                    await self._write()
                    break
                except (aiohttp.ClientError, TimeoutError):
                    log.warning("status of %s: no API server, trying again", self.label)
            async with self._news:
                self._published = including
                self._news.notify_all()

    async def _write(self) -> None:
        body = {"metadata": {"uid": self.uid}, "status": self._status()}
        try:
            await self._client.request(
                "PATCH", f"{self._path}/status", body, content_type=STRATEGIC
            )
        except Refused as refusal:
            # 404: force-deleted. 409: a namesake took its place. Either way it is not ours now.
            self._gone = refusal.status in {404, 409}
            log.warning("status of %s: %s", self.label, refusal)

    def _status(self) -> Object:
        self._conditions = status.conditions(
            [*self._sidecars(), *self.containers],
            initialized=self._initialized,
            now=datetime.now(UTC),
            before=self._conditions,
        )
        if self._stopping or self._ended:
            for condition in self._conditions:
                if condition["type"] in {"Ready", "ContainersReady"}:
                    condition["status"] = "False"
        written = {
            "phase": status.phase(self.containers, self._restart),
            "conditions": self._conditions,
            "hostIP": self._host_ip,
            "podIP": self._pod_ip,
            "podIPs": [{"ip": self._pod_ip}],
            "startTime": status.text(self._began),
            "containerStatuses": [status.container_status(c, self.uid) for c in self.containers],
        }
        if self.init:
            written["initContainerStatuses"] = [
                status.container_status(c, self.uid) for c in self.init
            ]
        if self._ended:
            written |= status.ended(*self._ended, self._conditions)
        return written

    async def stop(self, grace_seconds: float, running: asyncio.Task[None]) -> None:
        """Ready no more, SIGTERM, grace, SIGKILL, last status, and out of the API."""
        self._stopping = True
        self._dirty.set()
        for container in self._all():
            if not (container.is_sidecar and self._initialized):
                if container.life is not None and container.end is None:
                    said = f"Stopping container {container.name}"
                    self._events.tell("Killing", said, container=container.name)
                container.stop()
        await asyncio.wait([running], timeout=grace_seconds)
        self.kill()
        await asyncio.wait([running])
        if self._gone:
            return
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        try:
            await self._client.request("DELETE", self._path, body)
        except Refused as refusal:
            if refusal.status not in {404, 409}:
                raise

    def obey(self, manifest: Object) -> None:
        """Ends all containers when it is asked to; unlike a deleted pod, a failed one stays."""
        asked = manifest["metadata"].get("annotations", {}).get(END_ANNOTATION)
        if asked and self._ended is None:
            reason, _, message = asked.partition(":")
            self._ended = reason, message.strip()
            self._events.tell(reason, message.strip(), warning=True)
            self.kill()

    def vanish(self) -> None:
        """The API server has forgotten this pod."""
        self._gone = True
        self.kill()

    def kill(self) -> None:
        for container in self._all():
            container.kill()

    def _sidecars(self) -> list[Container]:
        return [c for c in reversed(self.init) if c.is_sidecar]

    def _all(self) -> list[Container]:
        return [*self.init, *self.containers]
