"""The node agent: registers one node and runs the pods that the scheduler binds to it as processes.

`python -m tests.e2e.rig.agent` ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.e2e.rig import kubeconfig, resources
from tests.e2e.rig.addresses import lifeline_cut, loopback, pod_addresses
from tests.e2e.rig.client import Client
from tests.e2e.rig.node import logs
from tests.e2e.rig.node.pod import Pod
from tests.e2e.rig.node.registration import register, renew_lease
from tests.e2e.rig.node.spec import Place

Object = dict[str, Any]

KUBELET_PORT: Final = 10250

log: Final = logging.getLogger(__name__)


class Agent:
    def __init__(self, client: Client, place: Place, addresses: Iterator[str]) -> None:
        self._client = client
        self._place = place
        self._addresses = addresses
        self._pods: dict[str, Pod] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stopping: dict[str, asyncio.Task[None]] = {}

    def pods(self) -> list[Pod]:
        return list(self._pods.values())

    async def run(self) -> None:
        selector = f"fieldSelector=spec.nodeName%3D{self._place.node}"
        path = resources.path("Pod")
        async with asyncio.TaskGroup() as group:
            async for kind, manifest in self._client.reflect(path, selector):
                uid = manifest["metadata"]["uid"]
                if kind == "DELETED":
                    if uid in self._pods:
                        self._pods[uid].vanish()
                elif "deletionTimestamp" in manifest["metadata"]:
                    if uid not in self._stopping:
                        self._stopping[uid] = group.create_task(self._stop(manifest))
                elif uid in self._pods:
                    self._pods[uid].obey(manifest)
                elif not _finished(manifest):
                    self._start(manifest, group)

    def _start(self, manifest: Object, group: asyncio.TaskGroup) -> None:
        pod_ip = next(self._addresses)
        pod = Pod(
            manifest,
            client=self._client,
            place=self._place,
            address=loopback(pod_ip),
            pod_ip=pod_ip,
        )
        self._pods[pod.uid] = pod
        self._running[pod.uid] = group.create_task(self._run(pod))

    async def _run(self, pod: Pod) -> None:
        try:
            await pod.run()
        except Exception:  # a bug of the agent in one pod must not stop the others
            log.exception("pod %s", pod.label)

    async def _stop(self, manifest: Object) -> None:
        meta = manifest["metadata"]
        if meta["uid"] not in self._pods:
            self._start_nothing(manifest)
        pod = self._pods[meta["uid"]]
        try:
            grace = float(meta.get("deletionGracePeriodSeconds", 30))
            await pod.stop(grace, self._running[pod.uid])
        except Exception:
            log.exception("stopping %s", pod.label)
        for table in (self._pods, self._running, self._stopping):
            table.pop(pod.uid, None)

    def _start_nothing(self, manifest: Object) -> None:
        """A pod that was deleted before it began has nothing to stop, only to be removed."""
        pod_ip = next(self._addresses)
        pod = Pod(manifest, client=self._client, place=self._place, address=pod_ip, pod_ip=pod_ip)
        self._pods[pod.uid] = pod
        self._running[pod.uid] = asyncio.create_task(asyncio.sleep(0))


def _finished(manifest: Object) -> bool:
    return manifest.get("status", {}).get("phase") in {"Succeeded", "Failed"}


async def main(options: argparse.Namespace) -> None:
    client = Client(kubeconfig.load(options.kubeconfig))
    pods: list[Agent] = []
    network, server = await _listen(lambda: [p for agent in pods for p in agent.pods()])
    place = Place(
        node=options.node,
        host_ip=f"127.{network}.0.1",
        logs=options.folder / "pods",
        folder=Path.cwd(),
        images=json.loads(options.images.read_text()),
    )
    agent = Agent(client, place, pod_addresses(network))
    pods.append(agent)
    try:
        await register(client, place, kubelet_port=KUBELET_PORT)
        work = [asyncio.create_task(agent.run()), asyncio.create_task(renew_lease(client, place))]
        work.append(asyncio.create_task(lifeline_cut()))
        done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for pod in agent.pods():
            pod.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.cleanup(), timeout=2)
        await client.close()


async def _listen(pods: Any) -> tuple[int, Any]:
    """The first network 127.N of which nobody has the kubelet's port: agents share the machine."""
    for network in random.Random(os.getpid()).sample(range(2, 250), 200):
        with contextlib.suppress(OSError):
            return network, await logs.serve(pods, f"127.{network}.0.1", KUBELET_PORT)
    raise RuntimeError("no free loopback network")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--node", default="rig-node")
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s")
    asyncio.run(main(parser.parse_args()))
