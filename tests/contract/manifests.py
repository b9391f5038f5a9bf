"""The Deployment of a story as it stands in somebody's Git; its processes look into a folder."""

from pathlib import Path
from typing import Any, Final

from controller.domain.mounts import Mount, MountKind
from tests.contract.lab import HELPER, NAME, PREPARER, Shape

Object = dict[str, Any]

# Waits, at no cost, for somebody to say how to end: the exit code first, then the last words.
OBEDIENT: Final = """
ear="$FOLDER/$POD_NAME$SUFFIX.end"
rm -f "$ear"
mkfifo "$ear"
{ read -r code; cat; } <"$ear"
exit "$code"
"""
# It is told to go, and takes its grace period: nobody who looks now and then can miss it.
LINGERING: Final = "trap '' TERM" + OBEDIENT
# Fails as often as it is told, and is done then.
PREPARING: Final = """
tried="$FOLDER/$POD_NAME.tried"
echo x >>"$tried"
[ "$(wc -l <"$tried")" -gt "$FAILURES" ]
"""
# Can be reached exactly while no file says that it shall not be, or that it shall hang.
PROBED: Final = """
import os, socket, time
shut, server = "{FOLDER}/{POD_NAME}.shut".format(**os.environ), None
hang = "{FOLDER}/{POD_NAME}.hang".format(**os.environ)
while True:
    if os.path.exists(hang):
        os.remove(hang)
        if server:
            server.close()
        time.sleep(1000)
    if os.path.exists(shut) and server:
        server.close()
        server = None
    elif not os.path.exists(shut) and not server:
        server = socket.create_server((os.environ["POD_IP"], int(os.environ["PORT"])), backlog=99)
    time.sleep(0.05)
"""
TRACKED_BY: Final = {
    "argo-cd": {"argocd.argoproj.io/tracking-id": "exams:apps/Deployment:exams/exam"},
    "flux": {"kustomize.toolkit.fluxcd.io/name": "exams"},
}


def manifest(version: str, shape: Shape, folder: Path) -> Object:
    """The Deployment."""
    app = {"app": NAME}
    strategy: Object = {"type": shape.strategy}
    if shape.strategy == "RollingUpdate":
        bounds = {"maxSurge": shape.surge, "maxUnavailable": shape.unavailable}
        strategy["rollingUpdate"] = bounds
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": NAME,
            "labels": app,
            "annotations": TRACKED_BY.get(shape.gitops or "", {}),
        },
        "spec": {
            "replicas": shape.replicas,
            "selector": {"matchLabels": app},
            "strategy": strategy,
            "template": {
                "metadata": {"labels": app},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [_container(version, shape, folder)],
                    "initContainers": _first(shape, folder),
                    "volumes": [_volume(mount) for mount in shape.mounts],
                },
            },
        },
    }


def _container(version: str, shape: Shape, folder: Path) -> Object:
    server = {"name": "server", "env": _env(folder)}
    if not (shape.probed or shape.watched_over):
        return {
            **server,
            "image": f"shell:{version}",
            "args": [LINGERING if shape.lingering else OBEDIENT],
        }
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 1}
    probes = {"readinessProbe": probe}
    if shape.watched_over:
        probes["livenessProbe"] = {**probe, "initialDelaySeconds": 1}
    return {
        **server,
        "image": f"python:{version}",
        "args": ["-c", PROBED],
        "ports": [{"containerPort": 8080}],
        **probes,
    }


def _first(shape: Shape, folder: Path) -> list[Object]:
    """What begins before the application: a sidecar, and a container that prepares it."""
    found = []
    if shape.helped:
        env = _env(folder, SUFFIX=f".{HELPER}")
        helper = {"name": HELPER, "restartPolicy": "Always", "image": "shell:v1", "env": env}
        found.append({**helper, "args": [OBEDIENT]})
    if shape.prepared_at_try > 1:
        env = _env(folder, FAILURES=str(shape.prepared_at_try - 1))
        found.append({"name": PREPARER, "image": "shell:v1", "env": env, "args": [PREPARING]})
    return found


def _volume(mount: Mount) -> Object:
    """One that need not be there."""
    source: Object = {"configMap": {"name": mount.name, "optional": True}}
    if mount.kind is MountKind.SECRET:
        source = {"secret": {"secretName": mount.name, "optional": True}}
    return {"name": mount.name, **source}


def _env(folder: Path, **more: str) -> list[Object]:
    values = {"FOLDER": str(folder), "SUFFIX": "", **more}
    return [{"name": name, "value": value} for name, value in values.items()]
