"""Which faults a seed brings, how often, and until when: chosen before its run begins."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from controller.simulation.dice import Dice
from controller.simulation.scenario import Part

Span = tuple[float, float]
"""From when to when, in seconds of the run."""


class Fault(StrEnum):
    """What can go wrong. The value is what the trace says befell."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    CONFLICT = "conflict"
    LOST_REQUEST = "lost request"
    LOST_ANSWER = "lost answer"
    REFUSED = "refused"
    SLOW = "slow answer"
    STALE = "stale watch"
    LATE_EVENT = "late event"
    LOST_EVENT = "lost event"
    DOUBLED_EVENT = "doubled event"
    PROMETHEUS_AWAY = "Prometheus away"
    SLACK_AWAY = "Slack away"
    API_SERVER_AWAY = "API server away"
    NO_ANSWER = "no answer"
    GAP = "gap"
    WRONG_SCALE = "wrong scale"
    OLD_ANSWER = "old answer"
    CLOCK_JUMP = "clock jump"
    CLOCK_DRIFT = "clock drift"
    TWO_LEADERS = "two leaders"


PER_REQUEST: Final[Mapping[Fault, Span]] = {
    Fault.CRASH_BEFORE: (0.001, 0.03),
    Fault.CRASH_AFTER: (0.001, 0.03),
    Fault.CONFLICT: (0.01, 0.3),
    Fault.LOST_REQUEST: (0.005, 0.2),
    Fault.LOST_ANSWER: (0.005, 0.2),
    Fault.REFUSED: (0.01, 0.3),
    Fault.SLOW: (0.005, 0.1),
    Fault.LATE_EVENT: (0.01, 0.3),
    Fault.LOST_EVENT: (0.01, 0.5),
    Fault.DOUBLED_EVENT: (0.01, 0.5),
    Fault.NO_ANSWER: (0.01, 0.3),
    Fault.GAP: (0.01, 0.3),
    Fault.WRONG_SCALE: (0.001, 0.05),
    Fault.OLD_ANSWER: (0.01, 0.3),
}
"""Probabilities, from rare to often, of those that befall single requests, updates and answers."""

PER_HOUR: Final[Mapping[Fault, Span]] = {
    Fault.STALE: (4, 60),
    Fault.PROMETHEUS_AWAY: (2, 20),
    Fault.SLACK_AWAY: (2, 20),
    Fault.API_SERVER_AWAY: (2, 20),
    Fault.CLOCK_JUMP: (4, 60),
    Fault.CLOCK_DRIFT: (60, 120),
    Fault.TWO_LEADERS: (4, 20),
}
"""How often those come that last for a while."""

LASTS_SECONDS: Final[Mapping[Fault, Span]] = {
    Fault.STALE: (1, 30),
    Fault.PROMETHEUS_AWAY: (5, 300),
    Fault.SLACK_AWAY: (5, 300),
    Fault.API_SERVER_AWAY: (2, 90),
    Fault.TWO_LEADERS: (5, 120),
}

AWAY: Final[Mapping[Fault, Part]] = {
    Fault.PROMETHEUS_AWAY: Part.PROMETHEUS,
    Fault.SLACK_AWAY: Part.SLACK,
    Fault.API_SERVER_AWAY: Part.API_SERVER,
}

LEFT_OUT_PROBABILITY: Final = 0.5
STORM_SECONDS: Final[Span] = (60.0, 900.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The faults of one run. Kinds that are absent do not happen at all.

    `rates` are probabilities per request, or spells per hour; `spells` are planned for everybody
    at once, those that each process has for itself are not in it.
    """

    calm_after_seconds: float
    rates: Mapping[Fault, float] = field(default_factory=dict)
    spells: Mapping[Fault, tuple[Span, ...]] = field(default_factory=dict)

    def rate(self, fault: Fault) -> float:
        return self.rates.get(fault, 0.0)


def forecast(dice: Dice) -> Forecast:
    """Swarm testing: a seed leaves some kinds out, and has a rate of its own for the others.

    A run with everything at once mostly shows one thing: that nothing works without an API server.
    """
    chance = dice.stream("forecast")
    calm_after = _between(chance, STORM_SECONDS)
    rates: dict[Fault, float] = {}
    for fault, span in (*PER_REQUEST.items(), *PER_HOUR.items()):
        left_out = chance.random() < LEFT_OUT_PROBABILITY
        rate = _between(chance, span)
        if not left_out:
            rates[fault] = rate
    shared = (*AWAY, Fault.TWO_LEADERS)
    spells = {
        fault: planned(dice.stream(f"spells of {fault}"), fault, rates[fault], (0.0, calm_after))
        for fault in shared
        if fault in rates
    }
    return Forecast(calm_after_seconds=calm_after, rates=rates, spells=spells)


def planned(chance: random.Random, fault: Fault, per_hour: float, within: Span) -> tuple[Span, ...]:
    """Spells of one kind between two instants, one after the other."""
    spells: list[Span] = []
    begin, limit = within
    while per_hour > 0:
        begin += chance.expovariate(per_hour / 3600)
        if begin >= limit:
            break
        lasts = _between(chance, LASTS_SECONDS[fault]) if fault in LASTS_SECONDS else 0.0
        end = min(limit, begin + lasts)
        spells.append((begin, end))
        begin = end
    return tuple(spells)


def _between(chance: random.Random, span: Span) -> float:
    """Of every order of magnitude alike."""
    low, high = span
    return math.exp(chance.uniform(math.log(low), math.log(high)))
