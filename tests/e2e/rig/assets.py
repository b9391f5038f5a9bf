"""A control plane from the binaries of KUBEBUILDER_ASSETS, started as envtest starts them.

envtest's own download has etcd and kube-apiserver; a rollout needs the controllers too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx
import yaml

from tests.e2e.rig import kubeconfig
from tests.e2e.rig.build import RigUnavailable
from tests.e2e.rig.certificates import Authority, signing_key
from tests.e2e.rig.processes import Process, free_port

NEEDED: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
START_TIMEOUT_SECONDS: Final = 60
USERS: Final = {
    "admin": ("rig-admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kubelet-client": ("kube-apiserver-kubelet-client", ""),
}


class AssetsControlPlane:
    own_nodes = False

    def __init__(self, assets: Path, folder: Path, *, apiserver_flags: Sequence[str] = ()) -> None:
        self.folder = folder
        self.kubeconfig = folder / "admin.kubeconfig"
        self._assets = assets
        self._flags = apiserver_flags
        self._processes: list[Process] = []

    def start(self) -> None:
        missing = [name for name in NEEDED if not (self._assets / name).is_file()]
        if missing:
            raise RigUnavailable(f"KUBEBUILDER_ASSETS={self._assets} has no {', '.join(missing)}")
        port = free_port()
        self._write_credentials(f"https://127.0.0.1:{port}")
        etcd = f"http://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )
        server = self._run("kube-apiserver", *self._apiserver_flags(etcd, port))
        self._wait(server, "/readyz")
        own = ("--leader-elect=false", "--secure-port=0")
        self._run("kube-scheduler", f"--kubeconfig={self._in('scheduler.kubeconfig')}", *own)
        controllers = self._run(
            "kube-controller-manager",
            f"--kubeconfig={self._in('controllers.kubeconfig')}",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self._in('service-account.key')}",
            f"--root-ca-file={self._in('ca.crt')}",
            *own,
        )
        self._wait(controllers, "/api/v1/namespaces/default/serviceaccounts/default")

    def _apiserver_flags(self, etcd: str, port: int) -> list[str]:
        return [
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={port}",
            "--service-cluster-ip-range=10.0.0.0/16",
            "--authorization-mode=RBAC",
            "--endpoint-reconciler-type=none",
            f"--client-ca-file={self._in('ca.crt')}",
            f"--tls-cert-file={self._in('apiserver.crt')}",
            f"--tls-private-key-file={self._in('apiserver.key')}",
            f"--kubelet-client-certificate={self._in('kubelet-client.crt')}",
            f"--kubelet-client-key={self._in('kubelet-client.key')}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._in('service-account.key')}",
            f"--service-account-signing-key-file={self._in('service-account.key')}",
            *self._flags,
        ]

    def _in(self, name: str) -> Path:
        return self.folder / name

    def _write_credentials(self, server: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority = Authority()
        self._in("ca.crt").write_bytes(authority.certificate)
        self._in("service-account.key").write_bytes(signing_key())
        pairs = {name: authority.issue(cn, organization=o) for name, (cn, o) in USERS.items()}
        pairs["apiserver"] = authority.issue("kube-apiserver", address="127.0.0.1")
        for name, pair in pairs.items():
            self._in(f"{name}.crt").write_bytes(pair.certificate)
            self._in(f"{name}.key").write_bytes(pair.key)
            user = {
                "client-certificate": str(self._in(f"{name}.crt")),
                "client-key": str(self._in(f"{name}.key")),
            }
            cluster = {"server": server, "certificate-authority": str(self._in("ca.crt"))}
            text = yaml.safe_dump(kubeconfig.document(cluster, user))
            self._in(f"{name}.kubeconfig").write_text(text)

    def _run(self, name: str, *flags: str) -> Process:
        process = Process(name, [self._assets / name, *flags], log=self._in(f"{name}.log"))
        self._processes.append(process)
        return process

    def _wait(self, process: Process, path: str) -> None:
        access = kubeconfig.load(self.kubeconfig)
        with httpx.Client(base_url=access.server, verify=access.tls, trust_env=False) as http:

            def answers() -> bool:
                try:
                    return http.get(path).is_success
                except httpx.HTTPError:
                    return False

            process.wait_until(answers, seconds=START_TIMEOUT_SECONDS, what=path)

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.kill()
