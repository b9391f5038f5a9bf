"""Names are text, whatever YAML takes them for, and an address stays what it was."""

from typing import Any

import pytest

from tests.chart.rendering import KUBERNETES, helm_python, rendered, the, validate

# Each may be the name of an object; to YAML they are numbers, or true and false.
AMBIGUOUS = ("123", "1e3", "0x1f", "on", "no", "true", "null")


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_name_that_yaml_takes_for_something_else_stays_a_name(name: str) -> None:
    secret = {"existingSecret": name, "key": "token"}
    values = {
        "fullnameOverride": name,
        "serviceAccount": {"name": name},
        "watch": {"namespaces": [name]},
        "prometheus": {"url": "http://prometheus:9090", "bearerToken": secret},
        "tls": {"existingSecret": name},
        "priorityClassName": name,
        "ingress": {
            "enabled": True,
            "className": name,
            "hosts": ["canary.example.org"],
            "tlsSecret": name,
        },
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]},
        "networkPolicy": {"enabled": True},
        "serviceMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "grafanaDashboards": {"enabled": True},
        "gate": {"mode": "Always"},
    }
    objects = rendered(values, name=name, namespace=name)
    for found in objects:
        metadata = found["metadata"]
        assert metadata.get("namespace", name) == name
        assert isinstance(metadata["name"], str)
        for version in KUBERNETES:
            validate(found, version)
    pod = the(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == pod["priorityClassName"] == name
    assert {volume["secret"]["secretName"] for volume in pod["volumes"]} == {name}
    assert the(objects, "Ingress")["spec"]["ingressClassName"] == name


@pytest.mark.parametrize("path", ["/", "/canary", "/a,b", "/a:b#c", "/{x}", "/'x'"])
def test_a_path_arrives_as_it_was_written(path: str) -> None:
    objects = rendered(
        {
            "ingress": {"enabled": True, "hosts": ["canary.example.org"], "path": path},
            "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "path": path},
        }
    )
    (rule,) = the(objects, "Ingress")["spec"]["rules"]
    assert [one["path"] for one in rule["http"]["paths"]] == [path]
    (rule,) = the(objects, "HTTPRoute")["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": path}}]


@pytest.mark.parametrize("path", ["", "canary", "/x #y"])
@pytest.mark.parametrize("section", ["ingress", "httpRoute"])
def test_what_is_no_path_is_refused(section: str, path: str) -> None:
    with pytest.raises(helm_python.HelmError, match=section):
        rendered({section: {"path": path}})


def environment(extra: list[dict[str, Any]]) -> dict[str, Any]:
    (container,) = the(rendered({"extraEnv": extra}), "Deployment")["spec"]["template"]["spec"][
        "containers"
    ]
    names = [one["name"] for one in container["env"]]
    assert len(names) == len(set(names)), "server-side apply refuses a name that comes twice"
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


SERVER = "$(KUBERNETES_SERVICE_HOST)"
PROXY = {"name": "HTTPS_PROXY", "value": "http://proxy.example.org:3128"}


def test_the_api_server_is_never_asked_through_a_proxy() -> None:
    """Its client obeys HTTPS_PROXY, and knows no networks in NO_PROXY."""
    assert environment([PROXY])["NO_PROXY"] == SERVER
    theirs = environment([PROXY, {"name": "NO_PROXY", "value": ".svc,10.0.0.0/8"}])
    assert theirs["NO_PROXY"] == f"{SERVER},.svc,10.0.0.0/8"
    lower = environment([{**PROXY, "name": "https_proxy"}, {"name": "no_proxy", "value": ".svc"}])
    assert lower["no_proxy"] == f"{SERVER},.svc"
    assert "NO_PROXY" not in lower


def test_without_a_proxy_nothing_is_said_of_one() -> None:
    assert not [name for name in environment([]) if "PROXY" in name and "SLACK" not in name]
    source = {"configMapKeyRef": {"name": "proxies", "key": "none"}}
    kept = environment([PROXY, {"name": "NO_PROXY", "valueFrom": source}])
    assert kept["NO_PROXY"] == source


def test_the_clusters_own_numbers_take_the_place_of_ours() -> None:
    """As OpenShift wants it."""
    numbers = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    pod = the(rendered({"podSecurityContext": numbers}), "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
