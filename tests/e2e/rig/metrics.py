"""A real Prometheus that finds the pods by itself, and a real kube-state-metrics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.e2e.rig import build
from tests.e2e.rig.addresses import POD_NETWORK
from tests.e2e.rig.processes import Process, free_port
from tests.e2e.rig.waiting import wait_until

START_TIMEOUT_SECONDS: Final = 40
KSM_RESOURCES: Final = "pods,nodes,namespaces,services,deployments,replicasets"
ANNOTATION: Final = "__meta_kubernetes_pod_annotation_prometheus_io_"


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


class KubeStateMetrics:
    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.port = free_port()
        self._kubeconfig = kubeconfig
        self._log = folder / "kube-state-metrics.log"
        self._process: Process | None = None

    def start(self) -> None:
        program = build.binary(build.KUBE_STATE_METRICS)
        argv: list[str | Path] = [
            program,
            f"--kubeconfig={self._kubeconfig}",
            f"--resources={KSM_RESOURCES}",
        ]
        argv += ["--host=127.0.0.1", f"--port={self.port}"]
        argv += ["--telemetry-host=127.0.0.1", f"--telemetry-port={free_port()}"]
        argv += ["--metric-labels-allowlist=pods=[*]"]
        self._process = Process("kube-state-metrics", argv, log=self._log)
        url = f"http://127.0.0.1:{self.port}/metrics"
        self._process.wait_until(lambda: answers(url), seconds=START_TIMEOUT_SECONDS, what=url)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()


class Prometheus:
    def __init__(
        self,
        kubeconfig: Path,
        folder: Path,
        *,
        kube_state_metrics_port: int | None = None,
        scrape_seconds: float = 1,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder / f"prometheus-{self.port}"
        config = _config(kubeconfig, kube_state_metrics_port, f"{int(scrape_seconds * 1000)}ms")
        self._folder.mkdir(parents=True)
        (self._folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self._process: Process | None = None

    def start(self) -> None:
        """Keeps its port and its data over a stop or a kill, so a second start is a restart."""
        argv: list[str | Path] = [
            build.binary(build.PROMETHEUS),
            f"--config.file={self._folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        self._process = Process("prometheus", argv, log=self._folder / "prometheus.log")
        url = f"{self.url}/-/ready"
        self._process.wait_until(lambda: answers(url), seconds=START_TIMEOUT_SECONDS, what=url)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector: `metric` and `value` of each series."""
        answer = httpx.get(
            f"{self.url}/api/v1/query", params={"query": expression}, timeout=10, trust_env=False
        )
        answer.raise_for_status()
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    def value(self, expression: str) -> float | None:
        """The only value of the expression, or None while there is none."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression} has {len(found)} values"
        return float(found[0]["value"][1]) if found else None

    def wait_for(self, expression: str, *, seconds: float = 20) -> list[dict[str, Any]]:
        """The first answer that is not empty."""
        return wait_until(lambda: self.query(expression), seconds=seconds, what=expression)


def _config(kubeconfig: Path, kube_state_metrics_port: int | None, interval: str) -> dict[str, Any]:
    jobs = [_pods(kubeconfig)]
    if kube_state_metrics_port is not None:
        targets = [f"127.0.0.1:{kube_state_metrics_port}"]
        jobs.append(
            {
                "job_name": "kube-state-metrics",
                "honor_labels": True,
                "static_configs": [{"targets": targets}],
            }
        )
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "scrape_configs": jobs,
    }


def _pods(kubeconfig: Path) -> dict[str, Any]:
    """Follows the well-known annotations, to the address where a pod of the rig listens."""
    relabelings: list[dict[str, Any]] = [
        {"source_labels": [f"{ANNOTATION}scrape"], "action": "keep", "regex": "true"},
        {
            "source_labels": ["__meta_kubernetes_pod_ip", f"{ANNOTATION}port"],
            "separator": ":",
            "regex": r"([^:]+:\d+)",
            "target_label": "__address__",
        },
        {
            "source_labels": ["__address__"],
            "regex": rf"{re.escape(POD_NETWORK)}(.+)",
            "replacement": "127.$1",
            "target_label": "__address__",
        },
        {
            "source_labels": [f"{ANNOTATION}path"],
            "regex": "(.+)",
            "target_label": "__metrics_path__",
        },
    ]
    relabelings += [
        {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": label}
        for source, label in (
            ("namespace", "namespace"),
            ("pod_name", "pod"),
            ("pod_container_name", "container"),
        )
    ]
    # Setups differ in what they call the pod: here each pod can say so itself.
    called = f"{ANNOTATION}pod_label"
    relabelings += [
        {
            "source_labels": [called, "__meta_kubernetes_pod_name"],
            "regex": "(.+);(.+)",
            "target_label": "$1",
            "replacement": "$2",
        },
        {"source_labels": [called], "regex": ".+", "target_label": "pod", "replacement": ""},
    ]
    discovery = {"role": "pod", "kubeconfig_file": str(kubeconfig)}
    return {
        "job_name": "pods",
        "kubernetes_sd_configs": [discovery],
        "relabel_configs": relabelings,
    }
