"""The whole world of an end-to-end test behind one synchronous object."""

from __future__ import annotations

import copy
import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

import yaml

from tests.e2e.rig import accounts, cluster, waiting
from tests.e2e.rig.api import KubeApi
from tests.e2e.rig.audit import Audit
from tests.e2e.rig.build import RigUnavailable
from tests.e2e.rig.cluster import ControlPlane
from tests.e2e.rig.diagnostics import describe
from tests.e2e.rig.metrics import KubeStateMetrics, Prometheus
from tests.e2e.rig.nodes import Nodes
from tests.e2e.rig.processes import REPOSITORY
from tests.e2e.rig.users import Traffic

Object = dict[str, Any]
Result = TypeVar("Result")

SAMPLE: Final = REPOSITORY / "deploy" / "sample"
PYTHON: Final = (sys.executable, "-S", "-E")
IMAGES: Final = {
    "exam-server": (*PYTHON, str(SAMPLE / "exam_server.py")),
    "sleeper": ("sleep", "1000000"),
    "shell": ("/bin/sh", "-c"),
    "python": PYTHON,
}


class World:
    """Control plane, node, kube-state-metrics and Prometheus; everything ends with `close`."""

    def __init__(
        self,
        *,
        apiserver_flags: Sequence[str] = (),
        images: dict[str, Sequence[str]] | None = None,
        metrics: bool = True,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="canary-rig-")
        self.folder = Path(self._temporary.name)
        self.cluster = cluster.choose(
            self.folder / "control-plane", apiserver_flags=apiserver_flags
        )
        self._images = {**IMAGES, **(images or {})}
        self._with_metrics = metrics
        self._numbers = itertools.count(1)
        self._traffics: list[Traffic] = []
        self._namespaces: list[str] = []
        self._nodes: Nodes | None = None
        self._kube_state_metrics: KubeStateMetrics | None = None
        self._prometheus: Prometheus | None = None
        self._api: KubeApi | None = None

    def start(self) -> World:
        try:
            self.cluster.start()
            self._api = KubeApi(self.cluster.kubeconfig)
            own = not self.cluster.own_nodes
            self._nodes = Nodes(self._api, self.folder, self._images, own=own)
            if own:
                self._nodes.start()
            if self._with_metrics:
                self._start_metrics()
        except BaseException:
            self.close()
            raise
        return self

    def _start_metrics(self) -> None:
        self._kube_state_metrics = KubeStateMetrics(self.kubeconfig, self.folder)
        self._kube_state_metrics.start()
        self._prometheus = Prometheus(
            self.kubeconfig,
            self.folder,
            kube_state_metrics_port=self._kube_state_metrics.port,
        )
        self._prometheus.start()

    def close(self) -> None:
        for traffic in self._traffics:
            traffic.stop()
        if self._prometheus is not None:
            self._prometheus.kill()
        if self._kube_state_metrics is not None:
            self._kube_state_metrics.stop()
        if self._nodes is not None:
            self._nodes.stop()
        if self._api is not None:
            if self.cluster.own_nodes:
                for namespace in self._namespaces:
                    self._api.delete("Namespace", namespace)
            self._api.close()
        self.cluster.stop()
        self._temporary.cleanup()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.cluster.kubeconfig

    @property
    def audit(self) -> Audit:
        """What was asked of the API server, where it is our own."""
        if not isinstance(self.cluster, ControlPlane):
            raise RigUnavailable("the audit log of a given API server cannot be read")
        return self.cluster.audit

    @property
    def api(self) -> KubeApi:
        assert self._api is not None, "start the world first"
        return self._api

    @property
    def nodes(self) -> Nodes:
        assert self._nodes is not None, "start the world first"
        return self._nodes

    @property
    def prometheus(self) -> Prometheus:
        assert self._prometheus is not None, "this world has no metrics, or has not started"
        return self._prometheus

    def namespace(self, prefix: str = "e2e", labels: dict[str, str] | None = None) -> str:
        """A fresh namespace in which pods can be created."""
        metadata: Object = {"generateName": f"{prefix}-", "labels": labels or {}}
        created = self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        name: str = created["metadata"]["name"]
        self._namespaces.append(name)
        self.api.wait_for("ServiceAccount", "default", lambda _: True, name)
        return name

    def manifests(
        self,
        name: str = "exam",
        *,
        replicas: int = 10,
        version: str = "v1",
        args: Sequence[str] = (),
        labels: dict[str, str] | None = None,
        strategy: Object | None = None,
        container: Object | None = None,
        annotations: dict[str, str] | None = None,
    ) -> tuple[Object, Object]:
        """Deployment and Service of the sample app.

        `container` overrides its fields; `annotations` are more of them, on the pods.
        """
        deployment, service = yaml.safe_load_all((SAMPLE / "deployment.yaml").read_text())
        app = {"app": name}
        deployment["metadata"] = {"name": name, "labels": {**app, **(labels or {})}}
        spec = deployment["spec"]
        spec["replicas"] = replicas
        spec["selector"]["matchLabels"] = app
        if strategy is not None:
            spec["strategy"] = strategy
        template = spec["template"]
        template["metadata"]["labels"] = dict(app)
        template["metadata"]["annotations"] |= annotations or {}
        template["spec"]["containers"][0] |= {
            "image": f"exam-server:{version}",
            "args": [f"--version={version}", *args],
            **copy.deepcopy(container or {}),
        }
        service["metadata"] = {"name": name, "labels": dict(app)}
        service["spec"]["selector"] = dict(app)
        return deployment, service

    def deploy(
        self, namespace: str, name: str = "exam", *, manager: str = "rig", **how: Any
    ) -> Object:
        """Applies the sample app, as `manifests` makes it: a first release or the next one."""
        deployment, service = self.manifests(name, **how)
        self.api.apply(service, namespace, manager=manager)
        return self.api.apply(deployment, namespace, manager=manager)

    def release(self, namespace: str, name: str = "exam", *args: str, version: str) -> Object:
        """What `kubectl set image` does: a new template by a patch of image and arguments alone."""
        container = {
            "name": "server",
            "image": f"exam-server:{version}",
            "args": [f"--version={version}", *args],
        }
        return self.api.patch(
            "Deployment",
            name,
            {"spec": {"template": {"spec": {"containers": [container]}}}},
            namespace,
            content_type="application/strategic-merge-patch+json",
        )

    def wait_rolled_out(self, namespace: str, name: str = "exam", *, seconds: float = 60) -> Object:
        def complete(deployment: Object) -> bool:
            status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
            return status.get("observedGeneration", 0) >= deployment["metadata"][
                "generation"
            ] and all(
                status.get(field, 0) == wanted
                for field in ("replicas", "updatedReplicas", "availableReplicas")
            )

        what = f"deployment {namespace}/{name} rolled out"
        return self.api.wait_for(
            "Deployment", name, complete, namespace, seconds=seconds, what=what
        )

    def pods(self, namespace: str, name: str = "exam", *, version: str = "") -> list[Object]:
        """Pods of an app that are not being deleted, all or of one version of its image."""
        return [
            pod
            for pod in self.api.list("Pod", namespace, labels=f"app={name}")
            if "deletionTimestamp" not in pod["metadata"]
            and pod["spec"]["containers"][0]["image"].endswith(f":{version}" if version else "")
        ]

    def traffic(self, namespace: str, service: str = "exam", **how: Any) -> Traffic:
        """Users of a Service (see `Traffic`); `with world.traffic(…) as users` starts and stops."""
        users = Traffic(self.kubeconfig, namespace, service, folder=self.folder, **how)
        self._traffics.append(users)
        return users

    def service_account(self, name: str, namespace: str, **how: Any) -> Path:
        """A new account's kubeconfig; `cluster_role=` or `rules=`, see `accounts`."""
        path = self.folder / f"{namespace}-{name}-{next(self._numbers)}.kubeconfig"
        return accounts.service_account(self.api, name, namespace, path=path, **how)

    def deaths(self, namespace: str) -> list[Object]:
        """Every end of a container's process in a namespace, with its exact Unix time."""
        path = self.folder / "node" / "deaths.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        deaths: list[Object] = [json.loads(line) for line in lines]
        return [death for death in deaths if death["namespace"] == namespace]

    def wait_until(self, predicate: Callable[[], Result], seconds: float, what: str) -> Result:
        return waiting.wait_until(predicate, seconds=seconds, what=what)

    def diagnose(self, namespace: str) -> str:
        """What a person would look at first when a test in this namespace failed."""
        return describe(self.api, namespace, logs=sorted(self.folder.glob("*.log")))

    def __enter__(self) -> World:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
