"""How often stable's containers were restarted, and how long its pods lived, gone ones included."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from controller.adapters.prometheus.selecting import Selection
from controller.adapters.prometheus.series import Series
from controller.adapters.prometheus.siblings import Asked, Fetch, by_pod, selector
from controller.domain.readings import Lives, Missing

RESTARTS: Final = Selection(metric="kube_pod_container_status_restarts_total")
QUERY_SECONDS: Final = 5.0
MARKS: Final = 144
STEP_MIN_MS: Final = 60_000

Container = tuple[str, str]  # uid and name


async def read_lives(fetch: Fetch, asked: Asked) -> Lives | Missing:
    """Restarts and seconds of life in the span, as kube-state-metrics has them.

    The last count of each container, also of one that was there for a moment only, and its first
    one: of a pod that was there before the span, what it had counted by then is not its restarts
    in it. Lives of pods that are gone are known to a mark.
    """
    if not asked.stable.pods and not asked.stable.replica_sets:
        return Missing("no pods", "stable has none")
    span = round(asked.span.total_seconds())
    step = max(STEP_MIN_MS, (asked.at - asked.start) // MARKS) // 1000
    pods = selector(RESTARTS, asked)
    marks, last = await asyncio.gather(
        fetch(f"{pods}[{span}s:{step}s]", asked.at, QUERY_SECONDS),
        fetch(f"max_over_time({pods}[{span}s])", asked.at, QUERY_SECONDS),
    )
    if isinstance(marks, Missing):
        return marks
    if isinstance(last, Missing):
        return last
    if not last:
        hint = "is kube-state-metrics scraped, with honorLabels?"
        return Missing("no series", f"{pods[:200]} finds nothing; {hint}")
    return _lives(asked, by_pod(RESTARTS, marks), by_pod(RESTARTS, last), step * 1000)


def _lives(
    asked: Asked,
    marks: Mapping[str, Sequence[Series]],
    last: Mapping[str, Sequence[Series]],
    step: int,
) -> Lives:
    first = min((s.samples[0][0] for some in marks.values() for s in some), default=asked.start)
    # Kube-state-metrics may be younger than the span, and so may be what Prometheus kept.
    begin = max(asked.start, first - step)
    created = {pod: round(at.timestamp() * 1000) for pod, at in asked.stable.pods.items()}
    restarts, seconds = {}, {}
    for pod, series in last.items():
        seen = marks.get(pod, ())
        was_there = created[pod] < begin if pod in created else _seen_at(seen, first)
        before = _counted(seen, at=first) if was_there else {}
        after = _counted(series)
        restarts[pod] = sum(max(0, after[one] - before.get(one, 0)) for one in after)
        if pod in created:
            seconds[pod] = max(0, asked.at - max(begin, created[pod])) / 1000
        else:
            seconds[pod] = _life_ms(seen, begin, step) / 1000
    return Lives(restarts=restarts, seconds=seconds)


def _seen_at(series: Sequence[Series], time: int) -> bool:
    return any(one.samples[0][0] <= time for one in series)


def _counted(series: Sequence[Series], at: int | None = None) -> dict[Container, int]:
    """Restarts by container; two instances of kube-state-metrics say the same thing twice.

    With `at` those of containers whose first mark was then.
    """
    counted: dict[Container, int] = {}
    for one in series:
        key = (one.labels.get("uid", ""), one.labels.get("container", ""))
        time, value = one.samples[-1] if at is None else one.samples[0]
        if at is None or time <= at:
            counted[key] = max(counted.get(key, 0), round(value))
    return counted


def _life_ms(marks: Sequence[Series], begin: int, step: int) -> int:
    """How long a pod that is gone was seen: it came and went half a step off, on average."""
    if not marks:
        return step // 2
    first = min(one.samples[0][0] for one in marks)
    last = max(one.samples[-1][0] for one in marks)
    return last + step // 2 - max(begin, first - step // 2)
