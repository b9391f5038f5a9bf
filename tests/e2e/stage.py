"""One workload, its Canary, its controller process and its Slack channel, in a namespace."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from tests.e2e import charted
from tests.e2e.channel import Channel
from tests.e2e.rig.api import ApiError
from tests.e2e.rig.processes import Process, free_port
from tests.e2e.rig.world import World

GROUP: Final = "canary-controller.io"
Object = dict[str, Any]

# Short steps, and margins that a few hundred requests can prove: what is shown here is that the
# parts work together. How good the decision is, is shown elsewhere.
QUICK: Final[Object] = {
    "steps": [
        {"canary": 1, "minDuration": "3s", "maxDuration": "5m"},
        {"canary": "50%", "minDuration": "3s", "maxDuration": "5m"},
    ],
    "analysis": {
        "errorRate": {"promoteRatio": 3, "promoteDifference": 0.1},
        "coverage": {"minRequests": 2, "ignorableShare": 0.05},
    },
    "bake": "5s",
}


def install(world: World) -> Path:
    """The chart as it is, for this server; returns the kubeconfig of the chart's own account.

    So every story here is told with exactly the rights that an installation has.
    """
    charted.apply(world, charted.chart(world))
    world.wait_until(lambda: served(world), 30, "the CRD to be served")
    return charted.account(world)


def served(world: World) -> bool:
    """Whether Canaries can be listed: after a CRD is applied its storage takes a moment."""
    try:
        world.api.request("GET", f"/apis/{GROUP}/v1alpha1/canaries")
    except ApiError:
        return False
    return True


class Controller:
    """`canaryctl run` as a process of its own, which can be killed and started again.

    One of several replicas has a name, and may have a way to the API server of its own.
    """

    def __init__(self, stage: "Stage", name: str = "", account: Path | None = None) -> None:
        self._stage = stage
        self.name = name
        self._account = account or stage.account
        self._runs = 0
        self.process: Process | None = None
        self.port = 0

    def start(self) -> "Controller":
        stage = self._stage
        self._runs += 1
        self.port = free_port()
        argv = [sys.executable, "-m", "controller", "run", "--namespace", stage.namespace]
        argv += ["--kubeconfig", str(self._account), "--listen-host", "127.0.0.1"]
        argv += ["--listen-port", str(self.port), "--look-interval-seconds", "1"]
        argv += ["--log-format", "text", *stage.settings]
        if self.name:
            argv += ["--replica-name", self.name, "--lease-namespace", charted.NAME]
        if stage.has_channel:
            argv += ["--slack-webhook-url", stage.channel.url]
        if stage.prometheus_url:
            argv += ["--prometheus-url", stage.prometheus_url]
        self.process = Process("controller", argv, log=self._log_of(self._runs))
        self.process.wait_until(self._is_ready, seconds=60, what="ready")
        return self

    def _is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2).is_success
        return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        """All that its processes have written."""
        return "".join(self._log_of(run + 1).read_text() for run in range(self._runs))

    def _log_of(self, run: int) -> Path:
        stage = self._stage
        return stage.world.folder / f"controller-{stage.namespace}{self.name}-{run}.log"

    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=5).text

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()


class Stage:
    """What a story needs, and words to tell it with. `settings` are further flags."""

    def __init__(
        self,
        world: World,
        account: Path,
        namespace: str,
        channel: Channel | None = None,
        settings: tuple[str, ...] = (),
    ) -> None:
        self.world = world
        self.account = account
        self.namespace = namespace
        self._channel = channel
        self.settings = settings
        self.prometheus_url = f"http://127.0.0.1:{world.prometheus.port}"
        self.controller = Controller(self)

    @property
    def has_channel(self) -> bool:
        return self._channel is not None

    @property
    def channel(self) -> Channel:
        """Where the incoming webhook leads."""
        assert self._channel is not None, "this stage has no incoming webhook"
        return self._channel

    def settle(self, *, replicas: int = 4, spec: Object | None = None, **how: Any) -> None:
        """Version v1 runs everywhere, the Canary watches it, the gate is armed."""
        self.world.deploy(self.namespace, replicas=replicas, **how)
        self.world.wait_rolled_out(self.namespace)
        self.canary(**(spec or {}))
        self.controller.start()
        self.wait_for(lambda s: s.get("stable"), 30, "stable to be found")
        self.wait_deployment(lambda d: f"{GROUP}/canary" in d["metadata"]["labels"], 30, "opt-in")

    def canary(self, **spec: Any) -> Object:
        return self.world.api.apply(self.manifest(**spec), self.namespace, manager="rig")

    def manifest(self, **spec: Any) -> Object:
        return {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "Canary",
            "metadata": {"name": "exam"},
            "spec": {"targetRef": {"name": "exam"}, **QUICK, **spec},
        }

    def push(self, version: str, *args: str) -> None:
        """A new version is applied, as a pipeline would do."""
        self.world.release(self.namespace, "exam", *args, version=version)

    def command(self, text: str) -> None:
        """A person annotates the Canary."""
        body = {"metadata": {"annotations": {f"{GROUP}/intent": text}}}
        self.world.api.patch("Canary", "exam", body, self.namespace)

    @property
    def status(self) -> Object:
        found: Object = self.world.api.get("Canary", "exam", self.namespace)
        status: Object = found.get("status", {})
        return status

    @property
    def deployment(self) -> Object:
        return self.world.api.get("Deployment", "exam", self.namespace)

    def wait_for(self, predicate: Callable[[Object], object], seconds: float, what: str) -> Object:
        def holds() -> Object | None:
            status = self.status
            if predicate(status):
                return status
            said = f"{status.get('phase')}: {status.get('message')}"
            raise AssertionError(said)

        found = self.world.wait_until(holds, seconds, what)
        assert found is not None
        return found

    def wait_phase(self, *phases: str, seconds: float = 90) -> Object:
        return self.wait_for(lambda s: s.get("phase") in phases, seconds, f"phase {phases}")

    def wait_deployment(
        self, predicate: Callable[[Object], object], seconds: float, what: str
    ) -> Object:
        return self.world.api.wait_for(
            "Deployment", "exam", predicate, self.namespace, seconds=seconds, what=what
        )

    def replicas(self, version: str) -> int:
        """Pods wanted of a version, over all its ReplicaSets."""
        return sum(
            rs["spec"]["replicas"]
            for rs in self.world.api.list("ReplicaSet", self.namespace)
            if rs["spec"]["template"]["spec"]["containers"][0]["image"].endswith(f":{version}")
        )

    def ready(self, version: str) -> int:
        return sum(
            any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])
            for pod in self.world.pods(self.namespace, version=version)
            if "conditions" in pod["status"]
        )

    def events(self, reason: str) -> list[Object]:
        return [e for e in self.world.api.list("Event", self.namespace) if e["reason"] == reason]

    def image(self) -> str:
        found: str = self.deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        return found.removeprefix("exam-server:")
