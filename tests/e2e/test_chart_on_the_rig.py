"""The chart as a cluster takes it: applied as it is; the incident ends under its rights alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from helm.generate import NAME
from tests.e2e import charted
from tests.e2e.channel import Channel
from tests.e2e.charted import Object
from tests.e2e.rig.world import World
from tests.e2e.stage import Stage

WITH_LTI: Final = {"/exam": 60.0, "/submit": 30.0, "/lti/launch": 10.0}
LEASE: Final = ("--lease-namespace", NAME, "--lease-name", NAME)
# Everything that can be switched on, with what it needs.
ALL_OPTIONS: Final[dict[str, Any]] = {
    "config": {"configMaps": True, "secrets": True},
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


@pytest.fixture
def everywhere(world: World, account: Path, namespace: str) -> Iterator[Stage]:
    """As the chart runs it by default: it watches all namespaces, and leads by its Lease."""
    with Channel() as channel:
        stage = Stage(world, account, namespace, channel, ("--namespace", "", *LEASE))
        yield stage
        stage.controller.stop()


def test_the_incident_ends_under_the_rights_of_the_chart(everywhere: Stage) -> None:
    rolled_back(everywhere)
    lease = everywhere.world.api.get("Lease", NAME, NAME)
    assert lease["spec"]["holderIdentity"], "it leads"
    everywhere.controller.stop()
    lease = everywhere.world.api.get("Lease", NAME, NAME)
    assert not lease["spec"].get("holderIdentity"), "and lets go when it is told to stop"


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
        lambda: stage.channel.of("was rolled back"), 10, "the news"
    )
    assert len(told) == 1
    assert DENIED not in stage.controller.log()
