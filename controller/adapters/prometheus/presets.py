"""Where each kind of instrumentation counts requests: one row each, and who cannot be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A counter of requests whose series carry the serving pod.

    `failed` is a regular expression that the whole value of the `status` label has to match;
    `route` is the label that tells requests apart, "" when there is none. `histogram` is the name
    of the durations' histogram without "_bucket", "" when there is none; `unit` is what they are
    in, "s" or "ms". `matchers` hold for both.
    """

    counter: str
    status: str
    failed: str = "5.."
    route: str = ""
    matchers: str = ""
    histogram: str = ""
    unit: str = "s"


PRESETS: Final[Mapping[str, Preset]] = {
    # ASP.NET Core's own metrics (from .NET 8) go by these names too.
    "opentelemetry": Preset(
        counter="http_server_request_duration_seconds_count",
        status="http_response_status_code",
        route="http_route",
        histogram="http_server_request_duration_seconds",
    ),
    # What the OpenTelemetry SDKs emit until they are asked for the stable conventions
    # (OTEL_SEMCONV_STABILITY_OPT_IN=http).
    "opentelemetry-legacy": Preset(
        counter="http_server_duration_milliseconds_count",
        status="http_status_code",
        route="http_route",
        histogram="http_server_duration_milliseconds",
        unit="ms",
    ),
    # The sidecar's own report. A waypoint's (ambient mode) carries the waypoint's pod.
    "istio": Preset(
        counter="istio_requests_total",
        status="response_code",
        matchers='reporter="destination"',
        histogram="istio_request_duration_milliseconds",
        unit="ms",
    ),
    "linkerd": Preset(
        counter="response_total",
        status="classification",
        failed="failure",
        route="route_name",
        matchers='direction="inbound",srv_port!="4191"',  # 4191: who scrapes the proxy itself
        histogram="response_latency_ms",
        unit="ms",
    ),
    # A pod's own sidecar, scraped with the pod. Its admin interface counts who scrapes it.
    "envoy": Preset(
        counter="envoy_http_downstream_rq_xx",
        status="envoy_response_code_class",
        failed="5",
        route="envoy_http_conn_manager_prefix",
        matchers='envoy_http_conn_manager_prefix!="admin"',
        histogram="envoy_http_downstream_rq_time",
        unit="ms",
    ),
    # Buckets only with management.metrics.distribution.percentiles-histogram (or slo) switched on.
    "micrometer": Preset(
        counter="http_server_requests_seconds_count",
        status="status",
        route="uri",
        histogram="http_server_requests_seconds",
    ),
    # It groups status codes to "5xx" unless told otherwise. Its other histogram, "highr", has more
    # buckets but no labels.
    "fastapi-instrumentator": Preset(
        counter="http_requests_total",
        status="status",
        failed="5..|5xx",
        route="handler",
        histogram="http_request_duration_seconds",
    ),
    "promhttp": Preset(
        counter="http_requests_total",
        status="code",
        route="handler",
        histogram="http_request_duration_seconds",
    ),
    "prometheus-net": Preset(
        counter="http_requests_received_total",
        status="code",
        route="endpoint",
        histogram="http_request_duration_seconds",
    ),
    "express": Preset(
        counter="http_request_duration_seconds_count",
        status="status_code",
        route="path",
        histogram="http_request_duration_seconds",
    ),
    # The codes that say "the server's fault"; NotFound and the like are the caller's. Durations
    # only where the server was asked for them (EnableHandlingTimeHistogram).
    "grpc": Preset(
        counter="grpc_server_handled_total",
        status="grpc_code",
        failed="Internal|Unavailable|Unknown|DataLoss|DeadlineExceeded|Unimplemented",
        route="grpc_method",
        histogram="grpc_server_handling_seconds",
    ),
}

_SHARED: Final = "and canary and stable share the Service"

# Why a source that people will ask for cannot tell canary from stable.
REFUSED: Final[Mapping[str, str]] = {
    "ingress-nginx": (
        f"ingress-nginx counts requests per Service, not per serving pod (its series have no label "
        f"for it), {_SHARED}"
    ),
    "istio-ambient": (
        "in ambient mode the waypoint counts requests, and its series carry the waypoint's pod, "
        f"not the serving one, {_SHARED}"
    ),
    "istio-gateway": f"a gateway's series carry the gateway's pod, {_SHARED}",
    "envoy-gateway": f"Envoy as a gateway counts requests per cluster, not per pod, {_SHARED}",
    "traefik": f"Traefik counts requests per service, not per serving pod, {_SHARED}",
    "kong": f"Kong counts requests per service and route, not per serving pod, {_SHARED}",
    "contour": f"Contour's Envoy counts requests per cluster, not per pod, {_SHARED}",
    "haproxy-ingress": (
        "HAProxy counts requests per server slot, and a slot is not named by the pod behind it"
    ),
}
