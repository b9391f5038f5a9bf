"""What was decided and when, in memory: the last entries of each release, for people and replay."""

from collections import deque
from dataclasses import dataclass, field

from controller.domain.case import Plan
from controller.domain.records import Ref
from controller.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision: what was seen and what came of it."""

    snapshot: Snapshot
    plan: Plan


@dataclass(slots=True)
class Journal:
    """A ring of decisions for each Canary; only those that did something are kept."""

    per_release_max: int = 200
    _entries: dict[Ref, deque[Entry]] = field(default_factory=dict)

    def record(self, ref: Ref, snapshot: Snapshot, plan: Plan) -> None:
        ring = self._entries.setdefault(ref, deque(maxlen=self.per_release_max))
        ring.append(Entry(snapshot, plan))

    def of(self, ref: Ref) -> tuple[Entry, ...]:
        return tuple(self._entries.get(ref, ()))

    def forget(self, ref: Ref) -> None:
        self._entries.pop(ref, None)
