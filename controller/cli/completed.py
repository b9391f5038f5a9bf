"""Names in the cluster, for who presses Tab: soon or not at all."""

import asyncio
import os

from controller.adapters.kube.client import KubeClient
from controller.adapters.kube.kubeconfig import Place, connect, find_place
from controller.adapters.kube.looking import Onlooker
from controller.cli.reached import USER_AGENT


async def names(
    *, kubeconfig: str | None, context: str | None, namespace: str | None, seconds_max: float
) -> list[str]:
    """Of the Canaries in the namespace that is meant."""
    async with asyncio.timeout(seconds_max):
        place, client = await _connected(kubeconfig, context)
        try:
            sights = await Onlooker(client).canaries(namespace or place.namespace)
        finally:
            await client.close()
    return [sight.scene.ref.name for sight in sights]


async def namespaces(
    *, kubeconfig: str | None, context: str | None, seconds_max: float
) -> list[str]:
    """In which there are Canaries."""
    async with asyncio.timeout(seconds_max):
        _, client = await _connected(kubeconfig, context)
        try:
            sights = await Onlooker(client).canaries(None)
        finally:
            await client.close()
    return sorted({sight.scene.ref.namespace for sight in sights})


async def _connected(kubeconfig: str | None, context: str | None) -> tuple[Place, KubeClient]:
    place = find_place(kubeconfig, context, os.environ)
    return place, await connect(place, user_agent=USER_AGENT)
