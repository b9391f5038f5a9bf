"""What the controller says of itself: its log and its metrics."""

from controller.adapters.telemetry.log import (
    CONTEXT,
    REDACTED,
    JsonFormatter,
    TextFormatter,
    add_to_log_context,
    configure_logging,
    log_context,
    log_handler,
    redact,
)
from controller.adapters.telemetry.metrics import Telemetry
from controller.adapters.telemetry.standing import PREFIX

__all__ = [
    "CONTEXT",
    "PREFIX",
    "REDACTED",
    "JsonFormatter",
    "Telemetry",
    "TextFormatter",
    "add_to_log_context",
    "configure_logging",
    "log_context",
    "log_handler",
    "redact",
]
