"""Records of the domain as JSON and back, exactly, by the types that they declare.

Pydantic could do most of it, but it guesses which record of a union was meant by its fields, and
several changes have the same: each record of a union says its name instead.
"""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, NamedTuple

NAME: Final = "is"
"""The field in which a record of a union says its name."""
_MICROSECOND: Final = timedelta(microseconds=1)
_SCALARS: Final = frozenset({str, int, bool})

Json = Any
Notes = Callable[[str], None]
"""Told of fields that are not known here: another version wrote them."""


class Unreadable(Exception):
    """What was read is not what was written; the message says where, and what is wrong."""


class _Codec(NamedTuple):
    """Both ways of one type. A path says where in the whole a value is."""

    write: Callable[[Any], Json]
    read: Callable[[Json, str, Notes], Any]


def write(value: object, kind: object) -> Json:
    """The value, of that type, in what JSON knows."""
    return _codec(kind).write(value)


def read(value: Json, kind: object, note: Notes) -> Any:
    """The value back again. Raises Unreadable."""
    return _codec(kind).read(value, "", note)


@functools.cache
def _codec(kind: Any) -> _Codec:
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        return _union(typing.get_args(kind))
    if origin is not None:
        return _container(origin, typing.get_args(kind))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _record(kind)
    if kind in _SCALARS:
        return _Codec(lambda value: value, functools.partial(_expect, kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Codec(lambda value: value.value, functools.partial(_member, kind))
    if isinstance(kind, type) and issubclass(kind, tuple):
        return _named_tuple(kind)
    simple = {
        float: _Codec(_write_float, _read_float),
        datetime: _Codec(_write_instant, _read_instant),
        timedelta: _Codec(lambda value: value // _MICROSECOND, _read_span),
    }
    assert kind in simple, f"no way to write {kind}"
    return simple[kind]


def _record(kind: Any) -> _Codec:
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    codecs = {name: _Later(hints[name]) for name in fields}

    def write_it(value: Any) -> Json:
        return {name: codec().write(getattr(value, name)) for name, codec in codecs.items()}

    def read_it(value: Json, path: str, note: Notes) -> Any:
        given = _object(value, path)
        for name in given:
            if name not in codecs and name != NAME:
                note(f"{path}.{name}")
        found = {
            name: codec().read(given[name], f"{path}.{name}", note)
            for name, codec in codecs.items()
            if name in given
        }
        missing = [n for n, f in fields.items() if n not in found and _is_required(f)]
        if missing:
            raise Unreadable(f"{path or 'it'} lacks {', '.join(missing)}")
        return kind(**found)

    return _Codec(write_it, read_it)


class _Later:
    """A codec that is made when it is first needed: records may contain each other."""

    def __init__(self, kind: object) -> None:
        self._kind = kind
        self._made: _Codec | None = None

    def __call__(self) -> _Codec:
        if self._made is None:
            self._made = _codec(self._kind)
        return self._made


def _union(kinds: tuple[Any, ...]) -> _Codec:
    """None or one thing; or one of several records, which then says its name."""
    some = tuple(kind for kind in kinds if kind is not types.NoneType)
    optional = len(some) < len(kinds)
    if len(some) == 1:
        inner = _codec(some[0])
    else:
        assert all(dataclasses.is_dataclass(kind) for kind in some), f"a union of {kinds}"
        inner = _one_of({kind.__name__: kind for kind in some})
    if not optional:
        return inner
    return _Codec(
        lambda value: None if value is None else inner.write(value),
        lambda value, path, note: None if value is None else inner.read(value, path, note),
    )


def _one_of(kinds: Mapping[str, Any]) -> _Codec:
    def write_it(value: Any) -> Json:
        name = type(value).__name__
        return {NAME: name, **_codec(kinds[name]).write(value)}

    def read_it(value: Json, path: str, note: Notes) -> Any:
        name = _object(value, path).get(NAME)
        if not isinstance(name, str) or name not in kinds:
            raise Unreadable(f"{path} is {name!r}, not one of {', '.join(kinds)}")
        return _codec(kinds[name]).read(value, path, note)

    return _Codec(write_it, read_it)


def _container(origin: Any, kinds: tuple[Any, ...]) -> _Codec:
    if origin is tuple and (len(kinds) != 2 or kinds[1] is not Ellipsis):
        return _fixed(tuple, tuple(_codec(kind) for kind in kinds))
    inner = _codec(kinds[-1] if origin is not tuple else kinds[0])
    if origin in {dict, Mapping}:
        assert kinds[0] is str, "JSON has no other keys"
        return _Codec(
            lambda value: {key: inner.write(one) for key, one in value.items()},
            lambda value, path, note: {
                key: inner.read(one, f"{path}.{key}", note)
                for key, one in _object(value, path).items()
            },
        )
    assert origin in {tuple, frozenset}, f"no way to write {origin}"
    # A set has no order, and the same set has to be the same bytes.
    order = sorted if origin is frozenset else list
    return _Codec(
        lambda value: order(inner.write(one) for one in value),
        lambda value, path, note: origin(
            inner.read(one, f"{path}[{index}]", note)
            for index, one in enumerate(_list(value, path))
        ),
    )


def _named_tuple(kind: Any) -> _Codec:
    hints = typing.get_type_hints(kind)
    return _fixed(lambda values: kind(*values), tuple(_codec(hints[n]) for n in kind._fields))


def _fixed(make: Callable[[tuple[Any, ...]], Any], codecs: tuple[_Codec, ...]) -> _Codec:
    def read_it(value: Json, path: str, note: Notes) -> Any:
        given = _list(value, path)
        if len(given) != len(codecs):
            raise Unreadable(f"{path} has {len(given)} parts, not {len(codecs)}")
        pairs = enumerate(zip(codecs, given, strict=True))
        return make(tuple(codec.read(one, f"{path}[{i}]", note) for i, (codec, one) in pairs))

    def write_it(value: Any) -> Json:
        return [codec.write(one) for codec, one in zip(codecs, value, strict=True)]

    return _Codec(write_it, read_it)


# What is no record.


def _write_float(value: float) -> Json:
    """JSON has no infinity."""
    return value if math.isfinite(value) else str(value)


def _read_float(value: Json, path: str, note: Notes) -> float:  # noqa: ARG001 - as all codecs
    if value in ("inf", "-inf", "nan"):
        return float(value)
    # A whole number stays one: where it came from, it was one.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"{path} is {value!r}, not a number")
    return value


def _write_instant(value: datetime) -> Json:
    return value.isoformat()


def _read_instant(value: Json, path: str, note: Notes) -> datetime:
    try:
        at = datetime.fromisoformat(_expect(str, value, path, note))
    except ValueError as error:
        raise Unreadable(f"{path} is {value!r}, not an instant") from error
    if at.tzinfo is None:
        raise Unreadable(f"{path} is {value!r}: it does not say in which time zone")
    # `UTC` itself, and not an equal one: so that what is read is what was written, to the letter.
    return at.replace(tzinfo=UTC) if at.utcoffset() == timedelta(0) else at


def _read_span(value: Json, path: str, note: Notes) -> timedelta:
    try:
        return timedelta(microseconds=_expect(int, value, path, note))
    except OverflowError as error:
        raise Unreadable(f"{path} is {value!r} microseconds: too long") from error


def _expect(kind: type, value: Json, path: str, note: Notes) -> Any:  # noqa: ARG001
    if type(value) is not kind:
        raise Unreadable(f"{path} is {_short(value)}, not {kind.__name__}")
    return value


def _member(kind: type[Enum], value: Json, path: str, note: Notes) -> Enum:  # noqa: ARG001
    try:
        return kind(value)
    except ValueError as error:
        known = ", ".join(str(member.value) for member in kind)
        raise Unreadable(f"{path} is {_short(value)}, not one of {known}") from error


def _object(value: Json, path: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise Unreadable(f"{path or 'it'} is {_short(value)}, not an object")
    return value


def _list(value: Json, path: str) -> list[Json]:
    if not isinstance(value, list):
        raise Unreadable(f"{path} is {_short(value)}, not a list")
    return value


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
