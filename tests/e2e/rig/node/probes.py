"""The kubelet's probes: how a container becomes ready, unready, or is killed as hung."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from tests.e2e.rig import http
from tests.e2e.rig.node import spec

Object = dict[str, Any]

# Until the first answer this probes more often than a kubelet: tests wait for every start.
EAGER_SECONDS: Final = 0.2


class Probe:
    def __init__(self, container: Object, probe: Object, address: str) -> None:
        self.eager = True
        self.failures_in_a_row = 0
        self._container = container
        self._probe = probe
        self._address = address

    @property
    def failed(self) -> bool:
        return self.failures_in_a_row >= int(self._probe.get("failureThreshold", 3))

    async def next(self) -> bool:
        """Waits until the next probe is due, and says whether it succeeded."""
        period = float(self._probe.get("periodSeconds", 10))
        await asyncio.sleep(min(period, EAGER_SECONDS) if self.eager else period)
        succeeded = await self._succeeds()
        self.failures_in_a_row = 0 if succeeded else self.failures_in_a_row + 1
        if succeeded:
            self.eager = False
        return succeeded

    async def initial_delay(self) -> None:
        await asyncio.sleep(float(self._probe.get("initialDelaySeconds", 0)))

    async def _succeeds(self) -> bool:
        seconds = float(self._probe.get("timeoutSeconds", 1))
        try:
            if get := self._probe.get("httpGet"):
                port = spec.port_number(self._container, get["port"])
                path = get.get("path", "/")
                return 200 <= await http.status(self._address, port, path, seconds=seconds) < 400
            if tcp := self._probe.get("tcpSocket"):
                port = spec.port_number(self._container, tcp["port"])
                async with asyncio.timeout(seconds):
                    _, writer = await asyncio.open_connection(self._address, port)
                writer.close()
        except (OSError, TimeoutError):
            return False
        return True  # an exec probe has no container to run in
