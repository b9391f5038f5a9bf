"""What a comparison found, with its numbers; and what all findings say together."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from controller.domain.naming import API


class Outcome(StrEnum):
    """What the evidence says of one comparison, or of all of them."""

    WORSE = "Worse"
    NOT_WORSE = "NotWorse"
    UNDECIDED = "Undecided"
    BLIND = "Blind"


class Metric(StrEnum):
    """What is compared."""

    RESTARTS = "restarts"
    ERROR_RATE = "error-rate"
    SLOW_REQUESTS = "slow-requests"
    GUARD = "guard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison: events (errors, crashes) out of an exposure.

    The exposure is requests for a rate of requests, pod-seconds for restarts; a guard's `events` is
    its value.
    """

    __pydantic_config__: ClassVar = API
    events: float = 0.0
    exposure: float = 0.0

    @property
    def rate(self) -> float:
        return self.events / self.exposure if self.exposure > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """An interval of a ratio of rates; `high` None is without bound."""

    __pydantic_config__: ClassVar = API
    low: float
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spared:
    """Container deaths that are not held against the canary, by cause."""

    __pydantic_config__: ClassVar = API
    cause: str
    canary: int = 0
    stable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One comparison with its evidence.

    `evidence` and `needed` are e-values ("the canary is worse" at evidence >= needed); `segment`
    empty is the whole service, for a guard its name; `reason` says why it is blind, or what
    convicted it. `ratio` is an anytime-valid 95 % interval of canary : stable; `hidden` the rate
    of events above which the canary would have shown more, except with probability 0.05; `spared`
    the deaths that were seen and not counted. `bound` is the plain limit that a guard (reason
    "maximum", "minimum" or "ratio") or a metric (reason "limit") has to keep, for slow requests the
    seconds above which they are slow; `since` the instant from which on a guard has been out of it.
    """

    __pydantic_config__: ClassVar = API
    metric: Metric
    outcome: Outcome
    segment: str = ""
    canary: Side = field(default_factory=Side)
    stable: Side = field(default_factory=Side)
    evidence: float = 0.0
    needed: float = 0.0
    reason: str = ""
    ratio: Range | None = None
    hidden: float | None = None
    spared: tuple[Spared, ...] = ()
    bound: float | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncovered:
    """A segment of stable's traffic that the canary was not exercised on."""

    __pydantic_config__: ClassVar = API
    segment: str
    requests: int
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All findings together. `suspicious` holds the step: a crash that may yet be chance."""

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()
    suspicious: bool = False

    @property
    def worst(self) -> Finding | None:
        """The finding that decided, or is nearest to deciding."""
        order = {Outcome.WORSE: 3, Outcome.BLIND: 2, Outcome.UNDECIDED: 1, Outcome.NOT_WORSE: 0}
        return max(self.findings, key=lambda f: (order[f.outcome], f.evidence), default=None)
