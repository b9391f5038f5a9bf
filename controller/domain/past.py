"""Stable's past, from what the metric source answered, as the evidence wants it."""

from collections.abc import Mapping

from controller.domain.evidence import bursts_of
from controller.domain.history import History, RequestPast
from controller.domain.readings import Counts, Lives, Missing, Past


def history_of(
    errors: Past | Missing, slow: Past | Missing, lives: Lives | Missing, living: frozenset[str]
) -> History:
    """The part of the history that only the metric source knows; what it does not know is empty.

    Restarts and life are of pods that are gone: those of `living` pods come from the pods
    themselves, at the instant at which the evidence begins.
    """
    gone = [] if isinstance(lives, Missing) else [p for p in lives.seconds if p not in living]
    return History(
        errors=_requests(errors),
        slow=_requests(slow),
        restarts=0 if isinstance(lives, Missing) else sum(lives.restarts.get(p, 0) for p in gone),
        pod_seconds=0.0 if isinstance(lives, Missing) else sum(lives.seconds[p] for p in gone),
    )


def _requests(past: Past | Missing) -> RequestPast:
    if isinstance(past, Missing):
        return RequestPast()
    segments: dict[str, Counts] = {}
    pods: dict[str, Counts] = {}
    for pod, per_segment in past.pods.items():
        pods[pod] = _sum(per_segment)
        for segment, counts in per_segment.items():
            segments[segment] = segments.get(segment, Counts()) + counts
    return RequestPast(segments=segments, pods=pods, bursts=bursts_of(past.recent))


def _sum(per_segment: Mapping[str, Counts]) -> Counts:
    return sum(per_segment.values(), Counts())
