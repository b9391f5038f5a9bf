"""The chart as a cluster takes it: applied as it is; the incident ends under its rights alone."""

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from helm.generate import NAME
from tests.e2e import charted
from tests.e2e.channel import Channel
from tests.e2e.charted import Object
from tests.e2e.rig.processes import Process, free_port
from tests.e2e.rig.world import World
from tests.e2e.stage import Stage

WITH_LTI: Final = {"/exam": 60.0, "/submit": 30.0, "/lti/launch": 10.0}
LEASE: Final = ("--lease-namespace", NAME, "--lease-name", NAME)
# Everything that can be switched on, with what it needs.
ALL_OPTIONS: Final[dict[str, Any]] = {
    "config": {"configMaps": True, "secrets": True},
    "controller": {"slackChannel": "#deploys"},
    "flightRecorder": {"enabled": True},
    "grafanaDashboards": {"enabled": True},
    "ingress": {"enabled": True, "hosts": ["canary.example.org"], "className": "nginx"},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]},
    "networkPolicy": {"enabled": True},
    "prometheus": {"url": "http://prometheus.monitoring:9090"},
    "prometheusRule": {"enabled": True},
    "serviceMonitor": {"enabled": True},
    "slack": {
        "botToken": {"existingSecret": "slack", "key": "token"},
        "signingSecret": {"existingSecret": "slack", "key": "signing"},
        "users": {"U012AB": {"user": "ada@example.org"}},
    },
    "tls": {"existingSecret": "canary-controller-tls"},
}
# As the authorizer says it.
DENIED: Final = f'User "system:serviceaccount:{NAME}:{NAME}" cannot '
OF_OPERATORS: Final = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}


def test_the_server_takes_every_object_of_every_option(world: World, account: Path) -> None:
    wanted = charted.chart(world, ALL_OPTIONS)
    unknown = charted.apply(world, wanted, dry_run=True)
    assert {manifest["kind"] for manifest in unknown} == OF_OPERATORS
    assert len(wanted) > len(charted.chart(world)) > len(unknown)


def test_what_is_in_deploy_is_taken_as_it_is(world: World, account: Path) -> None:
    manifests = charted.deployed()
    if not charted.serves_gate(world):
        manifests = [m for m in manifests if not m["kind"].startswith("MutatingAdmission")]
    assert charted.apply(world, manifests, dry_run=True) == []
    kinds = {manifest["kind"] for manifest in manifests}
    assert {"CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Deployment"} <= kinds


def test_the_pods_of_the_chart_are_of_its_account(world: World, account: Path) -> None:
    found = world.api.get("Deployment", NAME, NAME)
    assert found["spec"]["template"]["spec"]["serviceAccountName"] == NAME
    assert found["spec"]["replicas"] == 2


def test_the_process_takes_what_the_chart_hands_it(world: World, account: Path) -> None:
    """Arguments, environment and probes are those of the container, as the cluster has them."""
    found = world.api.get("Deployment", NAME, NAME)
    (container,) = found["spec"]["template"]["spec"]["containers"]
    fields = {"metadata.namespace": NAME, "metadata.name": f"{NAME}-0"}
    given = [
        f"{one['name']}={fields[one['valueFrom']['fieldRef']['fieldPath']]}"
        if "valueFrom" in one
        else f"{one['name']}={one['value']}"
        for one in container["env"]
    ]
    port = free_port()
    program = shutil.which("env")
    assert program is not None
    argv = [program, *given, sys.executable, "-m", "controller", *container["args"]]
    argv += ["--kubeconfig", str(account), "--listen-host", "127.0.0.1"]
    argv += ["--listen-port", str(port)]
    process = Process("pod", argv, log=world.folder / "pod.log")
    try:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            url = f"http://127.0.0.1:{port}{container[probe]['httpGet']['path']}"
            process.wait_until(lambda url=url: answers(url), seconds=60, what=probe)
        process.wait_until(lambda: holder(world).startswith(f"{NAME}-0"), seconds=30, what="lead")
    finally:
        process.stop()
    assert holder(world) == ""


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, timeout=2).is_success
    return False


def holder(world: World) -> str:
    lease = world.api.find("Lease", NAME, NAME)
    found: str = (lease or {"spec": {}})["spec"].get("holderIdentity") or ""
    return found


@pytest.fixture
def everywhere(world: World, account: Path, namespace: str) -> Iterator[Stage]:
    """As the chart runs it by default: it watches all namespaces, and leads by its Lease."""
    with Channel() as channel:
        stage = Stage(world, account, namespace, channel, ("--namespace", "", *LEASE))
        yield stage
        stage.controller.stop()


def test_the_incident_ends_under_the_rights_of_the_chart(everywhere: Stage) -> None:
    rolled_back(everywhere)
    assert holder(everywhere.world), "it leads"
    everywhere.controller.stop()
    assert holder(everywhere.world) == "", "and lets go when it is told to stop"


@pytest.fixture
def narrow(world: World, account: Path, namespace: str) -> Iterator[Stage]:
    """The chart with `watch.namespaces`: Roles in these, and next to nothing in the cluster."""
    names = [namespace, world.namespace("e2e-other")]
    manifests = charted.chart(world, {"watch": {"namespaces": names}})
    charted.apply(world, manifests)
    with Channel() as channel:
        stage = Stage(world, account, namespace, channel, ("--namespace", ",".join(names), *LEASE))
        yield stage
        stage.controller.stop()
    charted.apply(world, charted.chart(world))
    world.api.delete("Namespace", names[1])


def test_the_incident_ends_under_the_rights_in_some_namespaces(narrow: Stage) -> None:
    role = narrow.world.api.get("ClusterRole", NAME)
    assert not {r for rule in role["rules"] for r in rule["resources"]} & {"deployments", "pods"}
    rolled_back(narrow)


def rolled_back(stage: Stage) -> None:
    """A version that dies on every LTI launch is caught, and ends as it always did."""
    stage.settle(replicas=10)
    with stage.world.traffic(stage.namespace, rate=60, mix=WITH_LTI):
        stage.push("v2", "--bug=crash-on-lti")
        stage.wait_phase("RolledBack")
    stage.world.wait_rolled_out(stage.namespace)
    assert (stage.image(), stage.ready("v1"), stage.replicas("v2")) == ("v1", 10, 0)
    (past,) = stage.status["history"]
    assert past["result"] == "RolledBack"
    told: list[Object] = stage.world.wait_until(
        lambda: own(stage, "was rolled back"), 10, "the news"
    )
    assert len(told) == 1
    assert DENIED not in stage.controller.log()


def own(stage: Stage, headline: str) -> list[Object]:
    """Without those of a namespace that is on its way out."""
    return [m for m in stage.channel.of(headline) if stage.namespace in json.dumps(m)]
