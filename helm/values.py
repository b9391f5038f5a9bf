"""What the chart can be told, as a model: values.yaml, its schema and its README come from here."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from controller.settings import Settings
from controller.settings.values import NETWORKS_MAX

# What the chart itself fills in, from other values or from the pod.
FILLED_IN = frozenset(
    {
        "namespace",
        "kubeconfig",
        "listen_port",
        "lease_namespace",
        "lease_name",
        "replica_name",
        "prometheus_url",
        "flight_recorder_dir",
        "watch_configmaps",
        "watch_secrets",
    }
)

Name = Annotated[str, Field(pattern=r"^$|^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
# A name of an object, which may have dots.
Existing = Annotated[str, Field(pattern=r"^$|^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$")]
# Without a user and a password in it: secrets are no values.
Address = Annotated[
    str,
    Field(pattern=r"^$|^https?://([-._a-zA-Z0-9]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(/[^\s]*)?$"),
]
UrlPath = Annotated[str, Field(pattern=r"^/[^\s]*$")]
# Its address and its mask: whether they fit is told by the process.
Network = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+(/[0-9]{1,3})?$")]
# As the process has them: what it would refuse at its start is refused by Helm.
# White space is more to Python than to Helm, so that it is listed here.
SPACE = r"\x00-\x20\x7f-" + "\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
CHANNEL = rf"#?[^{SPACE}#@,:;!?'\"()\[\]{{}}<>*&|\\/A-Z]{{1,80}}|[CGD][A-Z0-9]{{6,20}}"
Channel = Annotated[str, Field(pattern=f"^({CHANNEL})$")]
Person = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")]
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
KubeName = Annotated[str, Field(pattern=rf"^[^{SPACE}](.*[^{SPACE}])?$", max_length=253)]
SecretFile = Annotated[
    str, Field(pattern=r"^[-_a-zA-Z0-9]([-._a-zA-Z0-9]*)$|^\.[-_a-zA-Z0-9][-._a-zA-Z0-9]*$")
]
Labels = dict[str, str]
Object = dict[str, Any]


def value(default: Any, description: str, **limits: Any) -> Any:
    """A value with what it means."""
    if isinstance(default, dict | list | BaseModel):
        return Field(default_factory=lambda: default, description=description, **limits)
    return Field(default=default, description=description, **limits)


class Section(BaseModel):
    """Nothing that is misspelt passes."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class SecretKey(Section):
    """Where a secret is: never in the values."""

    existing_secret: Existing = value(
        "", "Secret in the release's namespace that holds it; empty: none"
    )
    key: SecretFile = value("", "key in that Secret")


class Image(Section):
    repository: str = value(
        "canary-controller", "where your team has pushed the image", min_length=1
    )
    tag: str = value("", "empty: the chart's appVersion")
    digest: str = value(
        "", "pins the image whatever its tag says", pattern=r"^$|^sha256:[0-9a-f]{64}$"
    )
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = value("IfNotPresent", "when to pull")


class Watch(Section):
    namespaces: list[Namespace] = value(
        [], "the only namespaces that are watched, with a Role in each; empty: all of them"
    )


class Prometheus(Section):
    url: Address = value(
        "",
        "address of Prometheus; empty: only Canaries that disable the analysis of requests are "
        "promoted by themselves",
    )
    bearer_token: SecretKey = value(SecretKey(key="token"), "token for Prometheus")
    ca: SecretKey = value(
        SecretKey(key="ca.crt"), "authority that has signed Prometheus' certificate"
    )


class SlackUser(Section):
    user: KubeName = value(..., "the Kubernetes user that a Slack user is")
    groups: list[KubeName] = value([], "groups of that user", max_length=100)


class Slack(Section):
    bot_token: SecretKey = value(
        SecretKey(key="bot-token"), "bot token: one message for each release, with buttons"
    )
    signing_secret: SecretKey = value(
        SecretKey(key="signing-secret"), "the app's signing secret: buttons work; needs users"
    )
    webhook_url: SecretKey = value(
        SecretKey(key="webhook-url"), "incoming webhook instead of a bot: single messages"
    )
    users: dict[Person, SlackUser] = value(
        {}, "the Kubernetes user of each Slack user, by member ID"
    )
    channels: dict[Namespace, Channel] = value(
        {}, "a channel for each namespace, where it has its own"
    )


class Webhook(Section):
    url: SecretKey = value(SecretKey(key="url"), "address that gets every notice as signed JSON")
    secret: SecretKey = value(SecretKey(key="secret"), "what those are signed with; needs url")


class Tls(Section):
    existing_secret: Existing = value(
        "", "kubernetes.io/tls Secret to serve with; empty: what is in front ends TLS"
    )


class FlightRecorder(Section):
    enabled: bool = value(
        False, "keep a file of each decision for canaryctl explain, in the pod: up to 100 MiB"
    )


class Gate(Section):
    mode: Literal["Auto", "Always", "Never"] = value(
        "Auto",
        "install the admission policy that holds a changed Deployment in the very write that "
        "changes it. Auto: where the cluster serves it (Kubernetes 1.36 and newer). Without it "
        "the controller pauses a rollout a moment after it has begun",
    )
    failure_policy: Literal["Ignore", "Fail"] = value(
        "Ignore",
        "Ignore: a policy that cannot be evaluated stands in nobody's way, and the rollout is "
        "caught instead of held. Fail: writes to opted-in Deployments are refused then. Either "
        "way it is evaluated in the API server: a controller that is away refuses nothing",
    )


class Commands(Section):
    enabled: bool = value(
        True,
        "install the admission policy by which plain RBAC decides who may promote, roll back and "
        "hold with kubectl, too. Without it, whoever may patch a Canary may do anything to it",
    )


class Crd(Section):
    install: bool = value(True, "install the Canary resource, and upgrade it with the chart")
    keep: bool = value(True, "leave it, and with it all Canaries, when the chart is uninstalled")


class Rbac(Section):
    create: bool = value(True, "create the roles of the controller and their bindings")
    roles: bool = value(
        True, "create the ClusterRoles canary-viewer and canary-operator for people"
    )
    aggregate: bool = value(True, "whoever may view a namespace sees its Canaries")


class Config(Section):
    config_maps: bool = value(
        True, "a rollback names mounted ConfigMaps that changed: an undo does not bring those back"
    )
    secrets: bool = value(
        False,
        "the same for Secrets. Only their versions are asked for, but Kubernetes has no right that "
        "allows no more than that: the controller could read every Secret it watches",
    )


class ServiceAccount(Section):
    create: bool = value(True, "create it")
    name: Existing = value("", "empty: the full name of the release")
    annotations: Labels = value({}, "for example of a cloud's identity")


class PodDisruptionBudget(Section):
    enabled: bool = value(True, "a drain takes one replica at a time; only with several replicas")


class Service(Section):
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = value("ClusterIP", "kind of Service")
    port: int = value(8080, "its port", ge=1, le=65535)
    annotations: Labels = value({}, "of the Service")
    session_affinity: bool = value(
        True, "the same client comes to the same replica: a browser's session lives in one of them"
    )


class Ingress(Section):
    enabled: bool = value(False, "create an Ingress for the dashboard and the API")
    class_name: str = value("", "its class")
    annotations: Labels = value(
        {}, "set cookie affinity here: a browser's session lives in one replica"
    )
    hosts: list[Annotated[str, Field(min_length=1)]] = value([], "host names")
    path: UrlPath = value("/", "/slack/interactions shows Slack's door and nothing else")
    tls_secret: Existing = value("", "Secret with the certificate of the hosts")


class HttpRoute(Section):
    enabled: bool = value(False, "create a Gateway API HTTPRoute; its CRDs have to be there")
    annotations: Labels = value({}, "of the route")
    parent_refs: list[Object] = value([], "the Gateways")
    hostnames: list[Annotated[str, Field(min_length=1)]] = value([], "host names")
    path: UrlPath = value("/", "path prefix")


class NetworkPolicy(Section):
    enabled: bool = value(False, "allow only what is needed")
    from_: list[Object] = Field(
        default_factory=list,
        alias="from",
        description="peers that reach the dashboard, the API and the metrics; empty: all",
    )
    egress_ports: list[Annotated[int, Field(ge=1, le=65535)]] = value(
        [443, 6443, 9090],
        "TCP ports of the API server, Prometheus, Slack and webhook, as the pods behind a Service "
        "have them; DNS is added",
    )


class ServiceMonitor(Section):
    enabled: bool = value(False, "create it; the Prometheus operator's CRDs have to be there")
    labels: Labels = value({}, "what your Prometheus selects by")
    interval: str = value("15s", "how often it is scraped", pattern=r"^[0-9]+(ms|s|m)$")
    tls_config: Object = value(
        {}, "with tls.existingSecret: how Prometheus knows the certificate (ca, serverName ...)"
    )


class PrometheusRule(Section):
    enabled: bool = value(
        False, "create the alerts; the Prometheus operator's CRDs have to be there"
    )
    labels: Labels = value({}, "what your Prometheus selects by")
    runbook_url: str = value(
        "", "where docs/runbooks.md can be read in your company; linked by each alert"
    )


class GrafanaDashboards(Section):
    enabled: bool = value(False, "create a ConfigMap that Grafana's sidecar picks up")
    labels: Labels = value({"grafana_dashboard": "1"}, "what the sidecar selects by")
    annotations: Labels = value({}, "for example the folder")


class EnvVar(BaseModel):
    """As Kubernetes has it; a number has to be in quotes there."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(min_length=1)] = value(..., "its name")
    value: str = value("", "its text; or give valueFrom")


class Tests(Section):
    enabled: bool = value(True, "helm test asks the Service whether a replica is ready")


def _controller() -> type[Section]:
    """A value for each setting that is not a file, not a secret and not filled in by the chart."""
    fields: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        secret = f"{name}_file" in Settings.model_fields
        if name in FILLED_IN or name.endswith("_file") or secret:
            continue
        kind: Any = field.annotation
        default = field.default
        if name == "trusted_proxies":
            kind, default = Annotated[list[Network], Field(max_length=NETWORKS_MAX)], []
        elif name == "slack_channel":
            kind = Annotated[str, Field(pattern=f"^$|^({CHANNEL})$")]
        elif name.endswith("_url"):
            kind, default = Address, default or ""
        wanted = field.json_schema_extra
        limits = {
            key: getattr(limit, key)
            for limit in field.metadata
            for key in ("ge", "le")
            if hasattr(limit, key)
        }
        assert isinstance(wanted, dict), f"{name} says what it may be"
        fields[name] = (kind, value(default, f"{field.description} ({wanted['wanted']})", **limits))
    return create_model("Controller", __base__=Section, **fields)


Controller = _controller()


class Values(Section):
    """All values of the chart."""

    name_override: Name = value("", "in the place of the chart's name")
    fullname_override: Name = value("", "in the place of the release's and the chart's name")
    replicas: int = value(
        2, "one acts, the others take over within seconds and serve people", ge=1, le=10
    )
    image: Image = value(Image(), "the image")
    image_pull_secrets: list[Object] = value([], "names of Secrets to pull it with")
    watch: Watch = value(Watch(), "what is watched")
    prometheus: Prometheus = value(Prometheus(), "where requests are counted")
    slack: Slack = value(Slack(), "who is told")
    webhook: Webhook = value(Webhook(), "who is told by signed JSON")
    controller: Controller = value(Controller(), "settings of the process")  # type: ignore[valid-type]
    gate: Gate = value(Gate(), "how a changed Deployment is held")
    commands: Commands = value(Commands(), "who may ask for what")
    crd: Crd = value(Crd(), "the Canary resource")
    rbac: Rbac = value(Rbac(), "roles")
    config: Config = value(Config(), "what an undo does not bring back")
    service_account: ServiceAccount = value(ServiceAccount(), "the controller's account")
    tls: Tls = value(Tls(), "serving with TLS")
    flight_recorder: FlightRecorder = value(FlightRecorder(), "decisions to replay")
    service: Service = value(Service(), "the Service")
    ingress: Ingress = value(Ingress(), "from outside")
    http_route: HttpRoute = value(HttpRoute(), "from outside, by the Gateway API")
    network_policy: NetworkPolicy = value(NetworkPolicy(), "who may speak to whom")
    service_monitor: ServiceMonitor = value(ServiceMonitor(), "scraped by the Prometheus operator")
    prometheus_rule: PrometheusRule = value(PrometheusRule(), "alerts")
    grafana_dashboards: GrafanaDashboards = value(GrafanaDashboards(), "dashboards")
    pod_disruption_budget: PodDisruptionBudget = value(PodDisruptionBudget(), "drains")
    resources: Object = value(
        {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "of the container. No CPU limit: a rollback must not be throttled. 157 MB were measured "
        "with 2,000 Canaries and 20,000 pods",
    )
    pod_security_context: Object = value(
        {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "of the pods. Any user will do; where the cluster gives the numbers (OpenShift), set "
        "runAsUser, runAsGroup and fsGroup to null",
    )
    termination_grace_period_seconds: int = value(
        30, "the Lease is given back in the first second", ge=5, le=600
    )
    priority_class_name: str = value("", "a rollback is most needed when nodes are short")
    pod_annotations: Labels = value({}, "of the pods")
    pod_labels: Labels = value({}, "of the pods, beside the chart's")
    node_selector: Labels = value({}, "nodes")
    tolerations: list[Object] = value([], "taints that are tolerated")
    affinity: Object = value({}, "in the place of none")
    topology_spread_constraints: list[Object] | None = value(
        None, "null: replicas are spread over nodes and zones where that is possible"
    )
    extra_env: list[EnvVar] = value(
        [],
        "further environment of the container, such as HTTPS_PROXY: Slack is reached through it "
        "with controller.slackProxyFromEnvironment, the API server never is",
    )
    extra_volumes: list[Object] = value([], "further volumes")
    extra_volume_mounts: list[Object] = value([], "where they are mounted")
    tests: Tests = value(Tests(), "helm test")
