"""What happened in a run, in order: the only thing that the promises are checked against."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from controller.domain.changes import Change, Occurrence
from controller.domain.readings import Past, Reading
from controller.domain.records import Ref
from controller.domain.status import Notice, Status

ENTRIES_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SetShown:
    """One revision as the cluster has it: pods wanted and pods Ready."""

    fingerprint: str
    name: str
    replicas: int
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The Deployment after something changed it. `by` is who: see `trace.BY_...`."""

    at: float
    by: str
    workload: Ref
    template: str
    paused: bool
    mark: str | None
    opted_in: str | None
    skip: str | None
    replicas: int
    surge: int
    unavailable: int
    sets: tuple[SetShown, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A process replaced a Canary's status."""

    at: float
    process: str
    ref: Ref
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A process changed the cluster. `real`: it made a difference."""

    at: float
    process: str
    ref: Ref
    change: Change
    real: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LetGo:
    """A process took the label of a Canary that is gone off its workload."""

    at: float
    process: str
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A process wrote a Kubernetes Event."""

    at: float
    process: str
    ref: Ref
    occurrence: Occurrence


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """People got a notice. It may be the second time, under the same key."""

    at: float
    process: str
    ref: Ref
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A process got an answer from the metrics.

    `history`: it was asked for stable's past; `slow`: for slow requests instead of errors.
    """

    at: float
    process: str
    pods: tuple[str, ...]
    history: bool
    slow: bool = False
    answer: Reading | Past


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process of the controller began."""

    at: float
    process: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A process of the controller is gone; why."""

    at: float
    process: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodBorn:
    """A pod was created."""

    at: float
    pod: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Died:
    """A pod's process ended by itself or by a request."""

    at: float
    pod: str
    fingerprint: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """A person or a tool did something. `what` is in words, `detail` its object."""

    at: float
    who: str
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Befell:
    """A fault was injected."""

    at: float
    process: str
    fault: str
    detail: str = ""


Entry = (
    Shown
    | Committed
    | Applied
    | LetGo
    | Noted
    | Told
    | Read
    | Started
    | Ended
    | PodBorn
    | Died
    | Did
    | Befell
)

E = TypeVar("E")

# Who changes a Deployment, besides the processes of the controller, which go by their own names.
BY_PERSON: Final = "person"
BY_DEPLOYMENT_CONTROLLER: Final = "deployment controller"
BY_NODE: Final = "node"


@dataclass(slots=True)
class Trace:
    """Everything that happened, in order. `at` is in seconds of the run."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        assert len(self.entries) < ENTRIES_MAX, "a run that has no end"
        self.entries.append(entry)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def of(self, kind: type[E]) -> list[E]:
        """The entries of one kind."""
        return [entry for entry in self.entries if isinstance(entry, kind)]

    def dump(self) -> bytes:
        """One line of JSON per entry. The same run gives the same bytes, in any process."""
        encode = msgspec.json.Encoder(order="deterministic").encode
        return b"".join(
            b'{"%s":%s}\n' % (type(entry).__name__.encode(), encode(entry))
            for entry in self.entries
        )
