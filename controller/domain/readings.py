"""What a metric source said: counts over a window, or a reason why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Missing:
    """No data, and why. It can hold a release, never pass or fail one."""

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests of a window and how many of them failed."""

    errors: float = 0.0
    requests: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.errors + other.errors, self.requests + other.requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts per pod and segment between two instants, told apart by pod name.

    A pod that is absent said nothing: that is not "no errors".
    """

    since: datetime
    until: datetime
    pods: Mapping[str, Mapping[str, Counts]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Stable's own past: what its pods, those that are gone included, counted since `since`.

    `pods` are totals per pod and segment. `recent` are the last minutes look by look, oldest first,
    for how errors come in bursts; it may be empty. `until` is where the past ends: what comes after
    is evidence.
    """

    since: datetime
    until: datetime
    pods: Mapping[str, Mapping[str, Counts]] = field(default_factory=dict)
    recent: tuple[Mapping[str, Mapping[str, Counts]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """Restarts and seconds of life per pod of a revision, those that are gone included."""

    restarts: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a guard's query gave at an instant: its lowest and highest value.

    `stable` is stable's highest, when it was asked too.
    """

    at: datetime
    lowest: float
    highest: float
    stable: float | None = None


Reading = Tally | Missing

UNREAD: Final = Missing("not read yet", "the first look since the start is under way")
