"""Where each kind of instrumentation counts requests: one row each, and who cannot be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controller.domain.policy import RequestSource
from controller.domain.records import Problem

FIELD: Final = "spec.analysis.requests.preset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A counter of requests whose series carry the serving pod.

    `failed` is a regular expression that the whole value of the `status` label has to match;
    `route` is the label that tells requests apart, "" when there is none.
    """

    counter: str
    status: str
    failed: str = "5.."
    route: str = ""
    matchers: str = ""


PRESETS: Final[Mapping[str, Preset]] = {
    "opentelemetry": Preset(
        counter="http_server_request_duration_seconds_count",
        status="http_response_status_code",
        route="http_route",
    ),
    # What the OpenTelemetry SDKs emit until they are asked for the stable conventions
    # (OTEL_SEMCONV_STABILITY_OPT_IN=http).
    "opentelemetry-legacy": Preset(
        counter="http_server_duration_milliseconds_count",
        status="http_status_code",
        route="http_route",
    ),
    # The sidecar's own report. A waypoint's (ambient mode) carries the waypoint's pod.
    "istio": Preset(
        counter="istio_requests_total",
        status="response_code",
        matchers='reporter="destination"',
    ),
    "linkerd": Preset(
        counter="response_total",
        status="classification",
        failed="failure",
        route="route_name",
        matchers='direction="inbound"',
    ),
    "envoy": Preset(
        counter="envoy_http_downstream_rq_xx",
        status="envoy_response_code_class",
        failed="5",
        route="envoy_http_conn_manager_prefix",
    ),
    "micrometer": Preset(
        counter="http_server_requests_seconds_count",
        status="status",
        route="uri",
    ),
    # It groups status codes to "5xx" unless told otherwise.
    "fastapi-instrumentator": Preset(
        counter="http_requests_total",
        status="status",
        failed="5..|5xx",
        route="handler",
    ),
    "promhttp": Preset(
        counter="http_requests_total",
        status="code",
        route="handler",
    ),
    "prometheus-net": Preset(
        counter="http_requests_received_total",
        status="code",
        route="endpoint",
    ),
    "express": Preset(
        counter="http_request_duration_seconds_count",
        status="status_code",
        route="path",
    ),
    # The codes that say "the server's fault"; NotFound and the like are the caller's.
    "grpc": Preset(
        counter="grpc_server_handled_total",
        status="grpc_code",
        failed="Internal|Unavailable|Unknown|DataLoss|DeadlineExceeded|Unimplemented",
        route="grpc_method",
    ),
}

# Why a source that people will ask for cannot tell canary from stable.
REFUSED: Final[Mapping[str, str]] = {
    "ingress-nginx": (
        "ingress-nginx counts requests per Service, not per serving pod, and canary and stable "
        "share the Service"
    ),
}

# The label for the namespace goes by a scheme with the label for the pod.
NAMESPACE_LABELS: Final[Mapping[str, str]] = {
    "kubernetes_pod_name": "kubernetes_namespace",
    "k8s_pod_name": "k8s_namespace_name",
    "exported_pod": "exported_namespace",
}


def namespace_label(pod_label: str) -> str:
    return NAMESPACE_LABELS.get(pod_label, "namespace")


def problem_of(source: RequestSource) -> Problem | None:
    """Why requests cannot be counted this way, or None."""
    known = ", ".join(sorted(PRESETS))
    if source.preset in REFUSED:
        return Problem(
            reason="PresetNotUsable",
            field=FIELD,
            message=REFUSED[source.preset],
            remedy=f"Use what the pods themselves or their sidecars count: {known}",
        )
    if source.preset not in PRESETS:
        return Problem(
            reason="PresetUnknown",
            field=FIELD,
            message=f"{source.preset!r} is not known",
            remedy=f"Use one of: {known}",
        )
    for label, field in ((source.pod_label, "podLabel"), (source.segment_by or "x", "segmentBy")):
        if not is_label(label):
            return Problem(
                reason="LabelInvalid",
                field=f"spec.analysis.requests.{field}",
                message=f"{label!r} is not a Prometheus label name",
                remedy="Use letters, digits and underscores; the first is not a digit",
            )
    return None


def is_label(name: str) -> bool:
    return name.isascii() and name.isidentifier()
