"""The nodes of a world, each an agent of its own, and what happens to nodes and their pods."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.e2e.rig.api import STRATEGIC, ApiError, KubeApi
from tests.e2e.rig.node import status
from tests.e2e.rig.node.pod import END_ANNOTATION
from tests.e2e.rig.processes import Process
from tests.e2e.rig.waiting import wait_until

Object = dict[str, Any]

FIRST: Final = "rig-node"
SPARE: Final = "rig-node-spare"
START_TIMEOUT_SECONDS: Final = 30


class Nodes:
    """One node at first; a spare one from when a test needs it until the world ends."""

    def __init__(
        self, api: KubeApi, folder: Path, images: Mapping[str, Sequence[str]], *, own: bool
    ) -> None:
        self._api = api
        self._folder = folder
        self._own = own  # the nodes are the rig's own
        self._agents: dict[str, Process] = {}
        self._images = folder / "images.json"
        self._images.write_text(json.dumps(images))

    def start(self, name: str = FIRST) -> None:
        argv: list[str | Path] = [sys.executable, "-m", "tests.e2e.rig.agent"]
        argv += ["--kubeconfig", self._api.kubeconfig, "--images", self._images]
        argv += ["--folder", self._folder / "node", "--node", name]
        agent = Process(f"agent of {name}", argv, log=self._folder / f"agent-{name}.log")
        self._agents[name] = agent
        agent.wait_until(
            lambda: self._is_ready(name), seconds=START_TIMEOUT_SECONDS, what="the node"
        )

    def _is_ready(self, name: str) -> bool:
        node = self._api.find("Node", name)
        conditions = (node or {}).get("status", {}).get("conditions", [])
        return any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)

    def stop(self) -> None:
        for agent in self._agents.values():
            agent.stop()

    @contextlib.contextmanager
    def cordoned(self, name: str) -> Iterator[None]:
        """No new pod comes to this node within the block; there is another one for them.

        The spare one takes pods at no other time: where a pod runs is not left to chance.
        """
        if self._own and SPARE not in self._agents:
            self.start(SPARE)
        self._cordon(SPARE, unschedulable=False)
        self._cordon(name, unschedulable=True)
        try:
            yield
        finally:
            self._cordon(name, unschedulable=False)
            self._cordon(SPARE, unschedulable=True)

    def _cordon(self, name: str, *, unschedulable: bool) -> None:
        if self._own or name != SPARE:
            self._api.patch("Node", name, {"spec": {"unschedulable": unschedulable}})

    def of(self, pod: Object) -> str:
        name: str = pod["spec"]["nodeName"]
        return name

    def evict_all(self, name: str, namespace: str) -> list[str]:
        """What `kubectl drain` does to the pods of one namespace; returns their names."""
        found = self._api.list("Pod", namespace, fields=f"spec.nodeName={name}")
        pods: list[str] = [pod["metadata"]["name"] for pod in found]
        for pod in pods:
            self.evict(pod, namespace)
        return pods

    def evict(self, pod: str, namespace: str) -> None:
        """By the Eviction API, which respects disruption budgets: it is tried until it may be."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        where = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"

        def evicted() -> bool:
            try:
                self._api.request("POST", where, body=body)
            except ApiError as error:
                if error.status == 429:
                    return False
                if error.status != 404:
                    raise
            return True

        wait_until(evicted, seconds=START_TIMEOUT_SECONDS, what=f"the eviction of {pod}")

    def end(self, pod: str, namespace: str, *, reason: str, message: str) -> None:
        """The kubelet ends a pod of its own accord; it stays, in phase Failed.

        The reason is `Evicted` for want of a resource, `Terminated` when the node is shut down.
        """
        body = {"metadata": {"annotations": {END_ANNOTATION: f"{reason}: {message}"}}}
        self._api.patch("Pod", pod, body, namespace)

    def disrupt(self, pod: str, namespace: str, *, reason: str) -> None:
        """A part of the control plane marks and deletes a pod: `PreemptionByScheduler`, say."""
        condition = {"type": "DisruptionTarget", "status": "True", "reason": reason}
        # Without it the condition counts as stale, and the disruption controller takes it back.
        condition["lastTransitionTime"] = status.text(datetime.now(UTC))
        body = {"status": {"conditions": [condition]}}
        self._api.patch("Pod", pod, body, namespace, subresource="status", content_type=STRATEGIC)
        self._api.delete("Pod", pod, namespace)

    def set_condition(self, name: str, kind: str, *, holds: bool) -> None:
        """Such as `MemoryPressure`."""
        body = {"status": {"conditions": [{"type": kind, "status": str(holds)}]}}
        self._api.patch("Node", name, body, subresource="status", content_type=STRATEGIC)
