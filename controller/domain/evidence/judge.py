"""The evidence of one release: it is begun, fed, stored, resumed, and asked for a verdict."""

from typing import Any, Final, Self

import numpy as np

from controller.domain.evidence.ledger import Ledger
from controller.domain.evidence.looks import CrashLook, RequestLook
from controller.domain.evidence.mixture import Starts
from controller.domain.evidence.past import known_of, restarts_of
from controller.domain.evidence.report import Bank, verdict_of
from controller.domain.evidence.requests import Requests
from controller.domain.evidence.ruling import rule
from controller.domain.evidence.state import Part, pack, restore, unpack
from controller.domain.evidence.streams import SERVICE, Streams
from controller.domain.evidence.windows import (
    CrashWindow,
    RequestWindow,
    sound_events,
    sound_seconds,
)
from controller.domain.findings import Metric, Verdict
from controller.domain.history import History
from controller.domain.policy import Policy
from controller.domain.readings import Missing

METRICS: Final = ("errors", "slow")  # what the parts of the state are called


class Evidence:
    """All bets of one release. Mutable; `dump` and `load` carry it from look to look.

    P(a canary that is no worse than tolerated is ever judged WORSE) <= policy.false_rollback_max,
    however often one looks, under the assumptions of the bets (see `bets`).
    """

    __slots__ = ("_ledger", "_streams")

    def __init__(self, ledger: Ledger, streams: tuple[Streams, Streams]) -> None:
        """`streams` name the rows of the failed and of the slow requests."""
        self._ledger = ledger
        self._streams = streams

    @classmethod
    def begin(cls, policy: Policy, history: History) -> Self:
        """No evidence yet; what is tolerated is learned from history."""
        errors, error_streams = known_of(history.errors)
        slow, slow_streams = known_of(history.slow)
        restarts, pod_seconds = restarts_of(history)
        ledger = Ledger.begin(
            policy, errors=errors, slow=slow, restarts=restarts, pod_seconds=pod_seconds
        )
        return cls(ledger, (error_streams, slow_streams))

    @classmethod
    def load(cls, text: str, policy: Policy) -> Self:
        """What `dump` gave; ValueError for an unknown version or anything else."""
        facts, values = unpack(text)
        try:
            parts = [facts[metric] for metric in METRICS]
            streams = [Streams(part["known"], part["late"]) for part in parts]
            learned = [np.array(float(part["learned"])) for part in parts]
            crashes, pod_seconds = (np.array(float(past)) for past in facts["restart_history"])
            ledger = Ledger.empty(
                policy,
                learned=(learned[0], learned[1]),
                known=(len(streams[0].known), len(streams[1].known)),
                late=(len(streams[0].late), len(streams[1].late)),
                past=(crashes, pod_seconds),
            )
            ledger.restarts.starts = Starts(**facts["starts"])
            resumed = [
                (Starts(**part["starts"]), int(part["looks"]), int(part["turn"])) for part in parts
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"evidence cannot be read: {error!r}") from error
        restore(_state(ledger), values)
        for bank, resumed_at in zip((ledger.errors, ledger.slow), resumed, strict=True):
            if bank is not None:
                bank.resume(*resumed_at)
        return cls(ledger, (streams[0], streams[1]))

    def dump(self) -> str:
        """The whole state as text. A release that is resumed from it goes on exactly alike."""
        ledger, restarts = self._ledger, self._ledger.restarts
        banks = zip(METRICS, (ledger.errors, ledger.slow), self._streams, strict=True)
        facts: dict[str, Any] = {
            "restart_history": (float(restarts.crashes), float(restarts.pod_seconds)),
            "starts": _facts_of(restarts.starts),
        } | {metric: _facts_of_bank(bank, streams) for metric, bank, streams in banks}
        return pack(facts, _state(ledger))

    def add_requests(self, window: RequestWindow) -> None:
        """Weigh the failed requests of one look. Counts that cannot be believed are left out."""
        if self._ledger.errors is not None:
            _add(self._ledger.errors, self._streams[0], window)

    def add_slow(self, window: RequestWindow) -> None:
        """Weigh the slow requests of one look: the "errors" of its counts are slow requests."""
        if self._ledger.slow is not None:
            _add(self._ledger.slow, self._streams[1], window)

    def add_crashes(self, window: CrashWindow) -> None:
        """Weigh the crashes of one look. Counts that cannot be believed are left out."""
        canary = (float(window.canary_crashes), float(window.canary_seconds))
        stable = (float(window.stable_crashes), float(window.stable_seconds))
        if not sound_events(*canary):
            canary = (0.0, 0.0)
        if not sound_events(*stable):
            stable = (0.0, 0.0)
        seconds = 0.0
        if canary[1] + stable[1] > 0:
            seconds = sound_seconds(window.seconds) or self._guess_seconds(canary[1], stable[1])
        numbers = np.array((canary[0], stable[0], canary[1], stable[1]))
        self._ledger.add_crashes(CrashLook(seconds, *(numbers[i, ...] for i in range(4))))

    def exposure_changed(self) -> None:
        """The controller changed how many pods take traffic: its ratio has to be learned anew."""
        self._ledger.exposure_changed()

    def verdict(
        self,
        *,
        blind: Missing | None = None,
        slow_blind: Missing | None = None,
        stable_gone: bool = False,
    ) -> Verdict:
        """What all findings say together.

        `blind` and `slow_blind` say why nothing is known of failed and of slow requests since the
        last look; `stable_gone` that no stable pods run beside the canary, so that history alone
        has to do.
        """
        ledger = self._ledger
        ruling = rule(ledger, stable_gone=stable_gone)
        names = [(SERVICE, *streams.names) for streams in self._streams]
        banks = []
        if ledger.errors is not None and ruling.errors is not None:
            limit = ledger.policy.limits.error_rate if ruling.breached[1] else None
            errors = Bank(Metric.ERROR_RATE, ledger.errors, ruling.errors, names[0], blind, limit)
            banks.append(errors)
        if ledger.slow is not None and ruling.slow is not None:
            wanted = ledger.policy.slow_requests
            threshold = wanted.threshold.total_seconds() if wanted is not None else None
            slow = Bank(
                Metric.SLOW_REQUESTS,
                ledger.slow,
                ruling.slow,
                names[1],
                slow_blind,
                slower_than=threshold,
            )
            banks.append(slow)
        return verdict_of(ledger, ruling, banks)

    def _guess_seconds(self, canary: float, stable: float) -> float:
        """The length of a window from its pod-seconds, and the pods planned as far as known."""
        errors = self._ledger.errors
        pods = 0.0 if errors is None else float(errors.pods.sum())
        if pods > 0:
            return (canary + stable) / pods
        return min(value for value in (canary, stable) if value > 0)


def _add(bank: Requests, streams: Streams, window: RequestWindow) -> None:
    for _ in range(streams.admit(window.stable, window.canary)):
        bank.append()
    bank.add(
        RequestLook(
            seconds=sound_seconds(window.seconds),
            canary=np.add.reduce(streams.tabulate(window.canary), axis=1),
            stable=streams.tabulate(window.stable),
            canary_pods=window.canary_pods,
            stable_pods=window.stable_pods,
        )
    )


def _facts_of_bank(bank: Requests | None, streams: Streams) -> dict[str, Any]:
    if bank is None:
        return {"known": (), "late": (), "learned": 1.0, "starts": {}, "looks": 0, "turn": 0}
    return {
        "known": streams.known,
        "late": streams.late,
        "learned": float(bank.terms.learned),
        "starts": _facts_of(bank.starts),
        "looks": bank.dispersion.looks,
        "turn": bank.pair.wealth.turn,
    }


def _facts_of(starts: Starts) -> dict[str, float]:
    """What `asdict` gives, without its copies of copies."""
    return {name: getattr(starts, name) for name in starts.__slots__}


def _state(ledger: Ledger) -> list[Part]:
    """The arrays of all banks, always in the same order."""
    state: list[Part] = [*ledger.restarts.arrays()]
    for bank in (ledger.errors, ledger.slow):
        if bank is not None:
            state += bank.state()
    return state
