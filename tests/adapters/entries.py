"""Entries of the flight recorder: any that the types allow, and those of a simulated day."""

import asyncio
import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import hypothesis.strategies as st

from controller.cli.policies import parse_policy
from controller.engine.journal import Entry
from controller.simulation.loop import play
from controller.simulation.scenarios import catalogue
from controller.simulation.world import opened

INSTANTS = st.integers(min_value=-(10**15), max_value=10**16).map(
    lambda microseconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
SPANS = st.timedeltas(min_value=timedelta(days=-9), max_value=timedelta(days=9))
FLOATS = st.floats(allow_nan=False)
SIMPLE: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(),
    bool: st.booleans(),
    float: st.one_of(FLOATS, st.integers(min_value=-9, max_value=9)),
    datetime: INSTANTS,
    timedelta: SPANS,
    type(None): st.none(),
}


@functools.cache
def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type, whatever sense it makes."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if origin in {typing.Union, types.UnionType}:
        return st.one_of(*map(any_of, inner))
    if dataclasses.is_dataclass(kind):
        return st.deferred(lambda: _record(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if origin is not None:
        return _container(origin, inner)
    hints = typing.get_type_hints(kind)
    return st.builds(kind, *(any_of(hints[name]) for name in kind._fields))


def _container(origin: Any, inner: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin is tuple and inner[-1] is Ellipsis:
        return st.lists(any_of(inner[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(any_of, inner))
    if origin is frozenset:
        return st.frozensets(any_of(inner[0]), max_size=3)
    return st.dictionaries(any_of(inner[0]), any_of(inner[1]), max_size=2)


def _record(kind: Any) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    return st.builds(kind, **{name: any_of(hints[name]) for name in names})


@functools.cache
def of_a_day(scenario: str) -> tuple[Entry, ...]:
    """What was decided in a scenario from the push on."""

    async def day() -> tuple[Entry, ...]:
        async with opened(catalogue.scenario(scenario, parse_policy), 3) as world:
            await asyncio.sleep(60.0)
            world.push()
            await asyncio.sleep(400.0)
            assert world.controller is not None
            assert world.controller.service is not None
            return world.controller.service.journal.since(0)

    return play(day())
