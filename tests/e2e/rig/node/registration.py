"""The node object and its heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any, Final

from tests.e2e.rig import resources
from tests.e2e.rig.client import Client, Refused
from tests.e2e.rig.node.spec import Place

HEARTBEAT_SECONDS: Final = 10
LEASE_NAMESPACE: Final = "kube-node-lease"
CAPACITY: Final = {"cpu": "64", "memory": "256Gi", "pods": "200", "ephemeral-storage": "100Gi"}


async def register(client: Client, place: Place, *, kubelet_port: int) -> None:
    node: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": place.node, "labels": {"kubernetes.io/hostname": place.node}},
    }
    with contextlib.suppress(Refused):  # it is there already when an agent starts again
        await client.request("POST", resources.path("Node"), node)
    path = resources.path("Node", place.node)
    # A new node is tainted until a node-lifecycle controller, which the rig has not, sees it ready.
    await client.request("PATCH", path, {"spec": {"taints": None}})
    await client.request("PATCH", f"{path}/status", {"status": _status(place, kubelet_port)})


def _status(place: Place, kubelet_port: int) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    healthy = {
        "Ready": "True",
        "MemoryPressure": "False",
        "DiskPressure": "False",
        "PIDPressure": "False",
    }
    return {
        "capacity": CAPACITY,
        "allocatable": CAPACITY,
        "addresses": [
            {"type": "InternalIP", "address": place.host_ip},
            {"type": "Hostname", "address": place.node},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}},
        "conditions": [
            {
                "type": kind,
                "status": value,
                "reason": "RigAgent",
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
            }
            for kind, value in healthy.items()
        ],
    }


async def renew_lease(client: Client, place: Place) -> None:
    lease: dict[str, Any] = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": place.node},
        "spec": {"holderIdentity": place.node, "leaseDurationSeconds": 4 * HEARTBEAT_SECONDS},
    }
    path = resources.path("Lease", place.node, namespace=LEASE_NAMESPACE)
    while True:
        lease["spec"]["renewTime"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        # The namespace appears a moment after the API server does.
        with contextlib.suppress(Refused):
            await client.request(
                "PATCH",
                f"{path}?fieldManager=rig-agent&force=true",
                lease,
                content_type="application/apply-patch+yaml",
            )
        await asyncio.sleep(HEARTBEAT_SECONDS)
