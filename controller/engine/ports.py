"""The doors to the outside, in words of the domain, and the three ways a call can fail."""

import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from controller.domain.changes import Change, Occurrence
from controller.domain.mounts import Mount, Mounted
from controller.domain.policy import Guard, RequestSource, SlowRequests
from controller.domain.readings import Lives, Measured, Missing, Past, Tally
from controller.domain.records import Intent, Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Notice, Status


class Conflict(Exception):
    """The object moved since it was seen: look again now."""


class Unavailable(Exception):
    """The world is away: look again later."""


class Refused(Exception):
    """The other side understood and said no: say so, repeat only when something changed."""


class Fence(Protocol):
    """Whether this process is the one that acts, asked right before each of its writes."""

    def check(self) -> float:
        """How many seconds from now a write may take. Raises Unavailable when there are none."""
        ...


class Unfenced:
    """A process that acts alone."""

    def check(self) -> float:
        """As long as it takes."""
        return math.inf


class Cluster(Protocol):
    """The Kubernetes cluster, as far as releases are concerned."""

    def changes(self) -> AsyncIterator[Ref]:
        """Every Canary that may need a look; a ref says where to look, never what happened."""
        ...

    def refs(self) -> tuple[Ref, ...]:
        """Every Canary there is."""
        ...

    def scene(self, ref: Ref) -> Scene | None:
        """What is known now, own writes included; None when there is no such Canary."""
        ...

    async def commit(self, ref: Ref, status: Status, seen: str) -> str:
        """Replace the Canary's status if its version is still `seen`; returns its next version."""
        ...

    async def apply(self, ref: Ref, change: Change, seen: Scene) -> None:
        """Carry out one change, guarded by the versions in the scene it was decided on."""
        ...

    async def ask(self, ref: Ref, intent: Intent, seen: Scene) -> None:
        """Put a person's command on the Canary, in the place of the one in `seen`, if any.

        Conflict when another command came meanwhile, or the Canary is another one by now.
        """
        ...

    async def previous_log(
        self, namespace: str, pod: str, container: str, lines: int, *, down: bool
    ) -> str | Missing:
        """The last lines of the container's process that died; `down`: it was not restarted yet."""
        ...

    async def mounted(self, namespace: str, mount: Mount) -> Mounted | Missing:
        """What a ConfigMap or Secret is now, never its contents; or why that cannot be seen."""
        ...

    async def let_go(self, ref: Ref) -> None:
        """Take the opt-in label of a Canary that is gone off its workload, and say how to finish.

        Nothing is promoted and nothing is unpaused: that is a person's decision.
        """
        ...

    async def record(self, ref: Ref, occurrence: Occurrence) -> None:
        """Write an Event; a failure is logged, never raised."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stable:
    """Whose past is asked for: the ReplicaSets' names, and the pods that live, by creation time.

    A pod that is gone is known by its name alone, which begins with its ReplicaSet's and "-".
    """

    replica_sets: frozenset[str]
    pods: Mapping[str, datetime]


class Metrics(Protocol):
    """Where requests and restarts are counted. Reads never raise: what cannot be had is Missing."""

    async def tally(
        self,
        source: RequestSource,
        namespace: str,
        pods: Mapping[str, datetime],
        *,
        slow: SlowRequests | None = None,
        since: datetime,
        now: datetime,
    ) -> Tally | Missing:
        """Requests and errors of these pods (name to creation time) after `since` until about now.

        With `slow` the events are slow requests instead. The answer's `since` is the one asked for,
        or a later one if that is too long ago. `until` of the answer is where the next read has to
        go on; it lags `now` by as much as samples need to arrive.
        """
        ...

    async def past(
        self,
        source: RequestSource,
        namespace: str,
        stable: Stable,
        *,
        slow: SlowRequests | None = None,
        span: timedelta,
        now: datetime,
    ) -> Past | Missing:
        """What stable counted in the last `span`, at a cost that does not grow without bound.

        Where all of it cannot be had in time, what can: the answer's `since` is later then.
        """
        ...

    async def lives(
        self, namespace: str, stable: Stable, *, span: timedelta, now: datetime
    ) -> Lives | Missing:
        """Restarts and life of stable's pods in the last `span`, those that are gone included."""
        ...

    async def restarts(
        self, namespace: str, pods: frozenset[str], now: datetime
    ) -> Mapping[str, int] | Missing:
        """Container restarts per pod as the metric source counts them; unknown pods are absent."""
        ...

    async def guard(
        self,
        guard: Guard,
        namespace: str,
        canary: frozenset[str],
        stable: frozenset[str],
        now: datetime,
    ) -> Measured | Missing:
        """What a guard's expression says of these pods now; anything but finite numbers is Missing.

        An empty answer is Missing too: a guard that sees nothing has not passed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom the API server knows by a token, or an administrator by a table."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Verb(StrEnum):
    """What RBAC decides about `canaries`."""

    GET = "get"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    HOLD = "hold"


class Access(Protocol):
    """Who somebody is and what they may do. No answer is a no: Unavailable is raised."""

    async def person(self, token: str) -> Person | None:
        """Whose token it is; None: it is not valid, or not meant for us."""
        ...

    async def may(self, person: Person, verb: Verb, namespace: str, name: str = "") -> bool:
        """Whether plain RBAC allows it; no namespace: in all of them, no name: any Canary there."""
        ...


class Notifier(Protocol):
    """Who tells people."""

    async def send(self, ref: Ref, notice: Notice) -> None:
        """Deliver, or raise Unavailable (try again later) or Refused (will never be taken)."""
        ...


class Clock(Protocol):
    """The wall's time, in UTC and whole milliseconds."""

    def now(self) -> datetime: ...
