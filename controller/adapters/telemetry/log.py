"""The log: one JSON object a line for machines, or text for people, without secrets."""

import json
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TextIO

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
