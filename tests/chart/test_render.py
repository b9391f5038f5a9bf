"""What the chart makes of its values: whatever they are, Kubernetes takes it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chart.rendering import (
    CHART,
    KUBERNETES,
    generate,
    helm_python,
    notes,
    of_kind,
    rendered,
    the,
    validate,
)

SECRET = {"existingSecret": "known", "key": "token"}
ALL: dict[str, Any] = {
    "replicas": 3,
    "image": {"repository": "apps/canary-controller", "tag": "1.2.3"},
    "watch": {"namespaces": ["exams", "shop"]},
    "prometheus": {"url": "http://prometheus.monitoring:9090", "bearerToken": SECRET},
    "slack": {
        "botToken": SECRET,
        "signingSecret": SECRET,
        "users": {"U0123ABCD": {"user": "ada@example.org", "groups": ["release-managers"]}},
        "channels": {"exams": "#exam-deploys"},
    },
    "webhook": {"url": SECRET, "secret": SECRET},
    "controller": {
        "slackChannel": "#deploys",
        "dashboardUrl": "https://canary.example.org",
        "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
        "leaseSeconds": 15,
    },
    "config": {"configMaps": True, "secrets": True},
    "tls": {"existingSecret": "tls"},
    "flightRecorder": {"enabled": True},
    "ingress": {"enabled": True, "hosts": ["canary.example.org"], "tlsSecret": "tls"},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "hostnames": ["a.example"]},
    "networkPolicy": {"enabled": True, "from": [{"namespaceSelector": {}}]},
    "serviceMonitor": {
        "enabled": True,
        "labels": {"release": "prometheus"},
        "tlsConfig": {"insecureSkipVerify": True},
    },
    "prometheusRule": {"enabled": True, "runbookUrl": "https://wiki.example.org/runbooks.md"},
    "grafanaDashboards": {"enabled": True, "annotations": {"folder": "releases"}},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.org:3128"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ssl/own"}],
    "imagePullSecrets": [{"name": "pull"}],
    "priorityClassName": "system-cluster-critical",
    "podAnnotations": {"example.org/a": "b"},
    "tolerations": [{"operator": "Exists"}],
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [],
}


def env(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (container,) = the(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", [{}, ALL], ids=["defaults", "everything"])
def test_every_manifest_is_one_of_that_kubernetes(values: dict[str, Any], version: str) -> None:
    objects = rendered(values)
    assert len(objects) > 10
    for found in objects:
        validate(found, version)


def test_helm_finds_nothing_to_complain_of() -> None:
    found = helm_python.lint(CHART, strict=True, kube_version="1.36.0")["messages"]
    # Information: a chart without an icon.
    assert [message for message in found if message["severity"] > 1] == []


SWITCHES = st.fixed_dictionaries(
    {
        "controller": st.fixed_dictionaries(
            {"slackChannel": st.just("#deploys")},
            optional={
                "logLevel": st.sampled_from(["debug", "info", "warning", "error"]),
                "logFormat": st.sampled_from(["json", "text"]),
                "workers": st.integers(1, 64),
                "leaseSeconds": st.integers(5, 60),
                "sessionHours": st.floats(0.1, 24),
                "lookIntervalSeconds": st.floats(0.5, 60),
                "trustedProxies": st.sampled_from([[], ["10.0.0.0/8"]]),
                "slackProxyFromEnvironment": st.booleans(),
            },
        ),
    },
    optional={
        "replicas": st.integers(1, 10),
        "watch": st.fixed_dictionaries(
            {"namespaces": st.lists(st.sampled_from(["exams", "shop", "a-1"]))}
        ),
        "prometheus": st.fixed_dictionaries(
            {},
            optional={
                "url": st.sampled_from(["", "http://prometheus:9090", "https://p.example/x"]),
                "bearerToken": st.sampled_from([{}, SECRET]),
            },
        ),
        "slack": st.sampled_from(
            [
                {},
                ALL["slack"],
                {"botToken": SECRET},
                {"webhookUrl": SECRET},
                {"signingSecret": SECRET, "users": ALL["slack"]["users"]},
                {"botToken": {"existingSecret": "slack.bot", "key": "a.b"}, "channels": {}},
            ]
        ),
        "webhook": st.sampled_from([{}, ALL["webhook"]]),
        "gate": st.fixed_dictionaries(
            {},
            optional={
                "mode": st.sampled_from(["Auto", "Always", "Never"]),
                "failurePolicy": st.sampled_from(["Ignore", "Fail"]),
            },
        ),
        "commands": st.fixed_dictionaries({"enabled": st.booleans()}),
        "crd": st.fixed_dictionaries({"install": st.booleans(), "keep": st.booleans()}),
        "rbac": st.fixed_dictionaries(
            {"create": st.booleans(), "roles": st.booleans(), "aggregate": st.booleans()}
        ),
        "config": st.fixed_dictionaries({"configMaps": st.booleans(), "secrets": st.booleans()}),
        "serviceAccount": st.sampled_from(
            [{}, {"create": False, "name": "given"}, {"annotations": {"a": "b"}}]
        ),
        "tls": st.sampled_from([{}, {"existingSecret": "tls"}]),
        "flightRecorder": st.fixed_dictionaries({"enabled": st.booleans()}),
        "service": st.fixed_dictionaries(
            {
                "type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
                "port": st.integers(1, 65535),
                "sessionAffinity": st.booleans(),
            }
        ),
        "ingress": st.sampled_from([{}, ALL["ingress"]]),
        "httpRoute": st.sampled_from([{}, ALL["httpRoute"]]),
        "networkPolicy": st.sampled_from([{}, {"enabled": True}, ALL["networkPolicy"]]),
        "serviceMonitor": st.fixed_dictionaries({"enabled": st.booleans()}),
        "prometheusRule": st.fixed_dictionaries({"enabled": st.booleans()}),
        "grafanaDashboards": st.fixed_dictionaries({"enabled": st.booleans()}),
        "podDisruptionBudget": st.fixed_dictionaries({"enabled": st.booleans()}),
        "resources": st.sampled_from([{}, {"limits": {"memory": "1Gi"}}]),
        "topologySpreadConstraints": st.sampled_from([None, []]),
        "priorityClassName": st.sampled_from(["", "high"]),
        "tests": st.fixed_dictionaries({"enabled": st.booleans()}),
        "nameOverride": st.sampled_from(["", "cc"]),
        "fullnameOverride": st.sampled_from(["", "the-controller"]),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=SWITCHES, name=st.sampled_from(["canary-controller", "x", "canaries-" + "y" * 40]))
def test_whatever_the_values_are_kubernetes_takes_what_comes_of_them(
    values: dict[str, Any], name: str
) -> None:
    objects = rendered(values, name=name, namespace="somewhere")
    for found in objects:
        for version in KUBERNETES:
            validate(found, version)
    names = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]
    assert len(names) == len(set(names)), "no object twice"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 3}, "replica"),
        ({"replicas": 0}, "replicas"),
        ({"gate": {"mode": "Sometimes"}}, "mode"),
        ({"controller": {"logLevel": "loud"}}, "logLevel"),
        ({"controller": {"leaseSeconds": 4}}, "leaseSeconds"),
        ({"slack": {"botToken": "xoxb-1"}}, "botToken"),
        ({"prometheus": {"url": "prometheus:9090"}}, "url"),
        ({"prometheus": {"url": "https://user:password@prometheus"}}, "url"),
        ({"slack": {"users": ALL["slack"]["users"]}}, "slack.signingSecret"),
        ({"slack": {"signingSecret": SECRET}}, "slack.users"),
        ({"slack": {"botToken": SECRET}}, "controller.slackChannel"),
        ({"slack": {"botToken": SECRET, "webhookUrl": SECRET}}, "twice"),
        ({"slack": {"channels": {"exams": "#x"}}}, "slack.channels"),
        ({"webhook": {"url": SECRET}}, "webhook.secret"),
        ({"watch": {"namespaces": ["Exams"]}}, "namespaces"),
        ({"ingress": {"enabled": True}}, "ingress.hosts"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_name(values: dict[str, Any], said: str) -> None:
    with pytest.raises(helm_python.HelmError, match=said):
        rendered(values)


def test_the_controllers_settings_arrive_as_environment() -> None:
    found = env(rendered(ALL))
    assert found["CANARY_CONTROLLER_NAMESPACE"] == "exams,shop"
    assert found["CANARY_CONTROLLER_TRUSTED_PROXIES"] == "10.0.0.0/8,fd00::/8"
    assert found["CANARY_CONTROLLER_LEASE_SECONDS"] == "15"
    assert found["CANARY_CONTROLLER_LEASE_NAMESPACE"] == {
        "fieldRef": {"fieldPath": "metadata.namespace"}
    }
    assert found["CANARY_CONTROLLER_SLACK_BOT_TOKEN_FILE"].endswith("/slack_bot_token/token")
    assert "HTTPS_PROXY" in found


def test_prometheus_is_told_how_to_scrape_what_is_served_with_tls() -> None:
    (endpoint,) = the(rendered(ALL), "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"] == {"insecureSkipVerify": True}
    (plain,) = the(rendered({"serviceMonitor": {"enabled": True}}), "ServiceMonitor")["spec"][
        "endpoints"
    ]
    assert "scheme" not in plain


@pytest.mark.parametrize("url", ["", "https://wiki.example.org/runbooks.md"])
def test_every_annotation_of_an_alert_is_a_text(url: str) -> None:
    """Server-side apply refuses what is not."""
    rules = the(
        rendered({"prometheusRule": {"enabled": True, "runbookUrl": url}}), "PrometheusRule"
    )
    alerts = [rule for group in rules["spec"]["groups"] for rule in group["rules"]]
    assert alerts
    for alert in alerts:
        assert all(isinstance(said, str) for said in alert["annotations"].values())
        assert alert["annotations"].get("runbook_url", "").startswith(url)
        assert ("runbook_url" in alert["annotations"]) is bool(url)


def test_what_is_served_with_tls_is_reached_with_it() -> None:
    (port,) = the(rendered(ALL), "Service")["spec"]["ports"]
    assert port["appProtocol"] == "https"
    (plain,) = the(rendered({}), "Service")["spec"]["ports"]
    assert "appProtocol" not in plain


def test_the_labels_that_select_are_the_charts_own() -> None:
    theirs = {"app.kubernetes.io/name": "theirs", "team": "exams"}
    found = the(rendered({"podLabels": theirs}, name="x"), "Deployment")["spec"]
    labels = found["template"]["metadata"]["labels"]
    assert found["selector"]["matchLabels"].items() <= labels.items()
    assert labels["team"] == "exams"


def test_a_release_may_have_a_number_for_a_name() -> None:
    for found in rendered({}, name="123"):
        validate(found, "1.33")


def test_no_secret_is_a_value() -> None:
    """Each is named by its Secret; the text of the values has none."""
    names = {name for name in env(rendered(ALL)) if "TOKEN" in name or "SECRET" in name}
    assert names, "the values name secrets"
    assert all(name.endswith(("_FILE", "WATCH_SECRETS")) for name in names)


def test_the_controllers_own_writes_pass_the_policies_wherever_it_is_installed() -> None:
    objects = rendered({"gate": {"mode": "Always"}}, name="x", namespace="somewhere")
    account = the(objects, "ServiceAccount")["metadata"]["name"]
    policies = [o for o in objects if o["kind"].endswith("AdmissionPolicy")]
    assert len(policies) == 2
    for policy in policies:
        said = str(policy["spec"]["matchConditions"])
        assert f"system:serviceaccount:somewhere:{account}" in said
        assert "system:serviceaccount:canary-controller:" not in str(policy)


def test_namespaces_get_a_role_each_and_the_cluster_only_what_has_no_namespace() -> None:
    objects = rendered({"watch": {"namespaces": ["exams", "shop"]}})
    roles = {(r["metadata"]["namespace"], r["metadata"]["name"]) for r in of_kind(objects, "Role")}
    assert {place for place, _ in roles} == {"exams", "shop", "canary-controller"}
    own = next(
        r for r in of_kind(objects, "ClusterRole") if r["metadata"]["name"] == "canary-controller"
    )
    resources = {resource for rule in own["rules"] for resource in rule["resources"]}
    assert not resources & {"deployments", "pods", "replicasets", "canaries", "configmaps"}


@pytest.mark.parametrize(
    ("values", "configured"),
    [
        ({}, {"configmaps"}),
        ({"config": {"configMaps": False}}, set()),
        ({"config": {"secrets": True}}, {"configmaps", "secrets"}),
    ],
)
def test_configuration_is_only_read_where_it_may_be(
    values: dict[str, Any], configured: set[str]
) -> None:
    own = next(
        r
        for r in of_kind(rendered(values), "ClusterRole")
        if r["metadata"]["name"] == "canary-controller"
    )
    resources = {resource for rule in own["rules"] for resource in rule["resources"]}
    assert resources & {"configmaps", "secrets"} == configured


def test_the_resource_stays_when_the_chart_goes_unless_that_is_said() -> None:
    kept = the(rendered({}), "CustomResourceDefinition")["metadata"]["annotations"]
    assert kept["helm.sh/resource-policy"] == "keep"
    gone = the(rendered({"crd": {"keep": False}}), "CustomResourceDefinition")["metadata"]
    assert "annotations" not in gone


def test_the_gate_is_what_the_values_say() -> None:
    assert of_kind(rendered({"gate": {"mode": "Never"}}), "MutatingAdmissionPolicy") == []
    strict = rendered({"gate": {"mode": "Always", "failurePolicy": "Fail"}})
    assert the(strict, "MutatingAdmissionPolicy")["spec"]["failurePolicy"] == "Fail"


def test_the_notes_tell_the_next_step() -> None:
    bare = notes({"gate": {"mode": "Never"}, "replicas": 1})
    assert "NO gate" in bare
    assert "prometheus.url is not set" in bare
    assert "Nobody is told" in bare
    assert "one replica" in bare
    assert "uninstall-check" in bare
    assert "NO gate" not in notes({"gate": {"mode": "Always"}})
    assert "Nobody is told" not in notes(ALL)


def test_what_is_generated_is_fresh() -> None:
    assert generate.main(["--check"]) == 0, "run `make fix`"
