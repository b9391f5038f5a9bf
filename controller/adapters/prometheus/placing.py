"""By which label a metric's series name their pod: scrape configurations differ."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from controller.adapters.prometheus.selecting import Ask, Found, Scheme, Selection, selector
from controller.adapters.prometheus.series import Series

log = logging.getLogger(__name__)

REMEMBERED_MAX: Final = 2_000

# In order of preference. The label for the namespace goes by a scheme with the one for the pod.
SCHEMES: Final = (
    Scheme("pod", "namespace"),
    Scheme("kubernetes_pod_name", "kubernetes_namespace"),
    Scheme("kubernetes_pod_name", "namespace"),
    Scheme("pod_name", "namespace"),
    Scheme("k8s_pod_name", "k8s_namespace_name"),
    Scheme("k8s_pod_name", "namespace"),
    Scheme("exported_pod", "exported_namespace"),
)
POD_LABELS: Final = tuple(dict.fromkeys(scheme.pod for scheme in SCHEMES))


def schemes_of(pod_label: str | None) -> tuple[Scheme, ...]:
    """Where to look for the pods, the most likely first. A label that was named is the only one."""
    if pod_label is None:
        return SCHEMES
    known = tuple(scheme for scheme in SCHEMES if scheme.pod == pod_label)
    return known or (Scheme(pod_label, "namespace"),)


def placed(selection: Selection, scheme: Scheme) -> Selection:
    return replace(selection, pod_label=scheme.pod, namespace_label=scheme.namespace)


def probe(selection: Selection, schemes: Iterable[Scheme], asks: Sequence[Ask]) -> str:
    """One query that finds these pods whichever of the labels names them."""
    return " or ".join(
        f"count by ({scheme.namespace},{scheme.pod}) ({selector(placed(selection, scheme), asks)})"
        for scheme in schemes
    )


def by_scheme(schemes: Iterable[Scheme], series: Iterable[Series]) -> Found:
    """What a probe found, by namespace and pod: the labels left say which of them it was."""
    found: dict[tuple[str, str], list[Series]] = {}
    known = {frozenset(scheme): scheme for scheme in schemes}
    for one in series:
        scheme = known.get(frozenset(one.labels))
        if scheme is not None:
            key = (one.labels[scheme.namespace], one.labels[scheme.pod])
            found.setdefault(key, []).append(one)
    return found


def best(schemes: Iterable[Scheme], ask: Ask, found: Found) -> Scheme | None:
    """The labels that name most of the pods asked for, the preferred ones of several."""
    seen: dict[frozenset[str], int] = {}
    for pod in ask.pods:
        for one in found.get((ask.namespace, pod), ()):
            labels = frozenset(one.labels)
            seen[labels] = seen.get(labels, 0) + 1
    ranked = [(seen.get(frozenset(scheme), 0), scheme) for scheme in schemes]
    number, scheme = max(ranked, key=lambda pair: pair[0])
    return scheme if number else None


Key = tuple[Selection, tuple[Scheme, ...], str]


class Places:
    """What was found, remembered per metric and namespace. Bounded; forgets the oldest.

    Only another label that finds series takes the place of one that did: a release that has none
    of either says nothing about its neighbours'.
    """

    def __init__(self) -> None:
        self._found: dict[Key, Scheme] = {}

    def known(self, key: Key) -> Scheme | None:
        return self._found.get(key)

    def note(self, key: Key, scheme: Scheme) -> None:
        """Remember, and say so when it is news."""
        if self._found.pop(key, None) != scheme:
            selection, _, namespace = key
            log.info(
                "The series of %s{%s} in namespace %s name their pods by the label %s",
                selection.metric,
                selection.matchers,
                namespace,
                scheme.pod,
            )
        self._found[key] = scheme
        if len(self._found) > REMEMBERED_MAX:
            del self._found[next(iter(self._found))]
