"""The rights of the chart are exactly those that are used: none is missing, none too many.

What was asked of the API server is read from its own audit log, over a story that goes every way on
which the controller speaks to it.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from controller.adapters.kube.rights import RIGHTS
from helm.generate import NAME
from tests.e2e import charted
from tests.e2e.channel import Channel
from tests.e2e.charted import Object
from tests.e2e.house import House
from tests.e2e.rig.api import ApiError, KubeApi
from tests.e2e.rig.audit import Call
from tests.e2e.rig.world import World
from tests.e2e.stage import Stage, install
from tests.e2e.worlds import started

USER: Final = f"system:serviceaccount:{NAME}:{NAME}"
LEASE: Final = ("--lease-namespace", NAME, "--lease-name", NAME)
# Deployments are protected as OpenShift protects them: who names one as the owner of an object must
# have the right to its finalizers. That is asked within a write, and is no call of its own.
PROTECTED: Final = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement"
WITHIN_A_WRITE: Final = {("apps", "deployments/finalizers", "update")}
# Everybody who is known may ask about themselves, by a role that every cluster has.
OF_EVERYBODY: Final = {
    ("authentication.k8s.io", "selfsubjectreviews", "create"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
}
OPTIONS: Final[dict[str, Any]] = {"config": {"configMaps": True, "secrets": True}}
CONFIGURED: Final = ("--watch-configmaps", "true", "--watch-secrets", "true")

Permission = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A permission and where it holds: "" is everywhere."""

    permission: Permission
    namespace: str
    name: str = ""

    def covers(self, call: Call) -> bool:
        if self.permission != permission(call) or self.namespace not in {"", call.namespace}:
            return False
        return self.name in {"", call.name}


def permission(call: Call) -> Permission:
    return call.group, call.kind, call.verb


def granted(manifests: Iterable[Object]) -> list[Granted]:
    """What the chart's roles allow to its account, and only they."""
    objects = list(manifests)
    roles = {
        (o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]): o
        for o in objects
        if o["kind"] in {"Role", "ClusterRole"}
    }
    found = []
    for binding in objects:
        if binding["kind"] not in {"RoleBinding", "ClusterRoleBinding"}:
            continue
        (subject,) = binding["subjects"]
        assert (subject["kind"], subject["name"], subject["namespace"]) == (
            "ServiceAccount", NAME, NAME,
        )  # fmt: skip
        place = binding["metadata"].get("namespace", "")
        kind = binding["roleRef"]["kind"]
        of = place if kind == "Role" else ""
        role = roles[kind, of, binding["roleRef"]["name"]]
        for rule in role["rules"]:
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            found += [
                Granted(permission=(group, resource, verb), namespace=place, name=name)
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
                for name in rule.get("resourceNames", [""])
            ]
    return found


@pytest.fixture(scope="module")
def guarded_world() -> Iterator[World]:
    """One that nobody else uses: every call of the account in its audit log is of these stories."""
    yield from started(World(apiserver_flags=(PROTECTED,)))


@pytest.fixture(scope="module")
def guarded_account(guarded_world: World) -> Path:
    return install(guarded_world)


@contextmanager
def installed(world: World, account: Path, values: Object) -> Iterator[list[Object]]:
    """The chart with these values, as long as it is needed."""
    manifests = charted.chart(world, values)
    charted.apply(world, manifests)
    try:
        yield manifests
    finally:
        usual = charted.chart(world)
        kept = {_key(manifest) for manifest in usual}
        charted.uninstall(world, [m for m in manifests if _key(m) not in kept])
        charted.apply(world, usual)


def _key(manifest: Object) -> tuple[str, str, str]:
    meta = manifest["metadata"]
    return manifest["kind"], meta.get("namespace", ""), meta["name"]


def every_way(stage: Stage) -> None:
    """Every way on which the controller speaks to the API server."""
    configured(stage)
    crash(stage)
    commands(stage)
    said_again(stage)
    let_go(stage)


def configured(stage: Stage) -> None:
    """An app with a ConfigMap and a Secret: what of them changed is named at a rollback."""
    configure(stage, "1")
    sources = [
        {"configMapRef": {"name": "exam", "optional": True}},
        {"secretRef": {"name": "exam", "optional": True}},
    ]
    stage.settle(replicas=10, container={"envFrom": sources})
    stage.wait_for(lambda s: s.get("mounts"), 30, "what is mounted to be known")


def configure(stage: Stage, text: str) -> None:
    for kind, field in (("ConfigMap", "data"), ("Secret", "stringData")):
        manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "exam"}}
        stage.world.api.apply({**manifest, field: {"a": text}}, stage.namespace)


def crash(stage: Stage) -> None:
    """Held, seeded, stepped, crashed, its last words read, rolled back."""
    mix = {"/exam": 60.0, "/submit": 30.0, "/lti/launch": 10.0}
    with stage.world.traffic(stage.namespace, rate=60, mix=mix):
        configure(stage, "2")
        stage.push("v2", "--bug=crash-on-lti")
        status = stage.wait_phase("RolledBack")
    changed = {(one["kind"], one["name"], one["turn"]) for one in status["release"]["drift"]}
    assert changed == {("ConfigMap", "exam", "Changed"), ("Secret", "exam", "Changed")}
    assert status["release"]["crashes"], "the last words of a container are read"
    stage.world.wait_rolled_out(stage.namespace)


def commands(stage: Stage) -> None:
    """A person signs in, and promotes by the API; another one annotates the Canary."""
    people = House(stage=stage, slack=None, receiver=None)  # type: ignore[arg-type]
    people.account("operator", "canary-operator")
    stage.push("v3")
    stage.wait_phase("Analysing")
    stage.command("hold")
    stage.wait_for(lambda s: s["phase"] == "Holding" and not s.get("intentDone"), 30, "the hold")
    token = people.token("operator")
    assert people.post("promote", token, key="one-step").is_success
    stage.world.wait_until(lambda: stage.replicas("v3") == 5, 30, "half of the pods")
    assert people.post("promote", token, key="all-the-way", full=True).is_success
    stage.wait_phase("Promoted")
    stage.world.wait_rolled_out(stage.namespace)


def said_again(stage: Stage) -> None:
    """An Event that says what was said before is counted on the one that is there."""
    for turn in range(2):
        stage.command(f'{{"action":"resume","id":"turn-{turn}"}}')
        stage.world.wait_until(
            lambda turn=turn: sum(e["count"] for e in stage.events("CommandRefused")) > turn * 2,
            30,
            "a command to be refused",
        )


def let_go(stage: Stage) -> None:
    """A Canary that is deleted takes its label off."""
    stage.world.api.delete("Canary", "exam", stage.namespace)
    label = "canary-controller.io/canary"
    stage.wait_deployment(lambda d: label not in d["metadata"]["labels"], 30, "let go")


def check(world: World, manifests: Iterable[Object], since: float) -> None:
    """What was called is granted, and what is granted was called."""
    rules = granted(manifests)
    calls = list(world.audit.calls(since=since, user=USER))
    ours = [call for call in calls if permission(call) not in OF_EVERYBODY]
    assert ours, "the log knows the account"
    stray = {permission(c) for c in ours if not c.allowed or not any(g.covers(c) for g in rules)}
    assert not stray, f"called, and not granted: {sorted(stray)}"
    used = {permission(call) for call in ours}
    idle = {rule.permission for rule in rules} - used - WITHIN_A_WRITE
    assert not idle, f"granted, and never called: {sorted(idle)}"


@pytest.mark.parametrize("narrow", [False, True], ids=["everywhere", "in some namespaces"])
def test_every_right_is_used_and_none_is_missing(
    guarded_world: World, guarded_account: Path, narrow: bool
) -> None:
    world = guarded_world
    names = [world.namespace(), world.namespace()]
    values = {**OPTIONS, **({"watch": {"namespaces": names}} if narrow else {})}
    watched = ",".join(names) if narrow else ""
    with ExitStack() as stack:
        manifests = stack.enter_context(installed(world, guarded_account, values))
        channel = stack.enter_context(Channel())
        settings = ("--namespace", watched, *LEASE, *CONFIGURED)
        stage = Stage(world, guarded_account, names[0], channel, settings)
        stack.callback(stage.controller.stop)
        since = began(world)
        world.api.delete("Lease", NAME, NAME)
        every_way(stage)
        # A watch is in the log when it is over.
        stage.controller.stop()
        check(world, manifests, since)
        assert "not allowed" not in stage.controller.log().lower()


def began(world: World) -> float:
    calls = world.audit.calls(user=USER)
    return calls[-1].at + 0.000001 if calls else 0.0


def test_owners_that_are_protected_need_the_right_to_finalizers(
    guarded_world: World, guarded_account: Path
) -> None:
    """Without that rule no canary pod could be made where owner references are protected."""
    world, namespace = guarded_world, guarded_world.namespace()
    world.deploy(namespace, replicas=2)
    (found,) = world.wait_until(lambda: world.api.list("ReplicaSet", namespace), 30, "a ReplicaSet")
    body = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": "seeded",
            "ownerReferences": found["metadata"]["ownerReferences"],
        },
        "spec": found["spec"],
    }
    role = world.api.get("ClusterRole", NAME)
    rules = [rule for rule in role["rules"] if "deployments/finalizers" not in rule["resources"]]
    assert len(rules) == len(role["rules"]) - 1
    path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    less = world.service_account("less", namespace, rules=rules)
    with closing(KubeApi(less)) as api, pytest.raises(ApiError, match="blockOwnerDeletion"):
        api.request("POST", path, body=body, dryRun="All")
    with closing(KubeApi(guarded_account)) as api:
        api.request("POST", path, body=body, dryRun="All")


def test_what_the_rights_say_is_what_the_chart_grants(world: World, account: Path) -> None:
    said = {
        (right.group, resource, verb)
        for right in RIGHTS
        for resource in right.resources
        for verb in right.verbs
    }
    assert {one.permission for one in granted(charted.chart(world, OPTIONS))} == said
