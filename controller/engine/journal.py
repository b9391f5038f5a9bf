"""What was decided and when, in memory: the last entries, for people and replay."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from controller.domain.case import Plan
from controller.domain.records import Ref
from controller.domain.snapshot import Snapshot

# An entry is some 60 KB at 20 segments and 13 pods: 30 MB in all, however many releases run.
ENTRIES_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision: what was seen and what came of it."""

    ref: Ref
    snapshot: Snapshot
    plan: Plan


@dataclass(slots=True)
class Journal:
    """A ring of the decisions that did more than weigh."""

    _entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=ENTRIES_MAX))

    def record(self, ref: Ref, snapshot: Snapshot, plan: Plan) -> None:
        if plan.change is not None or plan.occurrences or _moved(snapshot, plan):
            self._entries.append(Entry(ref, snapshot, plan))

    def of(self, ref: Ref) -> tuple[Entry, ...]:
        return tuple(entry for entry in self._entries if entry.ref == ref)


def _moved(snapshot: Snapshot, plan: Plan) -> bool:
    return snapshot.scene.status.phase is not plan.status.phase
