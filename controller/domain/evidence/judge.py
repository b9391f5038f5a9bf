"""The evidence of one release: it is begun, fed, stored, resumed, and asked for a verdict."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from controller.domain.evidence.margins import burst_to_expect, learned_ratio
from controller.domain.evidence.mixture import Starts
from controller.domain.evidence.requests import Requests, past_of
from controller.domain.evidence.restarts import Restarts, RestartTotals, restart_history
from controller.domain.evidence.ruling import rule
from controller.domain.evidence.state import Arrays, pack, unpack
from controller.domain.evidence.streams import Streams, known_segments
from controller.domain.evidence.windows import CrashWindow, History, RequestWindow, sound
from controller.domain.findings import Verdict
from controller.domain.policy import Policy
from controller.domain.readings import Missing


class Evidence:
    """All bets of one release. Mutable; `dump` and `load` carry it from look to look.

    P(a canary that is no worse than tolerated is ever judged WORSE) <= policy.false_rollback_max,
    however often one looks, under the assumptions of the bets (see `bets`).
    """

    __slots__ = ("_policy", "_requests", "_restarts")

    def __init__(self, policy: Policy, requests: Requests, restarts: Restarts) -> None:
        self._policy = policy
        self._requests = requests
        self._restarts = restarts

    @classmethod
    def begin(cls, policy: Policy, history: History) -> Self:
        """No evidence yet; what is tolerated is learned from history."""
        segments = {name: counts for name, counts in history.segments.items() if sound(counts)}
        known = known_segments(segments)
        past = past_of(segments, known)
        ratio = learned_ratio(history.pods.values())
        requests = Requests(policy, Streams(known), past, ratio)
        requests.dispersion.expect(burst_to_expect(history.pods.values()))
        return cls(policy, requests, Restarts(policy, restart_history(history)))

    @classmethod
    def load(cls, text: str, policy: Policy) -> Self:
        """What `dump` gave; ValueError for an unknown version or anything else."""
        facts, arrays = unpack(text)
        try:
            streams = Streams(facts["known"], facts["late"])
            past = np.zeros((len(streams), 2))
            requests = Requests(policy, streams, past, float(facts["learned"]))
            crashes, pod_seconds = facts["restart_history"]
            restarts = Restarts(policy, (float(crashes), float(pod_seconds)))
            requests.starts = Starts(**facts["starts"])
            restarts.starts = Starts(**facts["crash_starts"])
            restarts.totals = RestartTotals(
                **{name: float(value) for name, value in facts["restarts"].items()}
            )
            requests.dispersion.looks = int(facts["looks"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"evidence cannot be read: {error!r}") from error
        _restore(requests.arrays() | restarts.arrays(), arrays)
        return cls(policy, requests, restarts)

    def dump(self) -> str:
        """The whole state as text. A release that is resumed from it goes on exactly alike."""
        requests, restarts = self._requests, self._restarts
        facts: dict[str, Any] = {
            "known": requests.streams.known,
            "late": requests.streams.late,
            "learned": requests.learned,
            "starts": _facts_of(requests.starts),
            "looks": requests.dispersion.looks,
            "restart_history": restarts.history,
            "crash_starts": _facts_of(restarts.starts),
            "restarts": _facts_of(restarts.totals),
        }
        return pack(facts, requests.arrays() | restarts.arrays())

    def add_requests(self, window: RequestWindow) -> None:
        """Weigh the requests of one look. Counts that cannot be believed are left out."""
        self._requests.add(window)

    def add_crashes(self, window: CrashWindow) -> None:
        """Weigh the crashes of one look. Counts that cannot be believed are left out."""
        canary, stable = self._requests.pods
        self._restarts.add(window, (float(canary), float(stable)))

    def exposure_changed(self) -> None:
        """The controller changed how many pods take traffic: its ratio has to be learned anew."""
        self._requests.exposure_changed()

    def verdict(self, *, blind: Missing | None = None, stable_gone: bool = False) -> Verdict:
        """What all findings say together.

        `blind` says why nothing is known of requests since the last look; `stable_gone` that no
        stable pods run beside the canary, so that history alone has to do.
        """
        return rule(
            self._policy, self._requests, self._restarts, blind=blind, stable_gone=stable_gone
        )


def _facts_of(numbers: Starts | RestartTotals) -> dict[str, float]:
    """What `asdict` gives, without its copies of copies."""
    return {name: getattr(numbers, name) for name in numbers.__slots__}


def _restore(into: dict[str, NDArray[np.floating]], stored: Arrays) -> None:
    """Write stored values into the arrays of fresh evidence; ValueError when they do not fit."""
    for name, array in into.items():
        values = stored.get(name)
        if values is None or values.shape != array.shape or values.dtype != array.dtype:
            raise ValueError(f"evidence cannot be read: {name!r} is missing or has another shape")
        array[...] = values
