"""The Grafana dashboards: one of releases, one of the controller itself."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SCHEMA: Final = 39
WIDTH: Final = 24
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph, or a single number (`stat`), of one or more queries: (expression, legend)."""

    title: str
    about: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    stat: bool = False
    width: int = 12


RELEASES: Final = (
    Panel(
        "Canaries by phase",
        "Holding waits for a person, Quarantined holds a template that was rolled back before.",
        (("max by (phase) (canary_controller_canaries) > 0", "{{phase}}"),),
    ),
    Panel(
        "Releases that ended",
        "How many in the last hour, by their result.",
        (("sum by (result) (increase(canary_controller_releases_total[1h]))", "{{result}}"),),
    ),
    Panel(
        "Rolled back, by cause",
        "What decided: crashes, errors, slow requests, a guard; none: a person.",
        (
            (
                "sum by (cause) "
                '(increase(canary_controller_releases_total{result="RolledBack"}[1d]))',
                "{{cause}}",
            ),
        ),
    ),
    Panel(
        "From the crash to the rollback",
        "From the death that decided to the answer to the rollback's PATCH. The budget is 2 s.",
        (
            (
                "histogram_quantile(0.5, sum by (le) "
                "(rate(canary_controller_crash_to_rollback_seconds_bucket[1d])))",
                "p50",
            ),
            (
                "histogram_quantile(0.95, sum by (le) "
                "(rate(canary_controller_crash_to_rollback_seconds_bucket[1d])))",
                "p95",
            ),
        ),
        unit="s",
    ),
    Panel(
        "Longest wait for a person",
        "How long the release that is held longest has been held.",
        (('max(canary_controller_phase_oldest_seconds{phase="Holding"})', "held"),),
        unit="s",
        stat=True,
        width=6,
    ),
    Panel(
        "Blind releases",
        "They run and cannot be judged by their requests: see the condition MetricsAvailable.",
        (("max(canary_controller_blind_releases)", "blind"),),
        stat=True,
        width=6,
    ),
    Panel(
        "Quarantined",
        "Templates that were rolled back and were applied again.",
        (('max(canary_controller_canaries{phase="Quarantined"})', "quarantined"),),
        stat=True,
        width=6,
    ),
    Panel(
        "Change failure rate, 30 days",
        "Rolled back, of all releases that were promoted or rolled back.",
        (
            (
                'sum(increase(canary_controller_releases_total{result="RolledBack"}[30d])) / '
                "sum(increase(canary_controller_releases_total"
                '{result=~"RolledBack|Promoted"}[30d]))',
                "failed",
            ),
        ),
        unit="percentunit",
        stat=True,
        width=6,
    ),
)
CONTROLLER: Final = (
    Panel(
        "Leader",
        "1 on the replica that acts. A gap of some seconds is a handover after a crash.",
        (("canary_controller_leader", "{{instance}}"),),
    ),
    Panel(
        "Age of the watches",
        "Time since the API server was last heard of; it says something once a minute at least.",
        (
            (
                "max by (instance, kind) (canary_controller_watch_age_seconds)",
                "{{instance}} {{kind}}",
            ),
        ),
        unit="s",
    ),
    Panel(
        "Looks",
        "How long a look at one Canary takes, its writes included.",
        (
            (
                "histogram_quantile(0.95, sum by (le) "
                "(rate(canary_controller_reconcile_seconds_bucket[5m])))",
                "p95",
            ),
            (
                "histogram_quantile(0.5, sum by (le) "
                "(rate(canary_controller_reconcile_seconds_bucket[5m])))",
                "p50",
            ),
        ),
        unit="s",
    ),
    Panel(
        "Looks that failed",
        "A conflict is usual: somebody was faster, and it is looked at again.",
        (("sum by (kind) (rate(canary_controller_reconcile_errors_total[5m]))", "{{kind}}"),),
        unit="ops",
    ),
    Panel(
        "Queue",
        "Canaries that wait for a look.",
        (("sum(canary_controller_queue_depth)", "waiting"),),
    ),
    Panel(
        "Queries to Prometheus",
        "By result; everything but ok is why there is no data.",
        (("sum by (result) (rate(canary_controller_prometheus_queries_total[5m]))", "{{result}}"),),
        unit="ops",
    ),
    Panel(
        "Time of a query",
        "19 of 20 queries are faster; above 2.5 s for nine of ten there is an alert.",
        (
            (
                "histogram_quantile(0.95, sum by (le) "
                "(rate(canary_controller_prometheus_query_seconds_bucket[5m])))",
                "p95",
            ),
        ),
        unit="s",
    ),
    Panel(
        "Age of the evidence",
        "How old the newest request was that a release was judged by.",
        (
            (
                "histogram_quantile(0.5, sum by (le) "
                "(rate(canary_controller_evidence_age_seconds_bucket[5m])))",
                "p50",
            ),
        ),
        unit="s",
    ),
    Panel(
        "Notices",
        "By result; what is retried or refused is offered again.",
        (("sum by (result) (rate(canary_controller_notices_total[5m]))", "{{result}}"),),
        unit="ops",
    ),
    Panel(
        "Oldest notice that waits",
        "Since when people have not been told; decisions go on.",
        (("max(canary_controller_oldest_notice_seconds)", "oldest"),),
        unit="s",
    ),
    Panel(
        "Requests of people",
        "By status; 401 is a token that was refused.",
        (("sum by (status) (rate(canary_controller_http_requests_total[5m]))", "{{status}}"),),
        unit="reqps",
    ),
    Panel(
        "Live streams",
        "Browsers and scripts that follow releases, and those that were cut for being too slow.",
        (
            ("sum(canary_controller_streams)", "open"),
            ("sum(increase(canary_controller_streams_cut_total[5m]))", "cut"),
        ),
    ),
    Panel(
        "What waits and what was lost",
        "Notices that are not delivered, and entries that the flight recorder could not write.",
        (
            ("max(canary_controller_notices_waiting)", "notices"),
            ("sum(increase(canary_controller_recorder_lost_total[5m]))", "entries lost"),
        ),
    ),
    Panel(
        "CPU",
        "One core is all that a replica can use.",
        (('rate(process_cpu_seconds_total{job=~".*canary-controller.*"}[5m])', "{{instance}}"),),
    ),
    Panel(
        "Memory",
        "What is resident; it grows with the pods that are watched.",
        (('process_resident_memory_bytes{job=~".*canary-controller.*"}', "{{instance}}"),),
        unit="bytes",
    ),
)
DASHBOARDS: Final = {
    "releases": ("Canary releases", RELEASES),
    "controller": ("canary-controller", CONTROLLER),
}


def dashboard(name: str) -> str:
    """A dashboard as Grafana imports it."""
    title, panels = DASHBOARDS[name]
    whole = {
        "uid": f"canary-controller-{name}",
        "title": title,
        "tags": ["canary-controller"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Prometheus",
                    "type": "datasource",
                    "query": "prometheus",
                }
            ]
        },
        "panels": _placed(panels),
    }
    return json.dumps(whole, indent=1) + "\n"


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """From left to right, row by row."""
    placed, x, y, height = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > WIDTH:
            x, y, height = 0, y + height, 0
        tall = 4 if panel.stat else 8
        height = max(height, tall)
        placed.append(_drawn(panel, number, {"x": x, "y": y, "w": panel.width, "h": tall}))
        x += panel.width
    return placed


def _drawn(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
            }
            for index, (expression, legend) in enumerate(panel.queries)
        ],
    }
