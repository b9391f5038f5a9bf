"""Selectors for many pods at once, and their series told apart again."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from controller.adapters.prometheus.series import Series

_REGEX_META: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Scheme(NamedTuple):
    """The labels by which a scrape configuration names pods and namespaces."""

    pod: str
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A metric and how its series name their pod. `metric` "": the matchers say it."""

    metric: str
    matchers: str = ""
    namespace_label: str = "namespace"
    pod_label: str = "pod"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Some pods' series as of `at`, back to `start` (milliseconds)."""

    namespace: str
    pods: frozenset[str]
    start: int
    at: int


Found = Mapping[tuple[str, str], Sequence[Series]]


def quoted(text: str) -> str:
    """A PromQL string."""
    return f'"{text.translate(_ESCAPES)}"'


def any_of(names: Iterable[str]) -> str:
    """A quoted alternation of literal names.

    Only RE2's own characters are escaped (`re.escape` would escape "-" too): Prometheus then sees
    a plain set of values and looks them up instead of matching every pod there is.
    """
    return quoted("|".join(_REGEX_META.sub(r"\\\1", name) for name in sorted(names)))


def selector(selection: Selection, asks: Sequence[Ask]) -> str:
    """An instant selector that finds every pod asked for, and perhaps a namesake elsewhere."""
    namespaces = {ask.namespace for ask in asks}
    pods = {pod for ask in asks for pod in ask.pods}
    matchers = [
        *([selection.matchers] if selection.matchers else []),
        f"{selection.namespace_label}=~{any_of(namespaces)}",
        f"{selection.pod_label}=~{any_of(pods)}",
    ]
    return f"{selection.metric}{{{','.join(matchers)}}}"


def ranged(selection: Selection, asks: Sequence[Ask]) -> str:
    """The same with every raw sample back to the earliest start asked for."""
    at = max(ask.at for ask in asks)
    # Rounded up, and one more: newer Prometheus leaves out a sample right at the start.
    seconds = (at - min(ask.start for ask in asks)) // 1_000 + 2
    return f"{selector(selection, asks)}[{seconds}s]"


def by_pod(selection: Selection, series: Iterable[Series]) -> Found:
    """Series by namespace and pod."""
    found: dict[tuple[str, str], list[Series]] = {}
    for one in series:
        namespace = one.labels.get(selection.namespace_label, "")
        found.setdefault((namespace, one.labels.get(selection.pod_label, "")), []).append(one)
    return found
