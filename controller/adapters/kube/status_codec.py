"""The Canary's status, between our records and the JSON of the Kubernetes API."""

import logging
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from controller.domain.lifecycle import AT_REST, Phase
from controller.domain.naming import camel
from controller.domain.status import Status

STATUS: Final = TypeAdapter(Status)

# Written although they may be at their default: people read them in `kubectl get`.
_ALWAYS: Final = frozenset({"phase", "step"})

# Half a release is worse than none: where one of these cannot be read, both are forgotten.
_RELEASE: Final = frozenset({"phase", "release"})

_WITHOUT_RELEASE: Final = AT_REST | {Phase.PAUSED_BY_USER}

_logger = logging.getLogger(__name__)


def load_status(data: Mapping[str, Any] | None) -> Status:
    """The status that was written; never raises.

    A field that this version cannot read (a newer one wrote it, or a person edited it) is
    forgotten and logged; an unreadable release is forgotten as a whole and found anew. `stable`
    is kept as it was written or the status is a fresh one: it is never made up, because
    everything is compared with it and rolled back to it.
    """
    if not data:
        return Status()
    try:
        return _consistent(STATUS.validate_python(data))
    except ValidationError as error:
        return _without(data, error)


def dump_status(status: Status) -> dict[str, Any]:
    """The status in JSON types, camelCase, without what is at its default."""
    encoded = _encoded(status)
    assert isinstance(encoded, dict)
    return encoded


def _without(data: Mapping[str, Any], error: ValidationError) -> Status:
    """The status without the fields in which the errors are."""
    broken = {str(wrong["loc"][0]) for wrong in error.errors() if wrong["loc"]}
    _logger.warning("The status cannot be read and is forgotten in part or whole: %s", error)
    if not broken or "stable" in broken:
        return Status()
    if broken & _RELEASE:
        broken |= _RELEASE
    kept = {name: value for name, value in data.items() if name not in broken}
    try:
        return _consistent(STATUS.validate_python(kept))
    except ValidationError:
        return Status()


def _consistent(status: Status) -> Status:
    """The status, or a fresh one where no decision could stand on it."""
    if any(instant.tzinfo is None for instant in _instants(status)):
        _logger.warning("The status holds a time without a zone and is forgotten")
        return Status()
    if status.release is None and status.phase not in _WITHOUT_RELEASE:
        _logger.warning("The status says %s of no release and is forgotten", status.phase)
        return Status(
            stable=status.stable,
            recent_stables=status.recent_stables,
            rejected=status.rejected,
            history=status.history,
            outbox=status.outbox,
            intent_done=status.intent_done,
        )
    return status


def _instants(value: object) -> Iterator[datetime]:
    if isinstance(value, datetime):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _instants(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _instants(getattr(value, field.name))


def _encoded(value: object) -> Any:
    match value:
        case datetime():
            assert value.tzinfo is not None, "an instant without a zone is not an instant"
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Enum():
            return value.value
        case float():
            # Evidence may outgrow a double; JSON knows no infinity, and NaN is always a bug.
            assert not math.isnan(value), "not a number, in a status"
            return max(-sys.float_info.max, min(value, sys.float_info.max))
        case tuple():
            return [_encoded(item) for item in value]
        case dict():
            return {key: _encoded(item) for key, item in value.items()}
        case _ if is_dataclass(value):
            return {
                camel(field.name): _encoded(getattr(value, field.name))
                for field in fields(value)
                if field.name in _ALWAYS or getattr(value, field.name) != _default(field)
            }
        case _:
            return value


def _default(field: Field[Any]) -> object:
    """The field's default; MISSING, which equals nothing, for a required field."""
    return field.default if field.default_factory is MISSING else field.default_factory()
