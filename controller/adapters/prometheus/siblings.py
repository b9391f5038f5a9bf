"""Stable's pods, those that are gone included, as Prometheus is asked for them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from controller.adapters.prometheus.selecting import Selection, any_of, quoted
from controller.adapters.prometheus.series import Series, milliseconds
from controller.domain.readings import Missing
from controller.engine.ports import Stable

# The API server cuts a ReplicaSet's name here to make its pods' names: what is longer may be
# another revision's too.
GENERATED_FROM_MAX: Final = 58

_META: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")


class Fetch(Protocol):
    """Asks one query as of `at` (milliseconds), in bounded time; never raises."""

    async def __call__(
        self, text: str, at: int, timeout_seconds: float
    ) -> list[Series] | Missing: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose past, and how much of it until `now`."""

    namespace: str
    stable: Stable
    span: timedelta
    now: datetime

    @property
    def at(self) -> int:
        return milliseconds(self.now)

    @property
    def start(self) -> int:
        return milliseconds(self.now - self.span)


def selector(selection: Selection, asked: Asked, *, gone: bool = True) -> str:
    """An instant selector of stable's pods; without `gone` of those that live."""
    pods = siblings(asked.stable) if gone else any_of(asked.stable.pods)
    matchers = [
        *([selection.matchers] if selection.matchers else []),
        f"{selection.namespace_label}=~{any_of([asked.namespace])}",
        f"{selection.pod_label}=~{pods}",
    ]
    return f"{selection.metric}{{{','.join(matchers)}}}"


def siblings(stable: Stable) -> str:
    """A quoted regular expression of all pods that stable has and ever had."""
    prefixes = [f"{name}-" for name in sorted(stable.replica_sets)]
    whole = [prefix for prefix in prefixes if len(prefix) <= GENERATED_FROM_MAX]
    patterns = [f"{escaped(prefix)}[a-z0-9]+" for prefix in whole]
    others = [
        escaped(pod)
        for pod in sorted(stable.pods)
        if not any(re.fullmatch(pattern, pod) for pattern in patterns)
    ]
    return quoted("|".join([*patterns, *others]))


def escaped(text: str) -> str:
    """A regular expression, in RE2's syntax, of nothing but this text."""
    return _META.sub(r"\\\1", text)


def by_pod(selection: Selection, series: Sequence[Series]) -> dict[str, list[Series]]:
    """Series by pod name; the namespace is the one that was asked for."""
    found: dict[str, list[Series]] = {}
    for one in series:
        found.setdefault(one.labels.get(selection.pod_label, ""), []).append(one)
    return found
