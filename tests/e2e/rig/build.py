"""Builds the rig's Go programs once, into a cache outside the repository.

`python -m tests.e2e.rig.build` builds them all.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
BUILD_TIMEOUT_SECONDS: Final = 45 * 60  # a cold build compiles Kubernetes: minutes on two cores


class RigUnavailable(RuntimeError):
    """The real thing cannot be had here; the message says what is missing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    package: str
    tags: str = ""


CONTROL_PLANE: Final = Program(name="controlplane", package=".")
KUBE_STATE_METRICS: Final = Program(
    name="kube-state-metrics", package="k8s.io/kube-state-metrics/v2"
)
PROMETHEUS: Final = Program(
    name="prometheus",
    package="github.com/prometheus/prometheus/cmd/prometheus",
    # Every service discovery but that of Kubernetes drags in the SDK of some cloud.
    tags="remove_all_sd,enable_kubernetes_sd",
)
PROGRAMS: Final = (CONTROL_PLANE, KUBE_STATE_METRICS, PROMETHEUS)


def binary(program: Program) -> Path:
    """The path of the built program; builds it when no build of these very sources is cached."""
    go = _go()
    target = cache() / f"{program.name}-{_fingerprint(program, go)}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_suffix(".lock")):
        if not target.exists():
            _build(program, go, target)
    return target


def cache() -> Path:
    if chosen := os.environ.get("CANARY_RIG_CACHE"):
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "canary-controller" / "rig"


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        raise RigUnavailable("Go is not installed; the rig's programs are built from Go modules")
    return go


def _fingerprint(program: Program, go: str) -> str:
    folder = HERE / program.name
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, check=True, cwd=folder)
    digest = hashlib.sha256(version.stdout + f"{program}{_version_flags(program)}".encode())
    for path in sorted([folder / "go.mod", folder / "go.sum", *folder.glob("*.go")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _build(program: Program, go: str, target: Path) -> None:
    started = time.monotonic()
    print(f"building {program.name} (once; minutes when Go's cache is cold)", file=sys.stderr)
    partial = target.with_suffix(".partial")
    command = [go, "build", "-mod=readonly", "-buildvcs=false"]
    command.append(f"-ldflags=-s -w {_version_flags(program)}")
    command += [f"-tags={program.tags}", f"-o={partial}", program.package]
    try:
        result = subprocess.run(
            command,
            cwd=HERE / program.name,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RigUnavailable(f"building {program.name} took over {error.timeout} s") from error
    if result.returncode:
        raise RigUnavailable(f"building {program.name} failed:\n{result.stderr[-2000:]}")
    partial.rename(target)
    print(f"built {program.name} in {time.monotonic() - started:.0f} s: {target}", file=sys.stderr)


def _version_flags(program: Program) -> str:
    """A Kubernetes release is told its own version by the linker, and so is this one."""
    requirements = (HERE / program.name / "go.mod").read_text()
    version = re.search(r"k8s\.io/kubernetes v(\d+)\.(\d+)\.\d+", requirements)
    if version is None:
        return ""
    variables = {
        "gitVersion": version[0].split()[1],
        "gitMajor": version[1],
        "gitMinor": version[2],
        "gitTreeState": "clean",
        "gitCommit": "rig",
    }
    package = "k8s.io/component-base/version"
    return " ".join(f"-X {package}.{name}={value}" for name, value in variables.items())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        for each in PROGRAMS:
            print(binary(each))
    except RigUnavailable as unavailable:
        sys.exit(unavailable.reason)
