"""Users of one Service: open-loop traffic to its ready endpoints, and a count of what they saw.

Runs as a process of its own, `python -m tests.e2e.rig.traffic`; `Traffic` starts and reads it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.e2e.rig import http, kubeconfig, resources
from tests.e2e.rig.addresses import commands, loopback
from tests.e2e.rig.client import Client

REQUEST_TIMEOUT_SECONDS: Final = 2.0
IN_FLIGHT_MAX: Final = 500  # beyond it users count as refused: this generator is at its limit
REPORT_SECONDS: Final = 1.0


class Endpoints:
    """The addresses a load balancer would use now."""

    def __init__(self) -> None:
        self._slices: dict[str, list[tuple[str, int]]] = {}
        self.ready: list[tuple[str, int]] = []

    async def follow(self, client: Client, namespace: str, service: str) -> None:
        path = resources.path("EndpointSlice", namespace=namespace)
        selector = f"labelSelector=kubernetes.io%2Fservice-name%3D{service}"
        async for kind, item in client.reflect(path, selector):
            uid = item["metadata"]["uid"]
            self._slices[uid] = [] if kind == "DELETED" else _ready(item)
            self.ready = [address for each in self._slices.values() for address in each]


def _ready(endpoint_slice: dict[str, Any]) -> list[tuple[str, int]]:
    port = (endpoint_slice.get("ports") or [{}])[0].get("port", 80)
    return [
        (loopback(address), port)
        for endpoint in endpoint_slice.get("endpoints") or []
        if endpoint["conditions"].get("ready")
        for address in endpoint["addresses"]
    ]


class Users:
    def __init__(
        self, endpoints: Endpoints, *, rate: float, mix: dict[str, float], seed: int
    ) -> None:
        self.rate = rate
        self.mix = mix
        self.counts: Counter[tuple[str, str]] = Counter()
        self._endpoints = endpoints
        self._dice = random.Random(seed)
        self._in_flight: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Sends at its own pace, however long the answers take."""
        due = time.monotonic()
        while True:
            due = max(due + 1 / self.rate, time.monotonic() - 1) if self.rate else due
            await asyncio.sleep(max(0.0, due - time.monotonic()) if self.rate else 0.1)
            if self.rate:
                task = asyncio.create_task(self._send())
                self._in_flight.add(task)
                task.add_done_callback(self._in_flight.discard)

    async def _send(self) -> None:
        route = self._dice.choices(list(self.mix), list(self.mix.values()))[0]
        ready = self._endpoints.ready
        if not ready or len(self._in_flight) > IN_FLIGHT_MAX:
            self.counts[route, "refused"] += 1
            return
        host, port = self._dice.choice(ready)
        method, _, path = route.rpartition(" ")
        try:
            code = await http.status(
                host, port, path, method=method or "GET", seconds=REQUEST_TIMEOUT_SECONDS
            )
        except TimeoutError:
            self.counts[route, "timeout"] += 1
        except ConnectionRefusedError:
            self.counts[route, "refused"] += 1
        except OSError:
            self.counts[route, "broken"] += 1
        else:
            self.counts[route, "ok" if code < 400 else f"{code // 100}xx"] += 1

    async def report(self, out: Path) -> None:
        with out.open("a", buffering=1) as lines:
            while True:
                await asyncio.sleep(REPORT_SECONDS)
                seen, self.counts = self.counts, Counter()
                by_route: dict[str, dict[str, int]] = {}
                for (route, outcome), count in sorted(seen.items()):
                    by_route.setdefault(route, {})[outcome] = count
                line = {
                    "time": time.time(),
                    "counts": by_route,
                    "ready": len(self._endpoints.ready),
                }
                lines.write(json.dumps(line) + "\n")

    async def obey(self) -> None:
        """Follows the lines of standard input, and returns when it ends."""
        reader = await commands()
        while line := await reader.readline():
            change = json.loads(line)
            self.rate = change.get("rate", self.rate)
            self.mix = change.get("mix", self.mix)


async def main(options: argparse.Namespace) -> None:
    client = Client(kubeconfig.load(options.kubeconfig))
    endpoints = Endpoints()
    users = Users(endpoints, rate=options.rate, mix=json.loads(options.mix), seed=options.seed)
    following = endpoints.follow(client, options.namespace, options.service)
    work = (following, users.run(), users.report(options.out), users.obey())
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--service", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--mix", default='{"/exam": 80, "/submit": 19, "/lti/launch": 1}')
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(asyncio.run(main(parser.parse_args())))
