"""The Metrics port spoken to Prometheus: raw counters, fetched for many releases at once."""

from controller.adapters.prometheus.metrics import Observer, PrometheusMetrics
from controller.adapters.prometheus.presets import PRESETS, problem_of

__all__ = ["PRESETS", "Observer", "PrometheusMetrics", "problem_of"]
