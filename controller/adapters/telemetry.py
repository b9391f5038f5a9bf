"""What the controller says of itself: its log, one JSON object a line, and its metrics."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

PREFIX: Final = "canary_controller_"
CONTEXT: Final = ("release", "phase", "revision")
REDACTED: Final = "<redacted>"

# The first group stays, so that a reader sees what was taken out.
_SECRETS: Final = (
    re.compile(r"(\bauthorization\b[\"']?\s*[:=]\s*[\"']?\w+\s+)[^\s\"',}]+", re.IGNORECASE),
    re.compile(r"(\bBearer\s+)[A-Za-z0-9._~+/=-]{20,}", re.IGNORECASE),
    re.compile(r"(https://hooks\.[a-z0-9.-]+/)[^\s\"'<>)]+", re.IGNORECASE),
    re.compile(r"(/(?:services|workflows|triggers)/)T[A-Z0-9]{2,}/[^\s\"'<>)]+"),
    re.compile(r"(://[^\s/:@]+:)[^\s/@]+(?=@)"),
    re.compile(r"()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"),
)

# Vendors whose lower levels write secrets or a line for every call.
_FLOORS: Final[dict[str, int]] = {
    "slack_sdk": logging.INFO,
    "kubernetes": logging.INFO,
    "urllib3": logging.INFO,
    "aiohttp": logging.INFO,
    "asyncio": logging.INFO,
    "uvicorn.error": logging.WARNING,
}

_context: ContextVar[dict[str, str]] = ContextVar("log_context")


@contextmanager
def log_context(**fields: str) -> Iterator[None]:
    """Every log line of this task within the block carries these: release, phase, revision."""
    assert fields.keys() <= set(CONTEXT), f"not fields of the log: {fields.keys()}"
    token = _context.set({**_context.get({}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def add_to_log_context(**fields: str) -> None:
    """The same for what becomes known within a block; it is forgotten at the block's end."""
    assert fields.keys() <= set(CONTEXT), f"not fields of the log: {fields.keys()}"
    _context.set({**_context.get({}), **fields})


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """The text without bearer tokens, webhook addresses, passwords in URLs and these secrets."""
    for secret in filter(None, secrets):
        text = text.replace(secret, REDACTED)
    for pattern in _SECRETS:
        text = pattern.sub(rf"\1{REDACTED}", text)
    return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for machines."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _rfc3339(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "canary_context", {}),
        }
        exception = _exception(self, record)
        if exception:
            fields["exception"] = exception
        clean = {name: redact(value, self._secrets) for name, value in fields.items()}
        return json.dumps(clean, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """The same facts for people."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        context: dict[str, str] = getattr(record, "canary_context", {})
        said = " ".join(f"{name}={value}" for name, value in context.items())
        parts = [_rfc3339(record), f"{record.levelname:<7}", record.getMessage()]
        line = " ".join([*parts, f"[{said}]"] if said else parts)
        exception = _exception(self, record)
        return redact(f"{line}\n{exception}" if exception else line, self._secrets)


def log_handler(form: str, stream: TextIO, secrets: Sequence[str] = ()) -> logging.Handler:
    """Writes records of every library in one form, `json` or `text`, with the task's context."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(secrets) if form == "json" else TextFormatter(secrets))
    handler.addFilter(_with_context)
    return handler


def configure_logging(level: str, form: str, secrets: Sequence[str] = ()) -> None:
    """Send the whole process's log to stderr, in place of whatever was set up before."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.addHandler(log_handler(form, sys.stderr, secrets))
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for name, floor in _FLOORS.items():
        logging.getLogger(name).setLevel(max(floor, root.level))


def _with_context(record: logging.LogRecord) -> bool:
    record.canary_context = _context.get({})
    return True


def _rfc3339(record: logging.LogRecord) -> str:
    instant = datetime.fromtimestamp(record.created, UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [
        formatter.formatException(record.exc_info) if record.exc_info else "",
        formatter.formatStack(record.stack_info) if record.stack_info else "",
    ]
    return "\n".join(part for part in parts if part)


# A label's value must be one of few: a sentence as a cause would be a time series for each.
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_SECONDS_OF_A_ROLLBACK: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300)
_SECONDS_OF_A_CYCLE: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SECONDS_OF_A_QUERY: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Telemetry:
    """The controller's metrics, in the registry that `/metrics` shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(PREFIX + name, text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(PREFIX + name, text, buckets=buckets, registry=registry)

        self._releases = counter(
            "releases_total", "Releases that ended, by result and cause.", "result", "cause"
        )
        self._crash_to_rollback = histogram(
            "crash_to_rollback_seconds",
            "From the death of the deciding process to the answer to the rollback's PATCH.",
            _SECONDS_OF_A_ROLLBACK,
        )
        self._reconcile = histogram(
            "reconcile_seconds", "One look at one Canary, its writes included.", _SECONDS_OF_A_CYCLE
        )
        self._reconcile_errors = counter(
            "reconcile_errors_total", "Looks that failed, by the kind of error.", "kind"
        )
        self._queue_depth = Gauge(
            PREFIX + "queue_depth", "Canaries waiting for a look.", registry=registry
        )
        self._notices = counter("notices_total", "Notices sent, by result.", "result")
        self._queries = counter("prometheus_queries_total", "Queries, by result.", "result")
        self._query = histogram(
            "prometheus_query_seconds", "How long a query took.", _SECONDS_OF_A_QUERY
        )
        # A series that appears with its first count hides that count from rate().
        for result in ("delivered", "retried", "refused"):
            self._notices.labels(result)
        self._queries.labels("ok")
        self._registry = registry

    def released(self, result: str, cause: str) -> None:
        """A release ended. `cause` is one word, such as `restarts` or `error-rate`."""
        self._releases.labels(result, _word(cause)).inc()

    def rollback_sent(self, seconds: float) -> None:
        """A rollback's PATCH was answered this long after the deciding process had died."""
        self._crash_to_rollback.observe(seconds)

    @contextmanager
    def visiting(self, release: object) -> Iterator[None]:
        """Time one look, and name its release in every line that it logs."""
        with log_context(release=str(release)), self._reconcile.time():
            yield

    def failed(self, kind: str) -> None:
        """A look failed: `conflict`, `unavailable`, `refused` or `bug`."""
        self._reconcile_errors.labels(_word(kind)).inc()

    def noticed(self, result: str) -> None:
        """A notice was `delivered`, `retried` or `refused`."""
        self._notices.labels(_word(result)).inc()

    def queried(self, result: str, seconds: float) -> None:
        """`result` is `ok` or, in a word, why there is no data."""
        self._queries.labels(_word(result)).inc()
        self._query.observe(seconds)

    def show_queue(self, depth: Callable[[], float]) -> None:
        """Ask for the queue's depth at every scrape."""
        self._queue_depth.set_function(depth)

    def show_watches(
        self,
        ages_seconds: Callable[[], Mapping[str, float]],
        relists: Callable[[], Mapping[str, int]],
    ) -> None:
        """Ask for the watches' ages and relists, both by kind, at every scrape."""
        self._registry.register(_Watches(ages_seconds, relists))


class _Watches(Collector):
    """What the watches count themselves."""

    def __init__(
        self,
        ages_seconds: Callable[[], Mapping[str, float]],
        relists: Callable[[], Mapping[str, int]],
    ) -> None:
        self._ages_seconds = ages_seconds
        self._relists = relists

    def collect(self) -> Iterator[Metric]:
        age = GaugeMetricFamily(
            f"{PREFIX}watch_age_seconds",
            "Time since the API server was last heard of, by kind of object.",
            labels=["kind"],
        )
        relists = CounterMetricFamily(
            f"{PREFIX}watch_relists",
            "Full reads after a watch was lost, by kind of object.",
            labels=["kind"],
        )
        for kind, seconds in self._ages_seconds().items():
            age.add_metric([_word(kind)], seconds)
        for kind, number in self._relists().items():
            relists.add_metric([_word(kind)], number)
        yield age
        yield relists


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else "other"
