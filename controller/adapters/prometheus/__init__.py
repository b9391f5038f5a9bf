"""The Metrics port spoken to Prometheus: raw counters, fetched for many releases at once."""

from controller.adapters.prometheus.metrics import Observer, PrometheusMetrics
from controller.adapters.prometheus.presets import PRESETS
from controller.adapters.prometheus.problems import problem_of

__all__ = ["PRESETS", "Observer", "PrometheusMetrics", "problem_of"]
