"""One Kubernetes control plane for the tests: our own build, envtest's binaries, or a given one."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.e2e.rig import build
from tests.e2e.rig.assets import AssetsControlPlane
from tests.e2e.rig.audit import Audit
from tests.e2e.rig.processes import Process

START_TIMEOUT_SECONDS: Final = 120
# Kubernetes 1.35 does not serve MutatingAdmissionPolicy v1; a 1.36 with the feature off stores
# policies and never applies them.
BEFORE_ADMISSION_POLICIES: Final = ("--emulated-version=1.35",)
ADMISSION_POLICIES_OFF: Final = ("--feature-gates=MutatingAdmissionPolicy=false",)


class ControlPlane:
    """etcd, API server, controllers and scheduler, built from the pinned Go module."""

    own_nodes = False  # its pods wait for the rig's node agent

    def __init__(self, folder: Path, *, apiserver_flags: Sequence[str] = ()) -> None:
        self.folder = folder
        self.kubeconfig = folder / "admin.kubeconfig"
        self.audit = Audit(folder)
        self._flags = apiserver_flags
        self._process: Process | None = None

    def start(self) -> None:
        program = build.binary(build.CONTROL_PLANE)
        flags = [f"--apiserver-flag={flag}" for flag in (*self.audit.flags(), *self._flags)]
        self._process = Process(
            "control plane",
            [program, f"--data-dir={self.folder}", *flags],
            log=self.folder / "controlplane.log",
        )
        ready = self.folder / "ready"
        self._process.wait_until(ready.exists, seconds=START_TIMEOUT_SECONDS, what="ready")

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def kill(self, component: str) -> None:
        """Ends `kube-apiserver`, say; it starts again at once and takes seconds to be ready."""
        self.signal(component, signal.SIGKILL)

    def signal(self, component: str, number: signal.Signals) -> None:
        """SIGSTOP makes a component hang, SIGCONT lets it go on."""
        os.kill(int((self.folder / f"{component}.pid").read_text()), number)


class GivenControlPlane:
    """A cluster that somebody else runs, with nodes of its own."""

    own_nodes = True

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig

    def start(self) -> None:
        if not self.kubeconfig.is_file():
            raise build.RigUnavailable(f"TEST_KUBECONFIG names {self.kubeconfig}: no such file")

    def stop(self) -> None:
        """It is not ours to stop."""


AnyControlPlane = ControlPlane | GivenControlPlane | AssetsControlPlane


def choose(folder: Path, *, apiserver_flags: Sequence[str] = ()) -> AnyControlPlane:
    """As the environment says; a server with flags of its own is always ours."""
    if given := os.environ.get("TEST_KUBECONFIG"):
        if apiserver_flags:
            raise build.RigUnavailable("the API server of TEST_KUBECONFIG has flags of its own")
        return GivenControlPlane(Path(given))
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        return AssetsControlPlane(Path(assets), folder, apiserver_flags=apiserver_flags)
    return ControlPlane(folder, apiserver_flags=apiserver_flags)
