"""The Canary's status, between our records and the JSON of the Kubernetes API."""

import logging
import math
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, fields
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from controller.domain.lifecycle import AT_REST, Phase
from controller.domain.naming import camel
from controller.domain.status import Command, Notice, Status

STATUS: Final = TypeAdapter(Status)

# Written although they may be at their default: people read them in `kubectl get`.
_ALWAYS: Final = frozenset({"phase", "step"})

# Each entry stands by itself.
_ENTRIES: Final[Mapping[str, TypeAdapter[Any]]] = {
    "outbox": TypeAdapter(Notice),
    "commands": TypeAdapter(Command),
}

# Half a release is worse than none: where one of these cannot be read, both are forgotten.
_RELEASE: Final = frozenset({"phase", "release"})

_WITHOUT_RELEASE: Final = AT_REST | {Phase.PAUSED_BY_USER}

_known_fields: dict[type, tuple[tuple[str, str, object], ...]] = {}

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
    return _record(status)


def _without(data: Mapping[str, Any], error: ValidationError) -> Status:
    """The status without the fields in which the errors are."""
    broken = {str(wrong["loc"][0]) for wrong in error.errors() if wrong["loc"]}
    _logger.warning("The status cannot be read and is forgotten in part or whole: %s", error)
    if not broken or "stable" in broken:
        return Status()
    if broken & _RELEASE:
        broken |= _RELEASE
    kept = {name: value for name, value in data.items() if name not in broken}
    # A notice of a kind that a newer version made must not take the others along.
    for name in broken & _ENTRIES.keys():
        kept[name] = _readable(data[name], _ENTRIES[name])
    try:
        return _consistent(STATUS.validate_python(kept))
    except ValidationError:
        return Status()


def _readable(entries: object, adapter: TypeAdapter[Any]) -> list[object]:
    """Those of a list that can be read."""
    found: list[object] = []
    for entry in entries if isinstance(entries, list) else ():
        with suppress(ValidationError):
            adapter.validate_python(entry)
            found.append(entry)
    return found


def _consistent(status: Status) -> Status:
    """The status, or a fresh one where no decision could stand on it."""
    if not _aware(status):
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


def _aware(value: Any) -> bool:
    """Whether every time within the value has a zone."""
    if value is None or isinstance(value, str | int | float | dict):
        return True
    if isinstance(value, datetime):
        return value.tzinfo is not None
    if isinstance(value, tuple):
        return all(map(_aware, value))
    return all(_aware(getattr(value, name)) for name, _, _ in _fields(type(value)))


def _encoded(value: object) -> Any:
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return value.value
        case str():
            return value
        case float():
            # Evidence may outgrow a double; JSON knows no infinity, and NaN is always a bug.
            assert not math.isnan(value), "not a number, in a status"
            return max(-sys.float_info.max, min(value, sys.float_info.max))
        case datetime():
            assert value.tzinfo is not None, "an instant without a zone is not an instant"
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case tuple():
            return [_encoded(item) for item in value]
        case dict():
            return {key: _encoded(item) for key, item in value.items()}
        case _:
            return _record(value)


def _record(value: Any) -> dict[str, Any]:
    said = ((key, getattr(value, name), default) for name, key, default in _fields(type(value)))
    return {key: _encoded(item) for key, item, default in said if item != default or key in _ALWAYS}


def _fields(record: type) -> tuple[tuple[str, str, object], ...]:
    """Of each field of a record: its name, its key in JSON, and its default.

    A required field has the default MISSING, which equals nothing. Found once for each record,
    because a thousand statuses are read and written at every tick.
    """
    if record not in _known_fields:
        _known_fields[record] = tuple(
            (field.name, camel(field.name), _default(field)) for field in fields(record)
        )
    return _known_fields[record]


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()
