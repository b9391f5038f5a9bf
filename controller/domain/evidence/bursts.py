"""How errors came in bursts in stable's last minutes, counted once when a release starts."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from controller.domain.evidence.dispersion import Dispersion
from controller.domain.evidence.streams import SERVICE
from controller.domain.evidence.windows import COUNT_MAX, Floats, PodCounts
from controller.domain.history import Bursts

WINDOWS_MAX = 1_000  # more looks than this teach nothing new
SEGMENTS_MAX = 1_000
PODS_MAX = 1_000


def bursts_of(windows: Sequence[PodCounts]) -> dict[str, Bursts]:
    """The spread of errors over the pods, look by look, per segment; "" is the whole service.

    Empty where no look has two pods with requests. Counts that cannot be believed are left out.
    """
    recent = windows[-WINDOWS_MAX:]
    pods = _names((window.keys() for window in recent), PODS_MAX)
    named = (segments.keys() - {SERVICE} for window in recent for segments in window.values())
    segments = {SERVICE: 0} | {name: 1 + at for name, at in _names(named, SEGMENTS_MAX).items()}
    dispersion = Dispersion((len(segments),))
    for window in recent:
        dispersion.add(_table(window, pods, segments))
    spread, errors = dispersion.spread.T.tolist(), dispersion.errors.T.tolist()
    if not (dispersion.errors > 0).any():
        return {}
    return {
        segment: Bursts(spread=tuple(spread[row]), errors=tuple(errors[row]))
        for segment, row in segments.items()
    }


def _names(groups: Iterable[Iterable[str]], most: int) -> dict[str, int]:
    """All names in order, with their places."""
    names: set[str] = set()
    for group in groups:
        names.update(group)
    return {name: at for at, name in enumerate(sorted(names)[:most])}


def _table(window: PodCounts, pods: Mapping[str, int], segments: Mapping[str, int]) -> Floats:
    """Errors and requests of one look, shape (2, pods, streams)."""
    width = len(segments)
    errors = [0.0] * (len(pods) * width)
    requests = errors.copy()
    for pod, counted in window.items():
        line = pods.get(pod)
        if line is None:
            continue
        start = line * width
        for segment, counts in counted.items():
            row = segments.get(segment)
            failed, served = counts.errors, counts.requests
            if row is not None and 0.0 <= failed <= served <= COUNT_MAX:
                errors[start + row] += failed
                requests[start + row] += served
    table = np.array((errors, requests), dtype=np.float64).reshape(2, len(pods), width)
    table[:, :, 0] = table.sum(axis=2)
    return table
