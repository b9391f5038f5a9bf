"""The segment of a series, by a person's rules; and the largest of too many, by stable's past.

The rules are functions of the label's value alone, so that a segment is called the same in every
look. `most` is not: it is applied once a release, to stable's past, and from then on the evidence
pools what it does not know. Nothing here is bounded by what a look happens to bring.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from controller.adapters.prometheus.patterns import compiled, covers, filled, whole
from controller.domain.evidence.streams import OTHERS
from controller.domain.policy import SegmentRules
from controller.domain.readings import Counts

OTHER: Final = "other"
NO_ROUTE: Final = "(no route)"
CHARACTERS_MAX: Final = 200
REMEMBERED: Final = 16_384

PodCounts = Mapping[str, Mapping[str, Counts]]


def segment_of(label: str, labels: Mapping[str, str], rules: SegmentRules) -> str | None:
    """The segment of a series that has these labels; None when it is denied.

    `label` "" means that nothing is split: all is the whole service, "".
    """
    return _named(labels.get(label, ""), rules) if label else ""


@lru_cache(maxsize=REMEMBERED)
def _named(value: str, rules: SegmentRules) -> str | None:
    value = whole(value)
    name = value if len(value) <= CHARACTERS_MAX else value[: CHARACTERS_MAX - 1] + "…"
    for rewrite in rules.rewrites:
        name = compiled(rewrite.pattern).sub(filled(rewrite.to), name)[:CHARACTERS_MAX]
    name = name or NO_ROUTE
    if any(covers(pattern, name) for pattern in rules.deny):
        return None
    if rules.allow and not any(covers(pattern, name) for pattern in rules.allow):
        return OTHER
    return name


def largest(pods: PodCounts, most: int) -> frozenset[str]:
    """The segments to tell apart: the `most` with the most requests. Ties go by name.

    What the rules pooled already, and the whole service, are none to choose.
    """
    totals: dict[str, float] = {}
    for segments in pods.values():
        for segment, counts in segments.items():
            totals[segment] = totals.get(segment, 0.0) + counts.requests
    given = frozenset({"", OTHER}) & totals.keys()
    ranked = sorted(totals.keys() - given, key=lambda segment: (-totals[segment], segment))
    return given | frozenset(ranked[:most])


def pooled(pods: PodCounts, named: frozenset[str]) -> dict[str, dict[str, Counts]]:
    """The same with all other segments summed up, under the name by which the evidence does."""
    result: dict[str, dict[str, Counts]] = {}
    for pod, segments in pods.items():
        mine = result[pod] = {}
        for segment, counts in segments.items():
            name = segment if segment in named else OTHERS
            mine[name] = mine.get(name, Counts()) + counts
    return result
