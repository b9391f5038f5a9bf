"""A guard's query evaluated: finite numbers, or why there are none."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from controller.adapters.prometheus.guard_query import (
    CANARY,
    EITHER,
    STABLE,
    filled,
    guard_problem,
    placeholders,
)
from controller.adapters.prometheus.series import milliseconds
from controller.domain.policy import Guard
from controller.domain.readings import Measured, Missing

__all__ = ["Fetch", "guard_problem", "read_guard", "values_of"]

QUERY_SECONDS: Final = 5.0
LABELS_SHOWN_MAX: Final = 120

T = TypeVar("T")


class Fetch(Protocol):
    """Asks one query as of `at` (milliseconds), in bounded time; `read` reads its result."""

    async def __call__(
        self, text: str, at: int, timeout_seconds: float, read: Callable[[object], T | Missing]
    ) -> T | Missing: ...


@dataclass(frozen=True, slots=True)
class Values:
    """The lowest and the highest of some finite numbers."""

    lowest: float
    highest: float


async def read_guard(
    fetch: Fetch,
    guard: Guard,
    canary: frozenset[str],
    stable: frozenset[str],
    now: datetime,
) -> Measured | Missing:
    """What the guard's query says of these pods now.

    With {{pods}} it is asked twice at once, about the canary and about stable.
    """
    problem = guard_problem(guard)
    if problem is not None:
        return Missing("guard not usable", f"{problem.message}: {problem.remedy}")
    asked = placeholders(guard.query)
    for name, pods, side in ((CANARY, canary, "the canary"), (STABLE, stable, "stable")):
        if not pods and asked & {name, EITHER}:
            return Missing("no pods", f"{side} has none")
    at = milliseconds(now)

    async def values(pods: frozenset[str]) -> Values | Missing:
        text = filled(guard.query, {CANARY: canary, STABLE: stable, EITHER: pods})
        return await fetch(text, at, QUERY_SECONDS, values_of)

    if EITHER not in asked:
        found = await values(canary)
        if isinstance(found, Missing):
            return found
        return Measured(at=now, lowest=found.lowest, highest=found.highest)
    one, other = await asyncio.gather(values(canary), values(stable))
    return _compared(one, other, now)


def _compared(
    canary: Values | Missing, stable: Values | Missing, now: datetime
) -> Measured | Missing:
    """Both sides' values, if their ratio means something."""
    if isinstance(canary, Missing):
        return Missing(canary.reason, f"of the canary: {canary.detail}")
    if isinstance(stable, Missing):
        return Missing(stable.reason, f"of stable: {stable.detail}")
    if min(canary.lowest, stable.lowest) < 0:
        return Missing("negative", "a ratio of negative values means nothing")
    if stable.highest == 0 and canary.highest > 0:
        return Missing(
            "no ratio", f"stable's value is 0, the canary's {canary.highest:g}: set max instead"
        )
    return Measured(at=now, lowest=canary.lowest, highest=canary.highest, stable=stable.highest)


def values_of(result: object) -> Values | Missing:
    """The numbers of a vector or scalar. One that is not finite spoils them all."""
    if not isinstance(result, list):
        return Missing("not a number", f"the query gives a {type(result).__name__}")
    if not result:
        return Missing(
            "no data", "the query gives nothing; where that means none, add: or vector(0)"
        )
    rows: Sequence[Any] = result if isinstance(result[0], dict) else [{"value": result}]
    numbers = []
    for row in rows:
        if not isinstance(row, dict) or "value" not in row:
            return Missing("not a number", "the query gives a histogram or samples over time")
        number = _number(row["value"])
        if number is None:
            return Missing("not a number", "the query gives a text")
        if not math.isfinite(number):
            return Missing("not finite", f"the query gives {number}{_labelled(row)}")
        numbers.append(number)
    return Values(min(numbers), max(numbers))


def _number(pair: object) -> float | None:
    if not isinstance(pair, list) or len(pair) != 2:
        return None
    try:
        return float(pair[1])
    except (TypeError, ValueError):
        return None


def _labelled(row: Mapping[str, Any]) -> str:
    """Which of many: a person has to find it again."""
    labels = row.get("metric")
    if not labels or not isinstance(labels, dict):
        return ""
    shown = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f" for {shown}"[:LABELS_SHOWN_MAX]
