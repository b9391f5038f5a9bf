"""Stable's past as the bets want it: arrays, without what cannot be believed."""

from collections.abc import Iterable, Mapping

import numpy as np

from controller.domain.evidence.looks import Known
from controller.domain.evidence.streams import OTHERS, SERVICE, Streams, known_segments
from controller.domain.evidence.windows import COUNT_MAX, Floats, sound, sound_events
from controller.domain.history import Bursts, History, RequestPast
from controller.domain.readings import Counts


def known_of(past: RequestPast) -> tuple[Known, Streams]:
    """The past of one metric, and the streams it makes known."""
    segments = {name: counts for name, counts in past.segments.items() if sound(counts)}
    known = known_segments(segments)
    rows = np.array([(0.0, 0.0), *((c.errors, c.requests) for c in known.values())]).T
    rows[:, 0] = rows.sum(axis=1)
    # The whole service counts segments without a name too.
    nameless = segments.get(SERVICE, Counts())
    rows[:, 0] += nameless.errors, nameless.requests
    streams = Streams(known)
    bursts = _bursts(past.bursts, (SERVICE, *streams.names)) if past.bursts else None
    return Known(rows, pods_of(past.pods.values()), bursts), streams


def pods_of(pods: Iterable[Counts]) -> Floats:
    """Errors and requests of pods, shape (2, pods); garbage is left out."""
    totals = [(c.errors, c.requests) for c in pods if sound(c) and c.requests > 0]
    return np.array(totals, dtype=np.float64).reshape(-1, 2).T


def restarts_of(history: History) -> tuple[Floats, Floats]:
    """Restarts and pod-seconds of stable's past; nothing where they cannot be believed."""
    past = (float(history.restarts), float(history.pod_seconds))
    restarts, pod_seconds = past if sound_events(*past) else (0.0, 0.0)
    return np.array(restarts), np.array(pod_seconds)


def _bursts(bursts: Mapping[str, Bursts], names: tuple[str, ...]) -> Floats:
    """Spread and errors of each stream at both scales, shape (2, 2, streams).

    What is not known by a name of its own teaches the stream of all others, if there is one.
    """
    rows = {name: row for row, name in enumerate(names)}
    others = rows.get(OTHERS)
    table = np.zeros((2, 2, len(names)))
    for name, burst in bursts.items():
        row = rows.get(name, others)
        sums = np.array([burst.spread, burst.errors], dtype=np.float64)
        # NaN compares as False: neither that nor a negative or a huge number is believed.
        if row is not None and ((sums >= 0) & (sums <= COUNT_MAX)).all():
            table[:, :, row] += sums
    return table
